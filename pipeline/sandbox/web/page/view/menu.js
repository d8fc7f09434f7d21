/** The menu of a message. */

import { byId, make } from "../dom.js";

const menu = byId("menu");
let back = null;

/** `reactions` and `items`: {label, choose}. `giveBack` takes the focus when the menu closes without a choice that takes it. */
export function openMenu(anchor, { reactions, items }, giveBack) {
  back = giveBack;
  const item = ({ label, detail, pressed, choose, keepsFocus }) =>
    make(
      "button",
      {
        type: "button",
        role: pressed === undefined ? "menuitem" : "menuitemcheckbox",
        "aria-checked": pressed === undefined ? undefined : String(pressed),
        tabindex: "-1",
        onclick: () => {
          if (keepsFocus) back = null;
          menu.hidePopover();
          choose();
        },
      },
      label,
      detail && make("span", { class: "faint" }, ` (${detail})`),
    );
  menu.replaceChildren(
    make("div", { class: "menu-reactions", role: "group", "aria-label": "React" }, reactions.map(item)),
    make("div", { class: "menu-items", role: "none" }, items.map(item)),
  );
  menu.showPopover();
  placeAt(anchor.getBoundingClientRect());
  menu.querySelector(".menu-items button").focus();
}

function placeAt(anchor) {
  const { width, height } = menu.getBoundingClientRect(),
    margin = 8;
  const left = Math.min(Math.max(anchor.right - width, margin), innerWidth - width - margin);
  const below = anchor.bottom + 4;
  const top = below + height + margin > innerHeight ? Math.max(anchor.top - height - 4, margin) : below;
  menu.style.left = `${left}px`;
  menu.style.top = `${top}px`;
}

export function startMenu() {
  menu.addEventListener("toggle", event => {
    if (event.newState === "closed" && back) back();
  });
  menu.addEventListener("keydown", event => {
    const items = [...menu.querySelectorAll("button")],
      at = items.indexOf(document.activeElement);
    const step = { ArrowDown: 1, ArrowRight: 1, ArrowUp: -1, ArrowLeft: -1 }[event.key];
    const to =
      event.key === "Home"
        ? 0
        : event.key === "End"
          ? items.length - 1
          : step && (at + step + items.length) % items.length;
    if (event.key === "Tab") menu.hidePopover();
    else if (to === undefined) return;
    event.preventDefault();
    items[to]?.focus();
  });
}

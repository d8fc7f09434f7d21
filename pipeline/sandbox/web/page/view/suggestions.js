/** What the text box offers while one types: the bot's commands, and the results of an inline query. */

import { byId, make } from "../dom.js";

const list = byId("suggestions"),
  text = byId("text");
let items = [];
let chosen = -1;

/** `offered`: {label, detail, choose}. */
export function offer(offered) {
  const before = items[chosen]?.label;
  items = offered;
  chosen = items.length
    ? Math.max(
        items.findIndex(item => item.label === before),
        0,
      )
    : -1;
  list.replaceChildren(
    ...items.map((item, at) =>
      make(
        "div",
        {
          role: "option",
          id: `suggestion-${at}`,
          onmousedown: event => event.preventDefault(),
          onclick: () => take(at),
        },
        make("span", { class: "suggested", dir: "auto" }, item.label),
        item.detail && make("span", { class: "faint", dir: "auto" }, item.detail),
      ),
    ),
  );
  list.hidden = !items.length;
  mark();
}

function mark() {
  [...list.children].forEach((node, at) => node.setAttribute("aria-selected", String(at === chosen)));
  list.children[chosen]?.scrollIntoView({ block: "nearest" });
  if (chosen >= 0) text.setAttribute("aria-activedescendant", `suggestion-${chosen}`);
  else text.removeAttribute("aria-activedescendant");
}

function take(at) {
  const item = items[at];
  offer([]);
  item.choose();
}

/** Whether the key was for the suggestions. */
export function suggestionKey(event) {
  if (!items.length) return false;
  const step = { ArrowDown: 1, ArrowUp: -1 }[event.key];
  if (step) {
    chosen = (chosen + step + items.length) % items.length;
    mark();
  } else if (event.key === "Enter" && !event.shiftKey) take(chosen);
  else if (event.key === "Escape") offer([]);
  else return false;
  event.preventDefault();
  return true;
}

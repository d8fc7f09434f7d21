/** The list of the latest messages: one is selected by mouse or by the arrow keys. */

import { byId, make, showItems, shownNode } from "/shared/dom.js";
import { listed, store } from "../data/store.js";
import { author, clock, duration, status, title } from "../words.js";

let choose = () => {};

export function showMessages() {
  const list = byId("messages");
  const messages = listed();
  byId("no-messages").hidden = messages.length > 0;
  list.hidden = messages.length === 0;
  showItems(
    list,
    messages.map(message => ({
      key: message.key,
      parts: [JSON.stringify(message), message.key === store.selected],
      build: () => entry(message),
    })),
  );
  const selected = store.selected === null ? null : shownNode(list, store.selected);
  if (selected) list.setAttribute("aria-activedescendant", selected.id);
  else list.removeAttribute("aria-activedescendant");
}

function entry(message) {
  const { text, tone } = status(message);
  return make(
    "div",
    {
      role: "option",
      id: `message-${message.key}`,
      class: "message",
      "aria-selected": String(message.key === store.selected),
      onclick: () => chosen(message.key),
    },
    make("span", { class: "text", dir: "auto" }, title(message)),
    make("span", { class: "badge", "data-tone": tone }, text),
    make("span", { class: "who", dir: "auto" }, author(message)),
    make(
      "span",
      { class: "when" },
      message.seconds !== null && make("b", {}, duration(message.seconds)),
      ` ${message.received ? clock(message.received) : ""}`,
      message.vote && ` · vote ${message.vote}`,
    ),
  );
}

/** Where the page is narrow the trace is below, so the view goes there. */
function chosen(key) {
  choose(key);
  if (matchMedia("(max-width: 860px)").matches) {
    byId("trace-title").focus({ preventScroll: true });
    byId("trace").scrollIntoView({ block: "start" });
  } else byId("messages").focus({ preventScroll: true });
}

function move(event) {
  const messages = listed();
  const at = messages.findIndex(message => message.key === store.selected);
  const to = { ArrowDown: at + 1, ArrowUp: at - 1, Home: 0, End: messages.length - 1 }[event.key];
  if (event.key === "Enter" && at >= 0) {
    event.preventDefault();
    byId("trace-title").focus();
    return;
  }
  if (to === undefined || !messages.length || event.ctrlKey || event.altKey || event.metaKey) return;
  event.preventDefault();
  const next = messages[Math.min(Math.max(to, 0), messages.length - 1)];
  choose(next.key);
  shownNode(byId("messages"), next.key)?.scrollIntoView({ block: "nearest" });
}

export function startMessages(select) {
  choose = select;
  byId("messages").addEventListener("keydown", move);
}

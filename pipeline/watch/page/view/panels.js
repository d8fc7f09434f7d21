/** The open replies of the journal, and the warnings of the log. */

import { byId, make, showItems } from "/shared/dom.js";
import { store } from "../data/store.js";
import { clock } from "../words.js";
import { select } from "./selection.js";

export function showOpen() {
  const { count, replies } = store.replies;
  byId("open-count").textContent = String(count);
  byId("no-open").hidden = count > 0;
  showItems(
    byId("open-list"),
    replies.map(reply => ({ key: reply.key, parts: [JSON.stringify(reply)], build: () => openReply(reply) })),
  );
}

function openReply(reply) {
  return make(
    "li",
    {},
    make(
      "button",
      { type: "button", class: "row", "data-focus": reply.key, onclick: () => select(reply.key) },
      make("span", { class: "text", dir: "auto" }, reply.text),
      make("span", { class: "badge", "data-tone": reply.error ? "bad" : "busy" }, reply.stage),
      make("span", { class: "when" }, `since ${clock(reply.received)}`),
    ),
  );
}

export function showWarnings() {
  const lines = store.warnings;
  byId("warning-count").textContent = String(lines.length);
  byId("no-warnings").hidden = lines.length > 0;
  byId("warning-list").hidden = lines.length === 0;
  showItems(
    byId("warning-list"),
    lines.map((line, at) => ({ key: `${at} ${line.at} ${line.text}`, parts: [], build: () => warning(line) })).reverse(),
  );
}

function warning(line) {
  return make(
    "li",
    {},
    make("span", { class: "badge", "data-tone": line.level === "warning" ? "busy" : "bad" }, line.level),
    make("span", { class: "when" }, line.at ? clock(Date.parse(line.at)) : ""),
    make("span", { class: "text", dir: "auto" }, line.text),
  );
}

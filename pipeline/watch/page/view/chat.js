/** The chat beside the pipeline: in a column where there is room, else in place of it. */

import { byId } from "/shared/dom.js";
import { store } from "../data/store.js";

const room = matchMedia("(min-width: 1180px)");

export function showChat() {
  const { chat } = store;
  byId("chat").hidden = byId("views").hidden = !chat;
  byId("app").dataset.chat = String(Boolean(chat));
  if (!chat) return;
  byId("chat-link").href = `${chat}/`;
  fill();
}

/** The frame is loaded once it can be seen. */
function fill() {
  const frame = byId("chat-frame");
  const seen = room.matches || byId("app").dataset.shown === "chat";
  if (store.chat && seen && !frame.src) frame.src = `${store.chat}/`;
}

function show(part) {
  byId("app").dataset.shown = part;
  for (const each of ["pipeline", "chat"]) byId(`show-${each}`).setAttribute("aria-pressed", String(each === part));
  fill();
}

export function startChat() {
  byId("show-pipeline").addEventListener("click", () => show("pipeline"));
  byId("show-chat").addEventListener("click", () => show("chat"));
  room.addEventListener("change", fill);
  byId("skip").addEventListener("click", event => {
    event.preventDefault();
    byId("messages").focus();
  });
}

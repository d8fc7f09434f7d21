/** Which chat, and which of its topics, is shown: part of the address, so that a reload and the Back button know it. */

import { recall } from "./remembered.js";

const FORM = /^#\/chats(?:\/(-?\d+)(?:\/topics\/(\d+))?)?$/;

/** `list`: the list of chats was asked for, which matters where the window is too narrow for both. */
export function placeNow() {
  const match = FORM.exec(location.hash);
  const kept = recall("place", { chat: null, topic: null });
  if (!match || !match[1]) return { ...kept, list: Boolean(match) };
  return { chat: Number(match[1]), topic: match[2] ? Number(match[2]) : null, list: false };
}

export function addressOf(chat, topic = null) {
  return `#/chats/${chat}` + (topic === null ? "" : `/topics/${topic}`);
}

export function go(chat, topic = null) {
  location.hash = addressOf(chat, topic);
}

export function goToList() {
  location.hash = "#/chats";
}

/** Call `moved(place)` whenever another place is asked for. An address of another form changes nothing. */
export function followPlace(moved) {
  addEventListener("hashchange", () => {
    if (FORM.test(location.hash)) moved(placeNow());
  });
}

/**
 * Messages on their way to the simulator. One that it does not take stays, marked, until the person sends it again or
 * discards it; a reload does not lose it.
 */

import { recall, remember } from "./remembered.js";
import { post, Refused } from "./server.js";
import { changed, GENERAL, store } from "./store.js";

/** Each entry is `sending`, or was not taken for a `reason`. */
export function restoreOutbox() {
  store.outbox = recall("outbox", []).map(entry => ({
    ...entry,
    sending: false,
    reason: entry.reason ?? "The page was closed before an answer came",
  }));
}

/** `body`: what the control API takes at `path`. */
export function sendMessage(chat, topic, body, path = "messages") {
  const entry = { key: `${Date.now()}-${Math.random()}`, chat: chat.id, topic, path, body, at: Date.now() };
  store.outbox.push(entry);
  return attempt(entry);
}

export function sendAgain(key) {
  const entry = store.outbox.find(each => each.key === key);
  if (entry) attempt(entry);
}

export function discard(key) {
  drop(store.outbox.find(each => each.key === key));
}

async function attempt(entry) {
  Object.assign(entry, { sending: true, reason: undefined });
  kept();
  try {
    await post(entry.path, entry.body);
    drop(entry);
  } catch (error) {
    if (!store.outbox.includes(entry)) return;
    entry.sending = false;
    entry.reason = error instanceof Refused ? `Refused: ${error.message}` : error.message;
    kept();
  }
}

/** A message arrived: it is the one that is on its way, also when the answer to its request is lost. */
export function delivered(chat, message) {
  const isIt = ({ chat: id, sending, body }) =>
    sending &&
    id === chat.id &&
    body.edited_message_id === undefined &&
    (body.user_id ?? null) === (message.from?.id ?? null) &&
    (body.text ?? null) === (message.text ?? null) &&
    (body.caption ?? null) === (message.caption ?? null);
  drop(store.outbox.find(isIt));
}

export const outboxOf = (chat, topic) =>
  store.outbox.filter(entry => entry.chat === chat.id && (topic === null || (entry.topic ?? GENERAL) === topic));

function drop(entry) {
  store.outbox = store.outbox.filter(each => each !== entry);
  kept();
}

function kept() {
  remember("outbox", store.outbox.length ? store.outbox : null);
  changed();
}

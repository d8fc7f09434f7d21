/** What a person has typed and not sent, for each place of its own: it never follows into another chat. */

import { recall, remember } from "./remembered.js";
import { changed, store } from "./store.js";

const texts = new Map(Object.entries(recall("typed", {})));
/** Not kept over a reload: {reply or edit: a Message}, and files. */
const contexts = new Map();
const files = new Map();

/** The place that is shown, as the key of what was typed in it. */
export const here = () => `${store.chat}/${store.topic ?? ""}`;

export const typedText = () => texts.get(here()) ?? "";

export function setTyped(text, place = here()) {
  if (text) texts.set(place, text);
  else texts.delete(place);
  remember("typed", texts.size ? Object.fromEntries(texts) : null);
}

export const contextNow = () => contexts.get(here()) ?? null;

/** `context`: {kind: "reply" or "edit", message}, or null. */
export function setContext(context, place = here()) {
  if (context) contexts.set(place, context);
  else contexts.delete(place);
  changed();
}

/** A deleted message can be neither answered nor edited. */
export function forgetMessage(chat, id) {
  for (const [key, { message }] of contexts)
    if (message.chat.id === chat && message.message_id === id) contexts.delete(key);
}

export const filesNow = () => files.get(here()) ?? [];

export function setFiles(chosen, place = here()) {
  if (chosen.length) files.set(place, chosen);
  else files.delete(place);
  changed();
}

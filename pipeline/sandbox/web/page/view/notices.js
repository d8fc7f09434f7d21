/** Short notices, the alert of a callback answer, and what a screen reader is told of what arrives. */

import { nameOf } from "../data/people.js";
import { Refused } from "../data/server.js";
import { chatName, store } from "../data/store.js";
import { summary } from "../content/words.js";
import { webAddress } from "../content/markup.js";
import { byId, make } from "../dom.js";

const SHOWN_MS = 6000;
const SAID_AT_MOST = 20;
const REST_MS = 1500;

/** A notice, and an address: a link when it is one of the web's. */
export function say(text, url = null) {
  const href = url && webAddress(url);
  const notice = make(
    "div",
    { class: "notice" },
    make("p", { dir: "auto" }, text, href ? make("a", { href, target: "_blank", rel: "noopener noreferrer" }, href) : url),
    make(
      "button",
      { type: "button", class: "plain close", "aria-label": "Close this notice", onclick: () => notice.remove() },
      "×",
    ),
  );
  byId("notices").append(notice);
  setTimeout(() => notice.remove(), SHOWN_MS);
}

/** Something that a person did could not be carried out. */
export function failed(error) {
  say(error instanceof Refused ? `The simulator refused: ${error.message}` : `${error.message}: try again.`);
}

/** The bot's answer to a pressed button. */
export function showAnswer({ text, show_alert: alert, url }) {
  if (url) return say("The bot opens ", url);
  if (!text) return;
  if (!alert) return say(text);
  byId("alert-text").textContent = text;
  if (!byId("alert").open) byId("alert").showModal();
}

/** A message that is edited again and again, as bots do while they write, is said once it rests. */
const resting = new Map();

/** Of another chat its name is said, and no more. */
export function announce(chat, message, kind) {
  const author = message.from ? nameOf(message.from) : chatName(chat);
  if (kind === "edited") {
    if (chat.id !== store.chat) return;
    clearTimeout(resting.get(message.message_id));
    resting.set(
      message.message_id,
      setTimeout(() => tell(`${author} edited a message: ${summary(message)}`), REST_MS),
    );
  } else if (chat.id === store.chat) tell(`${author}: ${summary(message)}`);
  else if (kind === "sent") tell(`New message in ${chatName(chat)}`);
}

function tell(text) {
  const announcer = byId("announcer");
  announcer.append(make("p", {}, text));
  while (announcer.childElementCount > SAID_AT_MOST) announcer.firstElementChild.remove();
}

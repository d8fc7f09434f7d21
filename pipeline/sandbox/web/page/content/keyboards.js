/** A bot's keyboards: the one under a message, and the one in place of the letters. */

import { button, make } from "../dom.js";
import { webAddress } from "./markup.js";

const NOT_HERE = {
  web_app: "a web app",
  login_url: "a login",
  pay: "a payment",
  callback_game: "a game",
  request_users: "the choice of a user",
  request_chat: "the choice of a chat",
  request_managed_bot: "a managed bot",
  request_poll: "a new poll",
};

const notHere = wanted => NOT_HERE[Object.keys(NOT_HERE).find(name => wanted[name] !== undefined)];
const style = wanted => ["light", wanted.style].filter(Boolean).join(" ");

/** `busy(key)` says whether a press waits for its answer; `actions`: press(button, key, row, column), ask(query), copy(text), say(text). */
export function inlineKeyboard(rows, busy, actions) {
  return make(
    "div",
    { class: "inline-keyboard", role: "group", "aria-label": "Buttons of this message" },
    rows.map((row, r) =>
      make(
        "div",
        { class: "keys" },
        row.map((wanted, c) => {
          const focus = `key:${r}:${c}`;
          if (wanted.url !== undefined && webAddress(wanted.url)) {
            return make(
              "a",
              {
                class: style(wanted),
                href: webAddress(wanted.url),
                target: "_blank",
                rel: "noopener noreferrer",
                dir: "auto",
                "data-focus": focus,
              },
              wanted.text,
              " ↗",
            );
          }
          const waits = busy(focus);
          return button(wanted.text, () => pressed(wanted, focus, r, c, actions), {
            focus,
            class: style(wanted),
            dir: "auto",
            "aria-busy": waits ? "true" : undefined,
          });
        }),
      ),
    ),
  );
}

function pressed(wanted, key, row, column, actions) {
  if (wanted.callback_data !== undefined) return actions.press(wanted, key, row, column);
  const query =
    wanted.switch_inline_query_current_chat ??
    wanted.switch_inline_query ??
    wanted.switch_inline_query_chosen_chat?.query;
  if (query !== undefined) return actions.ask(query);
  if (wanted.copy_text) return actions.copy(wanted.copy_text.text);
  if (wanted.url !== undefined) return actions.say(`This button opens ${wanted.url}`);
  return actions.say(`The page does not simulate ${notHere(wanted) ?? "this kind of button"}.`);
}

/** `press(button)` is called with a KeyboardButton. */
export function replyKeyboard(rows, press) {
  return rows.map(row =>
    make(
      "div",
      { class: "keys" },
      row.map(given => {
        const wanted = typeof given === "string" ? { text: given } : given;
        return button(wanted.text, () => press(wanted), { class: style(wanted), dir: "auto" });
      }),
    ),
  );
}

/** The reply keyboard that a person sees, and the forced reply, if one is the last of its kind: {message, markup}. */
export function replyMarkups(messages, person) {
  let keyboard = null,
    forced = null;
  for (const message of messages) {
    const { reply_markup: markup } = message;
    if (keyboard?.markup.one_time_keyboard && message.from?.id === person?.id && isPress(message, keyboard.markup))
      keyboard = null;
    if (!message.from?.is_bot || !markup || (markup.selective && !isFor(message, person))) continue;
    if (markup.keyboard) keyboard = { message, markup };
    else if (markup.remove_keyboard) keyboard = null;
    if (markup.force_reply) forced = { message, markup };
  }
  return { keyboard, forced };
}

/** Whether a message is what one of the keyboard's buttons sends. */
function isPress({ text, location, contact }, { keyboard }) {
  return keyboard.flat().some(wanted => {
    if (wanted.request_location) return location;
    if (wanted.request_contact) return contact;
    return (wanted.text ?? wanted) === text;
  });
}

/** A selective markup is for those whom the text mentions, and for the author of the message it replies to. */
function isFor(message, person) {
  if (!person || message.chat.type === "private") return true;
  const text = message.text ?? message.caption ?? "";
  const name = person.username && `@${person.username}`.toLowerCase();
  const marks = message.entities ?? message.caption_entities ?? [];
  const mentioned = ({ type, offset, length, user }) =>
    user?.id === person.id || (type === "mention" && text.slice(offset, offset + length).toLowerCase() === name);
  return message.reply_to_message?.from?.id === person.id || marks.some(mentioned);
}

export const unsupportedKey = notHere;

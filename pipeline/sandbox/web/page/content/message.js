/** A message of the chat, a message on its way, and a draft of the bot's, each as an item of the list. */

import { colourOf, nameOf } from "../data/people.js";
import { button, make } from "../dom.js";
import { inlineKeyboard } from "./keyboards.js";
import { marked } from "./markup.js";
import { mediaOf } from "./media.js";
import { pollOf } from "./poll.js";
import { reactionsOf } from "./reactions.js";
import { clockTime, isoTime, serviceText, summary } from "./words.js";

/**
 * `look`: what the view adds to a message: {mine, name, topic, unseen, given (reactions), person and bot (ids), votes, busy}.
 * `actions`: what pressing things does, for the message.
 */
export function messageItem(message, look, actions) {
  const key = `message-${message.message_id}`;
  const { given, votes, busy, ...plain } = look;
  return {
    key,
    parts: [message, given, votes, busy, ...Object.values(plain)],
    build: () => view(key, message, look, actions),
  };
}

function view(key, message, look, actions) {
  const service = serviceText(message);
  if (service !== null) {
    return entry(
      key,
      "service",
      make("p", { class: "service", dir: "auto", id: `${key}-text` }, service),
      time(key, message, look),
    );
  }
  const caption = message.text ?? message.caption;
  const entities = message.text === undefined ? message.caption_entities : message.entities;
  const { poll, reply_markup: markup } = message;
  const bubble = make(
    "div",
    { class: "bubble" },
    make(
      "p",
      { class: `author ${authorColour(message)}${look.nameHidden ? " hidden" : ""}`, id: `${key}-author`, dir: "auto" },
      look.name,
    ),
    look.topic && make("p", { class: "topic" }, `# ${look.topic}`),
    message.forward_origin &&
      make("p", { class: "faint", dir: "auto" }, `Forwarded from ${originOf(message.forward_origin)}`),
    message.via_bot && make("p", { class: "faint" }, `via @${message.via_bot.username}`),
    quote(message, actions),
    make(
      "div",
      { id: `${key}-text`, class: "content" },
      !message.show_caption_above_media && mediaOf(message),
      poll && pollOf(poll, look.votes ?? [], `${key}-${look.person}`, actions.vote),
      caption !== undefined &&
        make("div", { class: "text", dir: "auto" }, marked(String(caption), entities, actions.command)),
      message.show_caption_above_media && mediaOf(message),
    ),
    markup?.inline_keyboard &&
      inlineKeyboard(markup.inline_keyboard, focus => look.busy?.split(" ").includes(focus), actions),
    reactionsOf(look.given ?? new Map(), look.person, look.bot, actions.react),
    time(key, message, look),
  );
  const kind = message.from?.is_bot ? "bot" : look.mine ? "mine" : "other";
  return entry(
    key,
    kind,
    bubble,
    make(
      "div",
      { class: "tools" },
      button("↩", actions.reply, {
        class: "plain tool reply",
        "aria-label": "Reply",
        title: "Reply",
        tabindex: "-1",
        focus: "reply",
      }),
      button("⋯", actions.menu, {
        class: "plain tool",
        "aria-label": "More",
        title: "More",
        "aria-haspopup": "menu",
        tabindex: "-1",
        focus: "more",
      }),
    ),
  );
}

/** The names, the text and the time are what a screen reader says of it. */
function entry(key, kind, ...children) {
  return make(
    "li",
    { class: `entry ${kind}`, "data-key": key },
    make("article", { tabindex: "-1", "aria-labelledby": `${key}-author ${key}-text ${key}-time` }, children),
  );
}

function time(key, message, look) {
  return make(
    "p",
    { class: "time", id: `${key}-time` },
    look.unseen && make("span", { class: "unseen-by-bot" }, "the bot does not see this · "),
    message.edit_date && "edited ",
    make("time", { datetime: isoTime(message.date) }, clockTime(message.date)),
  );
}

function quote(message, actions) {
  const original = message.reply_to_message;
  if (!original) return null;
  const author = original.from ? `${nameOf(original.from)}: ` : "";
  return button(message.quote?.text ?? summary(original), actions.showReplied, {
    class: "quote",
    dir: "auto",
    focus: "quote",
    "aria-label": `In reply to ${author}${summary(original)}`,
  });
}

const authorColour = message => (message.from?.is_bot ? "of-bot" : colourOf(message.from?.id ?? message.chat.id));

function originOf(origin) {
  if (origin.sender_user) return nameOf(origin.sender_user);
  const chat = origin.sender_chat ?? origin.chat;
  return origin.sender_user_name ?? chat?.title ?? chat?.first_name ?? "somebody";
}

const outboxText = ({ text, caption, media }) =>
  [media?.file_name, text ?? caption].filter(Boolean).join(": ") || "A file";

/** A message of the outbox: on its way, or not taken. `actions`: again and discard. */
export function outboxItem(entry_, actions) {
  const { key, body, sending, reason, at } = entry_;
  const id = `outbox-${key.replace(".", "-")}`;
  return {
    key: id,
    parts: [sending, reason],
    build: () =>
      entry(
        id,
        sending ? "mine going" : "mine failed",
        make(
          "div",
          { class: "bubble" },
          make("p", { class: "author hidden", id: `${id}-author` }, sending ? "Being sent" : "Not sent"),
          make("div", { class: "text", dir: "auto", id: `${id}-text` }, outboxText(body)),
          make(
            "p",
            { class: "time", id: `${id}-time` },
            sending ? "sending …" : "",
            make("time", { class: "hidden", datetime: new Date(at).toISOString() }, clockTime(at / 1000)),
          ),
          !sending &&
            make(
              "div",
              { class: "failure" },
              make("p", {}, make("strong", {}, "Not sent. "), make("span", { dir: "auto" }, `${reason}.`)),
              make(
                "div",
                { class: "keys" },
                button("Send again", actions.again, { class: "strong", focus: "again" }),
                button("Discard", actions.discard, { class: "light", focus: "discard" }),
              ),
            ),
        ),
      ),
  };
}

/** What the bot is writing. */
export function draftItem(draft, name, stop) {
  const key = `draft-${draft.draft_id}`;
  return {
    key,
    parts: [draft],
    build: () =>
      entry(
        key,
        "bot draft",
        make(
          "div",
          { class: "bubble" },
          make("p", { class: "author hidden", id: `${key}-author` }, `${name} is writing`),
          make(
            "div",
            { class: "text", dir: "auto", id: `${key}-text` },
            draft.text ? marked(draft.text, draft.entities) : "Thinking…",
            make("span", { class: "caret", "aria-hidden": "true" }),
          ),
          make("p", { class: "time", id: `${key}-time` }, "draft"),
          draft.can_stop && make("div", { class: "keys" }, button("■ Stop", stop, { class: "light", focus: "stop" })),
        ),
      ),
  };
}

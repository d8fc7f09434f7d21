/** What a person does to a message: answer, press, vote, react, edit, delete. */

import { press } from "../data/arrivals.js";
import { sendMessage } from "../data/outbox.js";
import { fromAuthor } from "../data/people.js";
import { post, remove } from "../data/server.js";
import { authorIn, changed, GENERAL, isForum, isMine, store } from "../data/store.js";
import { setContext, setTyped } from "../data/typed.js";
import { asPicture, OFFERED } from "../content/reactions.js";
import { byId } from "../dom.js";
import { openMenu } from "./menu.js";
import { failed, say } from "./notices.js";
import { followEnd, focusMessage, showMessage } from "./timeline.js";

export function messageActions(chat, message) {
  const id = message.message_id,
    key = `message-${id}`;
  const about = () => ({ chat_id: chat.id, message_id: id, user_id: authorIn(chat)?.id });
  /** Ask for an action of a person who is in the chat. */
  const act = async (path, more) => {
    await join(chat, authorIn(chat));
    return post(path, { ...about(), ...more });
  };
  const actions = {
    reply() {
      setContext({ kind: "reply", message });
      byId("text").focus();
    },
    edit() {
      setTyped(message.text ?? message.caption ?? "");
      setContext({ kind: "edit", message });
      byId("text").focus();
    },
    react: emoji => attempt(() => act("reactions", { emoji })),
    delete: () => attempt(() => remove(`messages/${chat.id}/${id}`)),
    copy: text => copy(text),
    vote: options => attempt(() => act("votes", { option_ids: options })),
    command: text => sendText(chat, text),
    showReplied: () => showMessage(message.reply_to_message.message_id),
    press: (wanted, name) =>
      attempt(() =>
        press(chat, `${id}:${name}`, () => act("callbacks", { data: wanted.callback_data, text: wanted.text })),
      ),
    ask(query) {
      setTyped(`@${store.bot.username} ${query}`);
      changed();
      byId("text").focus();
    },
    say,
    menu: event => openMenu(event.currentTarget, menuOf(chat, message, actions), () => focusMessage(key)),
  };
  return actions;
}

function menuOf(chat, message, actions) {
  const text = message.text ?? message.caption;
  const own = chat.reactions.get(message.message_id)?.get(authorIn(chat)?.id) ?? [];
  const reacted = emoji => own.some(reaction => reaction.emoji === emoji);
  return {
    reactions: OFFERED.map(emoji => ({
      label: asPicture(emoji),
      pressed: reacted(emoji),
      choose: () => actions.react(reacted(emoji) ? [] : [emoji]),
    })),
    items: [
      { label: "Reply", choose: actions.reply, keepsFocus: true },
      text !== undefined && { label: "Copy the text", choose: () => actions.copy(text) },
      isMine(chat, message) && text !== undefined && { label: "Edit", choose: actions.edit, keepsFocus: true },
      { label: "Delete", detail: message.from?.is_bot ? null : "the bot is not told", choose: actions.delete },
    ].filter(Boolean),
  };
}

/** Whoever did not write in a group yet joins it first, as in Telegram; that also tells the person's name. */
export async function join(chat, person) {
  if (!person || (chat.type !== "group" && chat.type !== "supergroup")) return;
  const isHere = chat.members.some(
    ({ user, status }) => user.id === person.id && status !== "left" && status !== "kicked",
  );
  if (isHere || [...chat.messages.values()].some(message => message.from?.id === person.id)) return;
  const { id: user_id, first_name, username } = person;
  await post("members", { chat_id: chat.id, chat_type: chat.type, user_id, first_name, username });
  chat.members.push({ user: person, status: "member" });
}

async function attempt(action) {
  try {
    await action();
    changed();
  } catch (error) {
    failed(error);
  }
}

async function copy(text) {
  try {
    await navigator.clipboard.writeText(text);
    say("Copied.");
  } catch {
    say("The browser does not let this page copy.");
  }
}

/** Send a message of this content. A topic that a new simulator does not know comes into being with it. */
export function sendWith(chat, content, topic = store.topic) {
  followEnd();
  const body = { ...fromAuthor(chat, authorIn(chat)), ...content };
  if (topic !== null && topic !== GENERAL) body.message_thread_id = topic;
  return sendMessage(chat, topic, body);
}

/** The simulator makes the message that the key stands for. */
export async function pressOnKeyboard(chat, key) {
  followEnd();
  try {
    await join(chat, authorIn(chat));
  } catch (error) {
    return failed(error);
  }
  return sendMessage(
    chat,
    isForum(chat) ? store.topic : null,
    { chat_id: chat.id, user_id: authorIn(chat)?.id, ...key },
    "keyboard",
  );
}

export const sendText = (chat, text, more = {}) => sendWith(chat, { text, ...more });

export const stopDraft = (chat, draft) =>
  attempt(() => post("drafts/stop", { chat_id: chat.id, draft_id: draft.draft_id }));

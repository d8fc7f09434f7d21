/** Everything that the page knows. Views read it; `changed()` makes them show it again. */

import { authorsOf, GROUP, PEOPLE } from "./people.js";
import { recall, remember } from "./remembered.js";

export const store = {
  bot: { id: 0, is_bot: true, first_name: "Bot", username: "" },
  privacy: false,
  commands: [],
  chats: new Map(),
  chat: null,
  topic: null,
  connected: null,
  /** Whether the list of chats was asked for: in a narrow window it is shown in place of the chat. */
  list: false,
  /** Messages that the simulator has not taken yet: see outbox.js. */
  outbox: [],
};

const views = [];
let asked = false;

/** Call `show` after each change. */
export function shownBy(show) {
  views.push(show);
}

export function changed() {
  if (asked) return;
  asked = true;
  // A page in the background gets no animation frames.
  const soon = document.hidden ? run => setTimeout(run, 0) : requestAnimationFrame;
  soon(() => {
    asked = false;
    for (const show of views) show();
  });
}

/** The chat of this id, made when it is not known; `about` is a Chat object. */
export function chatOf(id, about = {}) {
  let chat = store.chats.get(id);
  if (!chat) {
    const type = id >= 0 ? "private" : id < -(10 ** 12) ? "supergroup" : "group";
    chat = {
      id,
      type,
      messages: new Map(),
      topics: new Map(),
      reactions: new Map(),
      drafts: new Map(),
      busy: new Map(),
      votes: new Map(),
      unseen: new Set(),
      members: [],
      botStatus: "member",
      last: null,
      action: null,
      unread: new Map(),
      loaded: false,
      waiting: null,
    };
    store.chats.set(id, chat);
  }
  for (const name of ["type", "title", "first_name", "username", "is_forum"]) {
    if (about[name] !== undefined) chat[name] = about[name];
  }
  return chat;
}

export const chatName = chat => chat.title ?? chat.first_name ?? String(chat.id);

/** Whoever exists before anything was written. */
export function makeFirstChats() {
  for (const person of PEOPLE) chatOf(person.id, { type: "private", ...person });
  chatOf(GROUP.id, GROUP);
}

export const currentChat = () => store.chats.get(store.chat);

/** The messages of a chat, in order; only those of one topic when one is given. */
export function messagesOf(chat, topic = null) {
  const all = [...chat.messages.values()].sort((a, b) => a.message_id - b.message_id);
  return topic === null ? all : all.filter(message => topicOf(message) === topic);
}

/** The General topic of a forum has no id of its own in messages; Telegram's apps number it 1. */
export const GENERAL = 1;

/** The topic of a message of a forum. A thread of replies uses the same field, and is no topic. */
export const topicOf = message => (message.is_topic_message ? message.message_thread_id : GENERAL);

export const topicName = (chat, topic) =>
  topic === GENERAL ? "General" : (chat.topics.get(topic) ?? `Topic ${topic}`);

export const isForum = chat => chat.topics.size > 0;

/** The commands that people are offered in a chat. */
export const commandsOf = chat => chat.commands ?? store.commands;

/** Whether the bot is kept from messages of the chat: not where it is an administrator. */
export const isPrivate = chat =>
  store.privacy && (chat.type === "group" || chat.type === "supergroup") && chat.botStatus !== "administrator";

export const isBlocked = chat => chat.botStatus === "kicked" || chat.botStatus === "left";

/** The person who writes in a chat; null in a channel. */
export function authorIn(chat) {
  const people = authorsOf(chat);
  const wanted = recall("author", PEOPLE[0].id);
  return people.find(person => person.id === wanted) ?? people[0] ?? null;
}

export function writeAs(id) {
  remember("author", id);
  changed();
}

export const unreadOf = chat => [...chat.unread.values()].reduce((sum, count) => sum + count, 0);

/** Whether a person wrote the message, and it is the one who writes now. */
export function isMine(chat, message) {
  if (!message.from || message.from.is_bot) return false;
  return chat.type === "private" || message.from.id === authorIn(chat)?.id;
}

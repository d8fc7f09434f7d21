/** What arrives from the simulator: all at once after the stream of events opened, and then each event. */

import { delivered } from "./outbox.js";
import { get } from "./server.js";
import { changed, chatOf, currentChat, store, topicOf } from "./store.js";

const ACTION_MS = 5000;
const DRAFT_MS = 30_000;
const BUSY_MS = 15_000;
const ABOUT_MS = 50;

const ACTIONS = {
  typing: "typing",
  upload_photo: "sending a photo",
  record_video: "recording a video",
  upload_video: "sending a video",
  record_voice: "recording a voice message",
  upload_voice: "sending a voice message",
  upload_document: "sending a file",
  choose_sticker: "choosing a sticker",
  find_location: "looking for a location",
  record_video_note: "recording a video message",
  upload_video_note: "sending a video message",
};

const listeners = { news: [], answers: [], results: [], about: [] };

/**
 * `news(chat, message, kind)`; `answers(event)` to a pressed button; `results(event)` of an inline query;
 * `about()`: the bot or a chat changed.
 */
export function on(what, listener) {
  listeners[what].push(listener);
}

const tell = (what, ...values) => listeners[what].forEach(listener => listener(...values));

/** Everything but messages: the bot, its commands, the chats and the last message of each. */
export async function loadChats() {
  const known = await get("page");
  Object.assign(store, { bot: known.bot, privacy: known.privacy_mode, commands: known.commands });
  for (const about of known.chats) {
    const chat = chatOf(about.id, about);
    chat.last = about.last_message;
    chat.botStatus = about.bot_status;
    chat.commands = about.commands;
    chat.topics = new Map(about.topics.map(topic => [topic.message_thread_id, topic.name]));
  }
  // A simulator that was started anew knows nothing of the chats before.
  const ids = new Set(known.chats.map(chat => chat.id));
  for (const chat of store.chats.values())
    if (!ids.has(chat.id)) Object.assign(chat, { last: null, topics: new Map() });
  changed();
}

let asking = null;

/** Many changes at once, such as commands in each language, are asked for once. */
function askForChats() {
  asking ??= setTimeout(() => {
    asking = null;
    loadChats()
      .then(() => tell("about"))
      .catch(() => {});
  }, ABOUT_MS);
}

/** The messages of a chat and what belongs to them. Events that arrive meanwhile are shown afterwards. */
export async function loadMessages(chat) {
  if (chat.waiting) return;
  chat.waiting = [];
  try {
    const known = await get(`page/${chat.id}`);
    chat.messages = new Map(known.messages.map(message => [message.message_id, message]));
    chat.reactions = new Map();
    for (const reaction of known.reactions) TAKEN.reaction(chat, reaction);
    chat.votes = new Map(known.votes.map(vote => [`${vote.message_id}:${vote.user_id}`, vote.option_ids]));
    for (const { timer } of chat.drafts.values()) clearTimeout(timer);
    chat.drafts.clear();
    for (const draft of known.drafts) TAKEN.draft(chat, draft);
    chat.unseen = new Set(known.unseen);
    chat.members = known.members;
    chat.loaded = true;
  } finally {
    const { waiting } = chat;
    chat.waiting = null;
    waiting.forEach(event => take(event));
    changed();
  }
}

/** After the stream opened again anything may have happened: what is shown is loaded anew. */
export async function loadAgain() {
  for (const chat of store.chats.values()) chat.loaded = false;
  await loadChats();
  if (currentChat()) await loadMessages(currentChat());
}

export const KINDS = [
  "message",
  "sent",
  "edited",
  "deleted",
  "action",
  "draft",
  "callback_answer",
  "reaction",
  "poll",
  "inline_results",
  "about",
];

export function take(event) {
  if (event.type === "callback_answer") return answered(event);
  if (event.type === "inline_results") return tell("results", event);
  if (event.type === "about") return askForChats();
  const chat = chatOf(event.chat_id, event.message?.chat);
  if (chat.waiting) chat.waiting.push(event);
  else TAKEN[event.type]?.(chat, event);
  changed();
}

const TAKEN = {
  message(chat, { message, seen_by_bot: seen }) {
    if (seen === false) chat.unseen.add(message.message_id);
    delivered(chat, message);
    keep(chat, message);
    tell("news", chat, message, "message");
  },
  sent(chat, { message }) {
    chat.action = null;
    for (const [id, draft] of chat.drafts)
      if ((draft.thread_id ?? null) === (message.message_thread_id ?? null)) chat.drafts.delete(id);
    keep(chat, message);
    if (!isShown(chat, message)) chat.unread.set(topicOf(message), (chat.unread.get(topicOf(message)) ?? 0) + 1);
    tell("news", chat, message, "sent");
  },
  edited(chat, { message }) {
    if (chat.loaded && !chat.messages.has(message.message_id)) return;
    keep(chat, message);
    tell("news", chat, message, "edited");
  },
  deleted(chat, { message_id: id }) {
    chat.messages.delete(id);
    if (chat.last?.message_id !== id) return;
    if (chat.loaded) chat.last = [...chat.messages.values()].at(-1) ?? null;
    else askForChats();
  },
  action(chat, { action }) {
    chat.action = { text: ACTIONS[action] ?? "busy", until: Date.now() + ACTION_MS };
    setTimeout(changed, ACTION_MS + 50);
  },
  draft(chat, event) {
    const { draft_id: id } = event;
    clearTimeout(chat.drafts.get(id)?.timer);
    if (event.text === null || event.text === undefined) return void chat.drafts.delete(id);
    const timer = setTimeout(() => {
      chat.drafts.delete(id);
      changed();
    }, DRAFT_MS);
    chat.drafts.set(id, { ...event, timer });
  },
  reaction(chat, { message_id: id, user_id, reaction }) {
    const user = user_id ?? store.bot.id;
    const given = new Map(chat.reactions.get(id));
    if (reaction.length) given.set(user, reaction);
    else given.delete(user);
    chat.reactions.set(id, given);
  },
  poll(chat, { message_id: id, poll, user_id: voter, option_ids: chosen }) {
    if (voter !== undefined) chat.votes.set(`${id}:${voter}`, chosen);
    const message = chat.messages.get(id);
    if (message) chat.messages.set(id, { ...message, poll });
  },
};

function keep(chat, message) {
  chat.messages.set(message.message_id, message);
  if (!chat.last || message.message_id >= chat.last.message_id) chat.last = message;
  if (message.is_topic_message && !chat.topics.has(message.message_thread_id)) {
    chat.topics.set(message.message_thread_id, `Topic ${message.message_thread_id}`);
    askForChats();
  }
}

/** Whether the message is in the place that the person looks at. */
function isShown(chat, message) {
  const covered = document.hidden || (store.list && matchMedia("(max-width: 700px)").matches);
  return chat.id === store.chat && !covered && (store.topic === null || store.topic === topicOf(message));
}

/** Callback queries that were answered before the simulator told their ids. */
const answeredEarly = new Set();

/** A pressed button waits for the bot's answer as long as Telegram lets the bot answer. */
export async function press(chat, key, ask) {
  const release = () => {
    if (chat.busy.get(key) === waiting) chat.busy.delete(key);
    changed();
  };
  const waiting = { query: null, release };
  chat.busy.set(key, waiting);
  changed();
  try {
    waiting.query = (await ask()).callback_query_id;
    if (answeredEarly.delete(waiting.query)) release();
    else setTimeout(release, BUSY_MS);
  } catch (error) {
    release();
    throw error;
  }
}

function answered(event) {
  const waiting = [...(store.chats.get(event.chat_id)?.busy.values() ?? [])].find(
    each => each.query === event.callback_query_id,
  );
  if (waiting) waiting.release();
  else answeredEarly.add(event.callback_query_id);
  tell("answers", event);
}

/** The messages of the shown place. The view stays where it is when something arrives, unless its end is in sight. */

import { nameOf } from "../data/people.js";
import {
  authorIn,
  chatName,
  currentChat,
  GENERAL,
  isForum,
  isMine,
  messagesOf,
  store,
  topicName,
  topicOf,
} from "../data/store.js";
import { discard, outboxOf, sendAgain } from "../data/outbox.js";
import { draftItem, messageItem, outboxItem } from "../content/message.js";
import { day } from "../content/words.js";
import { byId, make, showItems, shownNode } from "../dom.js";
import { say } from "./notices.js";

const scroller = byId("scroller"),
  list = byId("messages"),
  newer = byId("newer");
const AT_END_PX = 60;
const PAGE = 200;

/** How many messages are shown of each place. */
const places = new Map();
let placeKey = null;
let atEnd = true;
let arrivedBelow = 0;
let activeKey = null;
/** actionsOf(chat, message), and stop(chat, draft). */
let acts = null;

const place = () => {
  if (!places.has(placeKey)) places.set(placeKey, { shown: PAGE });
  return places.get(placeKey);
};

export function showTimeline() {
  const chat = currentChat();
  if (!chat) return;
  const wanted = `${chat.id}/${store.topic}`;
  const moved = wanted !== placeKey;
  if (moved) {
    placeKey = wanted;
    activeKey = null;
    setArrived(0);
  }
  const { lost } = showItems(list, itemsOf(chat));
  if (moved || atEnd) toEnd();
  showActive();
  if (lost) (activeArticle() ?? byId("text")).focus({ preventScroll: true });
}

function itemsOf(chat) {
  const messages = messagesOf(chat, store.topic);
  const first = Math.max(messages.length - place().shown, 0);
  const items = [];
  if (first > 0)
    items.push({
      key: "earlier",
      parts: [first],
      build: () =>
        make(
          "li",
          { class: "entry service" },
          make(
            "button",
            { type: "button", class: "light", onclick: showEarlier },
            `Show earlier messages (${first} more)`,
          ),
        ),
    });
  let today = null;
  for (const message of messages.slice(first)) {
    const date = day(message.date);
    if (date !== today)
      items.push({
        key: `day-${date}`,
        parts: [],
        build: () => make("li", { class: "entry day" }, make("p", {}, date)),
      });
    today = date;
    items.push(messageItem(message, lookOf(chat, message), acts.actionsOf(chat, message)));
  }
  for (const entry of outboxOf(chat, store.topic)) {
    items.push(outboxItem(entry, { again: () => sendAgain(entry.key), discard: () => discard(entry.key) }));
  }
  for (const draft of chat.drafts.values()) {
    if (store.topic === null || store.topic === (draft.thread_id ?? GENERAL)) {
      items.push(draftItem(draft, nameOf(store.bot), () => acts.stop(chat, draft)));
    }
  }
  if (!items.length && chat.loaded)
    items.push({
      key: "empty",
      parts: [],
      build: () =>
        make(
          "li",
          { class: "entry empty" },
          make("p", {}, "No messages here yet. Write one: the bot that polls this simulator gets it."),
        ),
    });
  return items;
}

function lookOf(chat, message) {
  const mine = isMine(chat, message),
    id = message.message_id;
  const busy = [...chat.busy.keys()].filter(key => key.startsWith(`${id}:`)).map(key => key.slice(`${id}:`.length));
  const person = authorIn(chat)?.id ?? null;
  return {
    mine,
    name: message.from ? nameOf(message.from) : (message.sender_chat?.title ?? chatName(chat)),
    nameHidden: mine || chat.type === "private",
    topic: isForum(chat) && store.topic === null ? topicName(chat, topicOf(message)) : null,
    unseen: chat.unseen.has(id),
    given: chat.reactions.get(id),
    person,
    bot: store.bot.id,
    votes: chat.votes.get(`${id}:${person}`),
    // A new list each time would show the message anew at each change.
    busy: busy.length ? busy.join(" ") : null,
  };
}

function showEarlier() {
  const height = scroller.scrollHeight,
    { scrollTop } = scroller;
  place().shown += PAGE;
  showTimeline();
  scroller.scrollTop = scrollTop + scroller.scrollHeight - height;
}

// The end of the list

function toEnd() {
  scroller.scrollTop = scroller.scrollHeight;
  atEnd = true;
  setArrived(0);
}

/** What one writes oneself is always shown. */
export function followEnd() {
  atEnd = true;
}

/** A message arrived: below the view it is counted, not scrolled to. */
export function countArrival(chat, message) {
  const here = chat === currentChat() && (store.topic === null || store.topic === topicOf(message));
  if (here && !atEnd) setArrived(arrivedBelow + 1);
}

function setArrived(count) {
  arrivedBelow = count;
  showNewer();
}

function showNewer() {
  newer.hidden = atEnd;
  newer.replaceChildren(arrivedBelow ? `↓ ${arrivedBelow} new` : "↓");
  newer.setAttribute("aria-label", arrivedBelow ? `${arrivedBelow} new messages: go to the end` : "Go to the end");
}

// Keys: one message of the list is a stop of the Tab key, and the arrows go to the others.

const articles = () => [...list.querySelectorAll("article")];
const activeArticle = () => (activeKey && shownNode(list, activeKey)?.querySelector("article")) || articles().at(-1);

function showActive() {
  const active = activeArticle();
  for (const article of articles()) article.tabIndex = article === active ? 0 : -1;
}

export function focusMessage(key = null) {
  if (key) activeKey = key;
  showActive();
  activeArticle()?.focus();
}

/** Go to a message, and mark it for a moment. */
export function showMessage(id) {
  const messages = messagesOf(currentChat(), store.topic);
  const at = messages.findIndex(message => message.message_id === id);
  if (at < 0) return say("That message is not here: it was deleted, or it is in another topic.");
  place().shown = Math.max(place().shown, messages.length - at);
  showTimeline();
  const node = shownNode(list, `message-${id}`);
  node.scrollIntoView({ block: "center" });
  node.classList.add("found");
  setTimeout(() => node.classList.remove("found"), 1500);
  focusMessage(`message-${id}`);
}

const STEPS = { ArrowUp: at => at - 1, ArrowDown: at => at + 1, Home: () => 0, End: () => Infinity };

function onKey(event) {
  const article = event.target;
  if (article.tagName !== "ARTICLE") {
    // Escape leaves the buttons of a message for the message itself.
    if (event.key === "Escape" && article.closest("article")) article.closest("article").focus();
    return;
  }
  const all = articles(),
    at = all.indexOf(article);
  if (STEPS[event.key]) {
    event.preventDefault();
    const target = all[Math.min(Math.max(STEPS[event.key](at), 0), all.length - 1)];
    if (event.key === "ArrowDown" && at === all.length - 1) byId("text").focus();
    else target.focus();
  } else if (event.key === "Enter" && article.querySelector('[data-focus="more"]')) {
    event.preventDefault();
    article.querySelector('[data-focus="more"]').click();
  } else if (
    event.key.toLowerCase() === "r" &&
    !event.ctrlKey &&
    !event.metaKey &&
    !event.altKey &&
    article.querySelector('[data-focus="reply"]')
  ) {
    event.preventDefault();
    article.querySelector('[data-focus="reply"]').click();
  } else if (event.key === "Escape") byId("text").focus();
}

export function startTimeline(actions) {
  acts = actions;
  scroller.addEventListener("scroll", () => {
    atEnd = scroller.scrollHeight - scroller.scrollTop - scroller.clientHeight < AT_END_PX;
    if (atEnd) arrivedBelow = 0;
    showNewer();
  });
  // A picture that loads, or a text box that grows, does not push the last message out of sight.
  const keepEnd = new ResizeObserver(() => {
    if (atEnd) toEnd();
  });
  keepEnd.observe(scroller);
  keepEnd.observe(list);
  newer.addEventListener("click", () => {
    toEnd();
    byId("text").focus();
  });
  list.addEventListener("keydown", onKey);
  list.addEventListener("focusin", event => {
    activeKey = event.target.closest(".entry")?.dataset.key ?? activeKey;
    showActive();
  });
}

/** The list of chats, the head of the shown one, and its topics. */

import { goToList, addressOf, go } from "../data/place.js";
import { colourOf } from "../data/people.js";
import {
  chatName,
  currentChat,
  GENERAL,
  isBlocked,
  isForum,
  isPrivate,
  store,
  topicName,
  unreadOf,
} from "../data/store.js";
import { summary } from "../content/words.js";
import { byId, make, showItems } from "../dom.js";

const KINDS = { private: "private chat with the bot", group: "group", supergroup: "supergroup", channel: "channel" };

const OFFLINE = "The simulator does not answer. What you send is kept here; the page tries again by itself.";

export function showChats() {
  showItems(
    byId("chats"),
    [...store.chats.values()].map(chat => {
      const name = chatName(chat),
        last = chat.last,
        current = chat.id === store.chat,
        unread = unreadOf(chat);
      return {
        key: String(chat.id),
        parts: [name, last, current, unread],
        build: () =>
          make(
            "li",
            {},
            make(
              "a",
              {
                class: "chat",
                href: addressOf(chat.id),
                "aria-current": current ? "true" : undefined,
                "data-focus": "chat",
              },
              make("span", { class: `face ${colourOf(chat.id)}`, "aria-hidden": "true" }, [...name][0] ?? "?"),
              make("span", { class: "name", dir: "auto" }, name),
              make("span", { class: "last", dir: "auto" }, last ? summary(last) : "No messages yet"),
              count(unread),
            ),
          ),
      };
    }),
  );
  const elsewhere = [...store.chats.values()]
    .filter(chat => chat.id !== store.chat)
    .reduce((sum, chat) => sum + unreadOf(chat), 0);
  byId("elsewhere").textContent = elsewhere || "";
  byId("back").setAttribute("aria-label", elsewhere ? `All chats, ${elsewhere} unread` : "All chats");
}

const count = unread =>
  unread ? make("span", { class: "count" }, String(unread), make("span", { class: "hidden" }, " unread")) : null;

export function showHead() {
  const chat = currentChat(),
    offline = byId("offline");
  const state = store.connected === false ? OFFLINE : "";
  if (offline.textContent !== state) offline.textContent = state;
  if (!chat) return;
  const name = chatName(chat),
    acting = chat.action && chat.action.until > Date.now();
  byId("title").textContent = name;
  byId("state").className = acting ? "acting" : "";
  byId("state").textContent = acting ? `${chat.action.text} …` : stateOf(chat);
  document.title = `${unreadTotal()}${name} – Sandbox`;
}

const unreadTotal = () => {
  const total = [...store.chats.values()].reduce((sum, chat) => sum + unreadOf(chat), 0);
  return total ? `(${total}) ` : "";
};

function stateOf(chat) {
  if (isBlocked(chat)) return chat.type === "private" ? "the bot is blocked" : "the bot is not in this chat";
  return KINDS[chat.type] + (isPrivate(chat) ? " · privacy mode is on" : "");
}

export function showTopics() {
  const chat = currentChat(),
    bar = byId("topics");
  bar.hidden = !chat || !isForum(chat);
  if (bar.hidden) return;
  const topics = [null, GENERAL, ...chat.topics.keys()];
  showItems(
    bar,
    topics.map(topic => {
      const current = topic === store.topic,
        unread = topic === null ? 0 : (chat.unread.get(topic) ?? 0);
      const name = topic === null ? "All" : topicName(chat, topic);
      return {
        key: `${chat.id}/${topic}`,
        parts: [current, unread, name],
        build: () =>
          make(
            "button",
            {
              type: "button",
              class: "topic-tab",
              title: name,
              "aria-pressed": String(current),
              "data-focus": "topic",
              dir: "auto",
              onclick: () => go(chat.id, topic),
            },
            make("span", {}, name),
            count(unread),
          ),
      };
    }),
  );
}

export function startChats() {
  byId("back").addEventListener("click", goToList);
}

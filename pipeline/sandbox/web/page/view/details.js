/** About the shown chat: who is in it, who sees what, its topics, and whether the bot may write. */

import { loadChats, loadMessages } from "../data/arrivals.js";
import { authorsOf, nameOf } from "../data/people.js";
import { go } from "../data/place.js";
import { post } from "../data/server.js";
import { chatName, currentChat, store } from "../data/store.js";
import { button, byId, make } from "../dom.js";
import { failed } from "./notices.js";

const dialog = byId("details");

function show() {
  const chat = currentChat(), group = chat.type === "group" || chat.type === "supergroup";
  dialog.replaceChildren(
    make("header", {}, make("h2", { id: "details-title", dir: "auto" }, chatName(chat)), button("×", () => dialog.close(), { class: "plain", "aria-label": "Close" })),
    make("p", {}, `${chat.type}, chat_id ${chat.id}`),
    group && whoSeesWhat(chat),
    chat.type === "supergroup" && newTopic(chat),
    make("h3", {}, "The bot"),
    make("p", {}, `${nameOf(store.bot)} (@${store.bot.username})`),
    make("div", { class: "row" }, blocking(chat)));
}

function whoSeesWhat(chat) {
  const everything = "every message";
  const row = (name, sees) => make("tr", {}, make("td", { dir: "auto" }, name), make("td", {}, sees));
  const missed = [...chat.unseen].filter(id => chat.messages.has(id)).length;
  const bot = store.readsAll ? everything : `privacy mode: commands to it, replies to it, mentions of its name, and service messages; ${missed} of ${chat.messages.size} messages here did not reach it`;
  return make("section", {}, make("h3", {}, "Who sees what"),
    make("table", {}, make("thead", {}, make("tr", {}, make("th", { scope: "col" }, "Who"), make("th", { scope: "col" }, "Sees"))),
      make("tbody", {}, authorsOf(chat).map(person => row(nameOf(person), everything)), row(nameOf(store.bot), bot))));
}

function newTopic(chat) {
  const input = make("input", { "aria-label": "Name of the new topic", placeholder: "Name of the new topic", required: true, maxlength: 128, dir: "auto" });
  const form = make("form", { class: "row", onsubmit: event => {
    event.preventDefault();
    const id = Math.max(1, ...chat.topics.keys(), ...chat.messages.keys()) + 1;
    act(async () => {
      await post("topics", { chat_id: chat.id, message_thread_id: id, name: input.value });
      await loadChats();
      dialog.close();
      go(chat.id, id);
    });
  } }, input, make("button", { class: "light" }, "Create"));
  return make("section", {}, make("h3", {}, "Topics"), chat.topics.size ? make("p", { dir: "auto" }, [...chat.topics.values()].join(", ")) : null, form);
}

function blocking(chat) {
  const [stop, start] = chat.type === "private" ? ["Block the bot", "Unblock the bot"] : ["Remove the bot", "Let the bot in again"];
  return button(chat.blocked ? start : stop, () => act(async () => {
    await post("block", { chat_id: chat.id, blocked: !chat.blocked });
    await loadChats();
    show();
  }), { class: "light", focus: "block" });
}

async function act(action) {
  try {
    await action();
  } catch (error) {
    dialog.close();
    failed(error);
  }
}

export function startDetails() {
  byId("details-open").addEventListener("click", async () => {
    show();
    dialog.showModal();
    try {
      await Promise.all([loadChats(), loadMessages(currentChat())]);
      if (dialog.open) show();
    } catch (error) {
      failed(error);
    }
  });
  dialog.addEventListener("click", event => { if (event.target === dialog) dialog.close(); });
}

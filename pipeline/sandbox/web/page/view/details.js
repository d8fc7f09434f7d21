/** About the shown chat: who is in it and sees what, its topics, and what the bot may do. */

import { loadChats, loadMessages, on } from "../data/arrivals.js";
import { nameOf } from "../data/people.js";
import { go } from "../data/place.js";
import { post } from "../data/server.js";
import { chatName, currentChat, isBlocked, isPrivate, store } from "../data/store.js";
import { button, byId, make } from "../dom.js";
import { failed } from "./notices.js";

const dialog = byId("details");

function show() {
  const chat = currentChat(),
    group = chat.type === "group" || chat.type === "supergroup";
  const focused = dialog.contains(document.activeElement) ? document.activeElement.dataset.focus : null;
  dialog.replaceChildren(
    make(
      "header",
      {},
      make("h2", { id: "details-title", dir: "auto" }, chatName(chat)),
      button("×", () => dialog.close(), { class: "plain close", focus: "close", "aria-label": "Close" }),
    ),
    make("p", { class: "faint" }, `${chat.type}, chat_id ${chat.id}`),
    ...(group ? [whoSeesWhat(chat)] : []),
    ...(chat.type === "supergroup" ? [newTopic(chat)] : []),
    make(
      "section",
      {},
      make("h3", {}, "The bot"),
      make("p", {}, `${nameOf(store.bot)}, @${store.bot.username}`),
      make("div", { class: "row" }, group ? botInGroup(chat) : blocking(chat)),
    ),
  );
  if (focused) dialog.querySelector(`[data-focus="${focused}"]`)?.focus();
}

function whoSeesWhat(chat) {
  const row = (name, status, sees) =>
    make("tr", {}, make("td", { dir: "auto" }, name), make("td", {}, status), make("td", {}, sees));
  const written = [...chat.messages.values()].filter(message => message.from?.id !== store.bot.id);
  const missed = written.filter(message => chat.unseen.has(message.message_id)).length;
  const mode = "commands, replies to it, mentions of it and service messages";
  const bot = isBlocked(chat)
    ? "nothing"
    : isPrivate(chat)
      ? `${mode}: not ${missed} of the ${written.length} here`
      : "every message";
  const heads = ["Who", "Status", "Sees"].map(head => make("th", { scope: "col" }, head));
  return make(
    "section",
    {},
    make("h3", {}, "Who sees what"),
    make(
      "table",
      {},
      make("thead", {}, make("tr", {}, heads)),
      make(
        "tbody",
        {},
        chat.members.map(({ user, status }) =>
          row(nameOf(user), status, status === "left" || status === "kicked" ? "nothing" : "every message"),
        ),
        row(nameOf(store.bot), chat.botStatus, bot),
      ),
    ),
    make(
      "label",
      { class: "row" },
      make("input", {
        type: "checkbox",
        checked: store.privacy,
        "data-focus": "privacy",
        onchange: event => act(() => post("privacy", { enabled: event.target.checked })),
      }),
      "Privacy mode, in every group where the bot is no administrator",
    ),
  );
}

function newTopic(chat) {
  const label = "Name of the new topic";
  const input = make("input", { "aria-label": label, placeholder: label, required: true, maxlength: 128, dir: "auto" });
  const create = async () => {
    const id = Math.max(1, ...chat.topics.keys(), ...chat.messages.keys()) + 1;
    await post("topics", { chat_id: chat.id, message_thread_id: id, name: input.value });
    dialog.close();
    go(chat.id, id);
  };
  return make(
    "section",
    {},
    make("h3", {}, "Topics"),
    make("p", { dir: "auto" }, [...chat.topics.values()].join(", ") || "None yet."),
    make(
      "form",
      {
        class: "row",
        onsubmit: event => {
          event.preventDefault();
          act(create);
        },
      },
      input,
      make("button", { class: "light" }, "Create"),
    ),
  );
}

function botInGroup(chat) {
  const become = status => () => act(() => post("members", { chat_id: chat.id, chat_type: chat.type, status }));
  const choice = (label, status) => button(label, become(status), { class: "light", focus: `become-${status}` });
  if (isBlocked(chat)) return [choice("Let the bot in", "member")];
  const promotion =
    chat.botStatus === "administrator"
      ? choice("Make it a plain member", "member")
      : choice("Make it an administrator", "administrator");
  return [promotion, choice("Remove it", "left")];
}

function blocking(chat) {
  const blocked = isBlocked(chat);
  const change = () => act(() => post("block", { chat_id: chat.id, blocked: !blocked }));
  return [button(blocked ? "Unblock the bot" : "Block the bot", change, { class: "light", focus: "block" })];
}

async function act(action) {
  try {
    await action();
    await refresh();
  } catch (error) {
    dialog.close();
    failed(error);
  }
}

async function refresh() {
  const chat = currentChat();
  await Promise.all([loadChats(), loadMessages(chat)]);
  if (dialog.open) show();
}

export function startDetails() {
  byId("details-open").addEventListener("click", () => {
    show();
    dialog.showModal();
    refresh().catch(failed);
  });
  on("about", () => {
    // A name that is being typed stays.
    if (dialog.open && !dialog.querySelector("form input")?.value) refresh().catch(failed);
  });
  dialog.addEventListener("click", event => {
    if (event.target === dialog) dialog.close();
  });
}

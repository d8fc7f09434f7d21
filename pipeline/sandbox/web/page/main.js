/** The chat page: starts its parts, and passes on what happens. */

import { KINDS, loadAgain, loadMessages, on, take } from "./data/arrivals.js";
import { restoreOutbox } from "./data/outbox.js";
import { PEOPLE } from "./data/people.js";
import { followPlace, placeNow } from "./data/place.js";
import { remember } from "./data/remembered.js";
import { follow } from "./data/server.js";
import { changed, chatOf, isMine, makeFirstChats, shownBy, store } from "./data/store.js";
import { forgetMessage } from "./data/typed.js";
import { byId } from "./dom.js";
import { showAttachments, startAttachments } from "./view/attachments.js";
import { showChats, showHead, showTopics, startChats } from "./view/chat_list.js";
import { showComposer, startComposer } from "./view/composer.js";
import { startDetails } from "./view/details.js";
import { startInline } from "./view/inline.js";
import { startMenu } from "./view/menu.js";
import { messageActions, stopDraft } from "./view/message_actions.js";
import { announce, failed, showAnswer } from "./view/notices.js";
import { startTheme } from "./view/theme.js";
import { countArrival, showTimeline, startTimeline } from "./view/timeline.js";

async function enter({ chat: id, topic, list }) {
  const chat = chatOf(id ?? PEOPLE[0].id);
  remember("place", { chat: chat.id, topic });
  Object.assign(store, { chat: chat.id, topic, list });
  byId("app").dataset.shown = list ? "list" : "chat";
  seen(chat);
  changed();
  if (!list && !matchMedia("(pointer: coarse)").matches) byId("text").focus();
  try {
    if (!chat.loaded) await loadMessages(chat);
  } catch {
    // The stream of events opens again by itself, and everything is loaded then.
  }
}

/** What is in sight is read. */
function seen(chat) {
  if (document.hidden) return;
  if (store.topic === null) chat.unread.clear();
  else chat.unread.delete(store.topic);
}

async function connection(open) {
  store.connected = open;
  byId("app").dataset.live = "false";
  changed();
  if (!open) return;
  try {
    await loadAgain();
    byId("app").dataset.live = "true";
  } catch (error) {
    failed(error);
  }
}

restoreOutbox();
makeFirstChats();
for (const show of [showChats, showHead, showTopics, showComposer, showAttachments, showTimeline]) shownBy(show);
startTimeline({ actionsOf: messageActions, stop: stopDraft });
for (const start of [startChats, startComposer, startAttachments, startInline, startMenu, startDetails, startTheme])
  start();
on("answers", showAnswer);
on("news", (chat, message, kind) => {
  if (kind !== "edited") countArrival(chat, message);
  if (!isMine(chat, message)) announce(chat, message, kind);
});
followPlace(enter);
follow(
  KINDS,
  event => {
    if (event.type === "deleted") forgetMessage(event.chat_id, event.message_id);
    take(event);
  },
  connection,
);
document.addEventListener("visibilitychange", () => {
  if (store.chats.has(store.chat)) seen(store.chats.get(store.chat));
  changed();
});
byId("skip").addEventListener("click", event => {
  event.preventDefault();
  byId("text").focus();
});
enter(placeNow());

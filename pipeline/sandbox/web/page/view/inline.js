/** Inline mode: "@bot words" in the text box is a query, and its results are offered. */

import { on } from "../data/arrivals.js";
import { post } from "../data/server.js";
import { authorIn, changed, currentChat, store } from "../data/store.js";
import { setTyped } from "../data/typed.js";
import { failed, say } from "./notices.js";
import { offer } from "./suggestions.js";

const PAUSE_MS = 350;
let timer = null;
/** The query that the text box holds: {chat, id}, with the id once the simulator told it. */
let latest = null;
/** An answer that came before its query's id. */
let early = null;

/** Whether the text is an inline query; it is asked after a short pause. */
export function askInline(chat, text) {
  clearTimeout(timer);
  latest = null;
  const start = `@${store.bot.username} `;
  if (!store.bot.username || !text.toLowerCase().startsWith(start.toLowerCase())) return false;
  timer = setTimeout(() => ask(chat, text.slice(start.length)), PAUSE_MS);
  return true;
}

async function ask(chat, query) {
  const asked = { chat, id: null };
  latest = asked;
  try {
    const body = { user_id: authorIn(chat)?.id, chat_id: chat.id, query };
    asked.id = (await post("inline_queries", body)).inline_query_id;
    if (early?.inline_query_id === asked.id) show(early);
  } catch (error) {
    failed(error);
  }
}

function show(event) {
  early = event;
  if (!latest || latest.id !== event.inline_query_id || currentChat() !== latest.chat) return;
  const { chat } = latest;
  offer(
    event.results.map(result => ({
      label: result.title ?? result.first_name ?? result.caption ?? result.type,
      detail: result.description ?? result.url,
      choose: () => choose(chat, event.inline_query_id, result.id),
    })),
  );
  if (!event.results.length) say("The bot offers no results.");
}

async function choose(chat, query, result) {
  latest = null;
  setTyped("");
  changed();
  try {
    const body = { user_id: authorIn(chat)?.id, chat_id: chat.id, inline_query_id: query, result_id: result };
    await post("inline_results", body);
  } catch (error) {
    failed(error);
  }
}

export function startInline() {
  on("results", show);
}

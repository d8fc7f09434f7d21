/** Inline mode: "@bot words" in the text box is a query, and its results are offered. */

import { on } from "../data/arrivals.js";
import { post } from "../data/server.js";
import { authorIn, changed, currentChat, store } from "../data/store.js";
import { setTyped } from "../data/typed.js";
import { failed } from "./notices.js";
import { offer } from "./suggestions.js";

const PAUSE_MS = 350;
let timer = null;
let latest = null;

/** Whether the text is an inline query; it is asked after a short pause. */
export function askInline(chat, text) {
  clearTimeout(timer);
  const start = `@${store.bot.username} `;
  if (!store.bot.username || !text.toLowerCase().startsWith(start.toLowerCase())) return void (latest = null);
  const query = text.slice(start.length);
  timer = setTimeout(async () => {
    try {
      const asked = await post("inline_queries", { user_id: authorIn(chat)?.id, chat_id: chat.id, query });
      latest = { chat, query, id: asked.inline_query_id };
    } catch (error) {
      failed(error);
    }
  }, PAUSE_MS);
  return true;
}

function show(event) {
  if (!latest || currentChat() !== latest.chat) return;
  const { chat } = latest;
  offer(event.results.map(result => ({
    label: result.title ?? result.first_name ?? result.caption ?? result.type,
    detail: result.description ?? result.url,
    async choose() {
      setTyped("");
      changed();
      try {
        await post("inline_results", { user_id: authorIn(chat)?.id, chat_id: chat.id, inline_query_id: event.inline_query_id, result_id: result.id });
      } catch (error) {
        failed(error);
      }
    },
  })));
}

export function startInline() {
  on("results", show);
}

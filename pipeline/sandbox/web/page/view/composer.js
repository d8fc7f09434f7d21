/** The text box, what it answers or edits, its files, and the bot's keyboard below it. */

import { nameOf } from "../data/people.js";
import { post } from "../data/server.js";
import { fromAuthor, authorsOf } from "../data/people.js";
import { authorIn, commandsOf, currentChat, messagesOf, store, writeAs } from "../data/store.js";
import { contextNow, filesNow, here, setContext, setFiles, setTyped, typedText } from "../data/typed.js";
import { replyKeyboard, replyMarkups, unsupportedKey } from "../content/keyboards.js";
import { summary } from "../content/words.js";
import { byId, make, showItems } from "../dom.js";
import { base64, kindOf } from "./attachments.js";
import { pressOnKeyboard, sendText, sendWith } from "./message_actions.js";
import { failed, say } from "./notices.js";
import { offer, suggestionKey } from "./suggestions.js";
import { askInline } from "./inline.js";
import { focusMessage } from "./timeline.js";

const text = byId("text");
/** Messages whose reply markup was used up or answered: one_time_keyboard, and force_reply. */
const used = new Set();
let folded = false;
let shownPlace = null;

export function showComposer() {
  const chat = currentChat();
  if (!chat) return;
  const place = `${chat.id}/${store.topic}`;
  if (place !== shownPlace) {
    // What was typed before this script ran is kept.
    if (shownPlace === null && text.value) setTyped(text.value);
    shownPlace = place;
    text.value = typedText();
    offer([]);
    grow();
  } else if (text.value !== typedText()) {
    text.value = typedText();
    grow();
  }
  showAuthors(chat);
  showMarkup(chat);
  showContext();
}

function showAuthors(chat) {
  const people = chat.type === "private" ? [] : authorsOf(chat);
  byId("author-row").hidden = people.length < 2;
  showItems(
    byId("author"),
    people.map(person => ({
      key: String(person.id),
      parts: [nameOf(person)],
      build: () => make("option", { value: person.id }, nameOf(person)),
    })),
  );
  const author = authorIn(chat);
  if (author) byId("author").value = String(author.id);
}

function showContext() {
  const context = contextNow();
  byId("context").hidden = !context;
  if (!context) return;
  const what =
    context.kind === "edit" ? "Edit" : `Reply to ${context.message.from ? nameOf(context.message.from) : "this"}`;
  byId("context")
    .querySelector("p")
    .replaceChildren(make("strong", {}, `${what}: `), summary(context.message));
  byId("context-end").replaceChildren("×");
  byId("context-end").setAttribute("aria-label", context.kind === "edit" ? "Cancel the edit" : "Cancel the reply");
}

function endContext() {
  if (contextNow()?.kind === "edit") setTyped("");
  setContext(null);
  text.focus();
}

// The bot's keyboard, and its wish to be answered

function showMarkup(chat) {
  const { keyboard, forced } = replyMarkups(messagesOf(chat, store.topic), authorIn(chat));
  const keyOf = found => `${chat.id}/${found.message.message_id}`;
  const shown = keyboard && !used.has(keyOf(keyboard)) ? keyboard : null;
  const toggle = byId("keyboard-toggle");
  toggle.hidden = !shown;
  toggle.setAttribute("aria-expanded", String(Boolean(shown) && !folded));
  toggle.setAttribute("aria-label", folded ? "Show the bot's keyboard" : "Hide the bot's keyboard");
  byId("keyboard").hidden = !shown || folded;
  showItems(byId("keyboard"), shown ? [keyboardItem(chat, shown.markup, keyOf(shown))] : []);
  if (forced && chat.loaded && !used.has(keyOf(forced))) {
    used.add(keyOf(forced));
    if (!contextNow() && !isAnswered(chat, forced.message)) setContext({ kind: "reply", message: forced.message });
  }
  const answers = contextNow()?.message.message_id === forced?.message.message_id;
  text.placeholder =
    (answers && forced?.markup.input_field_placeholder) || shown?.markup.input_field_placeholder || "Message";
}

const isAnswered = (chat, message) =>
  messagesOf(chat).some(each => each.reply_to_message?.message_id === message.message_id);

function keyboardItem(chat, markup, key) {
  const press = wanted => pressKey(chat, wanted, markup, key);
  return {
    key,
    parts: [markup],
    build: () =>
      make("div", { class: markup.resize_keyboard ? "rows" : "rows tall" }, replyKeyboard(markup.keyboard, press)),
  };
}

function pressKey(chat, wanted, markup, key) {
  const missing = unsupportedKey(wanted);
  if (missing) return say(`The page does not simulate ${missing}.`);
  if (markup.one_time_keyboard) used.add(key);
  const place = wanted.request_location ? { latitude: 52.52, longitude: 13.405 } : {};
  pressOnKeyboard(chat, { text: wanted.text, ...place });
  text.focus();
}

// Sending

async function submit() {
  const chat = currentChat(),
    written = text.value,
    context = contextNow(),
    files = filesNow(),
    place = here(),
    { topic } = store;
  if (!chat || (!written.trim() && !files.length)) return;
  setTyped("");
  text.value = "";
  setFiles([]);
  setContext(null);
  offer([]);
  grow();
  text.focus();
  if (context?.kind === "edit") return edit(chat, context.message, written, place);
  const reply = context ? { reply_to_message_id: context.message.message_id } : {};
  if (!files.length) return void sendText(chat, written, reply);
  const read = await Promise.allSettled(files.map(base64));
  const unread = files.filter((_, at) => read[at].status === "rejected");
  if (unread.length) {
    // Nothing is sent, and nothing that was written is lost: it is in the box again, with the files that can be read.
    setTyped(written, place);
    setContext(context, place);
    setFiles(files.filter(file => !unread.includes(file)), place);
    return say(`Not sent: ${unread.map(file => file.name).join(", ")} can't be read any more. Attach it again.`);
  }
  for (const [at, file] of files.entries()) {
    const more = { media: { kind: kindOf(file), content: read[at].value, file_name: file.name } };
    if (at === 0 && written.trim()) more.caption = written;
    sendWith(chat, { ...more, ...reply }, topic);
  }
}

async function edit(chat, message, written, place) {
  const name = message.text === undefined ? "caption" : "text";
  try {
    await post("messages", {
      ...fromAuthor(chat, authorIn(chat)),
      edited_message_id: message.message_id,
      [name]: written,
    });
  } catch (error) {
    // Nothing that was written is lost: it is in the box again.
    setTyped(written, place);
    setContext({ kind: "edit", message }, place);
    failed(error);
  }
}

function onKey(event) {
  if (suggestionKey(event)) return;
  if (event.key === "Enter" && !event.shiftKey && !event.isComposing) {
    event.preventDefault();
    submit();
  } else if (event.key === "Escape" && contextNow()) {
    event.preventDefault();
    endContext();
  } else if (event.key === "ArrowUp" && !text.value) {
    event.preventDefault();
    focusMessage();
  }
}

function onInput() {
  setTyped(text.value);
  grow();
  const chat = currentChat();
  if (askInline(chat, text.value)) return;
  const start = /^\/(\w*)$/.exec(text.value)?.[1];
  const fitting =
    start === undefined ? [] : commandsOf(chat).filter(({ command }) => command.startsWith(start.toLowerCase()));
  offer(
    fitting.map(({ command, description }) => ({
      label: `/${command}`,
      detail: description,
      choose() {
        setTyped("");
        text.value = "";
        sendText(chat, `/${command}`);
      },
    })),
  );
}

/** As high as what is written, up to its style's largest height. */
function grow() {
  text.style.height = "auto";
  text.style.height = `${text.scrollHeight + text.offsetHeight - text.clientHeight}px`;
}

export function startComposer() {
  // Before, the browser itself would send the form, and load the page again.
  byId("send").disabled = false;
  byId("composer").addEventListener("submit", event => {
    event.preventDefault();
    submit();
  });
  text.addEventListener("keydown", onKey);
  text.addEventListener("input", onInput);
  addEventListener("resize", grow);
  byId("author").addEventListener("change", event => writeAs(Number(event.target.value)));
  byId("context-end").addEventListener("click", endContext);
  byId("context").addEventListener("keydown", event => {
    if (event.key === "Escape") endContext();
  });
  byId("keyboard-toggle").addEventListener("click", () => {
    folded = !folded;
    showComposer();
  });
}

/** A text with its entities as elements. Offsets count UTF-16 code units, as a JavaScript string does. */

import { make } from "../dom.js";

const ELEMENTS = { bold: "strong", italic: "em", underline: "u", strikethrough: "s", code: "code" };
const WEB = /^https?:\/\//i;

/** `command(text)` is called when a command in the text is pressed; without it commands are plain. */
export function marked(text, entities = [], command = null) {
  const holder = document.createDocumentFragment();
  const inside = entities.filter(entity => entity.offset >= 0 && entity.length > 0 && entity.offset < text.length);
  inside.sort((a, b) => a.offset - b.offset || b.length - a.length);
  fill(holder, text, 0, text.length, inside, command);
  return holder;
}

/** Takes from `entities` those that begin before `to`. One that ends outside its parent is cut to it. */
function fill(parent, text, from, to, entities, command) {
  let at = from;
  while (entities.length && entities[0].offset < to) {
    const entity = entities.shift();
    const start = Math.max(entity.offset, at);
    const end = Math.min(entity.offset + entity.length, to);
    if (end <= start) continue;
    parent.append(text.slice(at, start));
    const node = nodeOf(entity, text.slice(start, end), command);
    // A spoiler has a part of its own for what it hides.
    fill(node.firstElementChild ?? node, text, start, end, entities, command);
    parent.append(node);
    at = end;
  }
  parent.append(text.slice(at, to));
}

function nodeOf(entity, text, command) {
  const { type } = entity;
  if (Object.hasOwn(ELEMENTS, type)) return make(ELEMENTS[type]);
  if (type === "text_link" || type === "url") return link(type === "url" ? text : entity.url);
  if (type === "pre") return make("pre", { title: entity.language });
  if (type === "blockquote") return make("blockquote");
  if (type === "expandable_blockquote") return expandable();
  if (type === "spoiler") return spoiler();
  if (type === "bot_command" && command) {
    return make("button", {
      type: "button",
      class: "inline",
      title: "Send this command",
      onclick: () => command(text),
    });
  }
  return make("span", { class: type.replaceAll("_", "-") });
}

/** An address of another kind than the web's, such as javascript:, is text. */
export function webAddress(url) {
  const whole = /^[a-z][a-z0-9+.-]*:/i.test(url ?? "") ? url : `https://${url}`;
  return WEB.test(whole) ? whole : null;
}

function link(url) {
  const href = webAddress(url);
  if (!href) return make("span", { class: "text-link", title: url });
  return make("a", { href, target: "_blank", rel: "noopener noreferrer", title: href });
}

function spoiler() {
  const show = () => {
    node.classList.add("open");
    for (const name of ["role", "tabindex", "aria-label"]) node.removeAttribute(name);
  };
  const keys = event => {
    if (event.key !== "Enter" && event.key !== " ") return;
    event.preventDefault();
    event.stopPropagation();
    show();
  };
  const about = { class: "spoiler", role: "button", tabindex: "0", "aria-label": "Hidden text: press to read it" };
  const node = make("span", { ...about, onclick: show, onkeydown: keys }, make("span"));
  return node;
}

function expandable() {
  const node = make("blockquote", { class: "folded", tabindex: "0", title: "Open" });
  const open = () => node.classList.remove("folded");
  node.addEventListener("click", open);
  node.addEventListener("focus", open);
  return node;
}

/** Photos, files, sounds, videos, stickers, places and the like. */

import { make } from "../dom.js";
import { mediaKind, size } from "./words.js";

/** Where the page gets a file's content. */
const addressOf = file => `/sandbox/files/${encodeURIComponent(file.file_id)}`;

/** The elements of a message's media, without its caption; empty for a message of text. */
export function mediaOf(message) {
  const kind = mediaKind(message);
  const shown = kind && VIEWS[kind]?.(message);
  if (!shown) return [];
  return message.has_media_spoiler ? [covered(kind, shown)] : [shown].flat();
}

const covered = (kind, shown) =>
  make("details", { class: "covered" }, make("summary", {}, `Hidden ${kind}: press to see it`), shown);

const VIEWS = {
  photo: ({ photo }) =>
    picture(
      photo.reduce((a, b) => (b.width > a.width ? b : a)),
      "Photo",
    ),
  animation: ({ animation }) => moving(animation, { loop: true, "aria-label": "Animation" }),
  video: ({ video }) => moving(video, { "aria-label": "Video" }),
  video_note: ({ video_note: note }) => moving(note, { class: "round", "aria-label": "Video message" }),
  voice: ({ voice }) => sound(voice, "Voice message"),
  audio: ({ audio }) =>
    sound(audio, [audio.performer, audio.title].filter(Boolean).join(" – ") || audio.file_name || "Audio"),
  document({ document: file, animation }) {
    if (animation) return null;
    const name = file.file_name ?? "File";
    return make(
      "a",
      { class: "file", href: addressOf(file), download: name },
      make("span", { class: "file-icon", "aria-hidden": "true" }, "⬇"),
      make("span", { class: "file-name", dir: "auto" }, name),
      make("span", { class: "faint" }, size(file.file_size)),
    );
  },
  sticker({ sticker }) {
    if (sticker.is_video)
      return moving(sticker, { class: "sticker", loop: true, "aria-label": `Sticker ${sticker.emoji ?? ""}` });
    if (sticker.is_animated) return make("span", { class: "large" }, sticker.emoji ?? "Sticker");
    const node = picture(sticker, `Sticker ${sticker.emoji ?? ""}`);
    node.classList.add("sticker");
    return node;
  },
  dice: ({ dice }) => [
    make("span", { class: "large", "aria-hidden": "true" }, dice.emoji),
    make("span", {}, `${dice.emoji} shows ${dice.value}`),
  ],
  location: ({ location }) => place(location),
  venue: ({ venue }) => [
    make("strong", { dir: "auto" }, venue.title),
    make("span", { dir: "auto" }, venue.address),
    place(venue.location),
  ],
  contact: ({ contact }) => [
    make("strong", { dir: "auto" }, [contact.first_name, contact.last_name].filter(Boolean).join(" ")),
    make("span", {}, contact.phone_number),
  ],
};

const place = location =>
  make("span", { class: "place" }, `📍 ${location.latitude.toFixed(5)}, ${location.longitude.toFixed(5)}`);

/** The width and height keep its room while it loads, so that nothing moves. */
function picture(file, alt) {
  const image = make("img", { src: addressOf(file), alt, width: file.width, height: file.height, loading: "lazy" });
  image.addEventListener("error", () => link.replaceWith(missing(alt)));
  const link = make("a", { class: "picture", href: addressOf(file), target: "_blank" }, image);
  return link;
}

function moving(file, attributes) {
  const node = make("video", {
    controls: true,
    preload: "metadata",
    width: file.width ?? file.length,
    height: file.height ?? file.length,
    src: addressOf(file),
    ...attributes,
  });
  node.addEventListener("error", () => node.replaceWith(missing(attributes["aria-label"])));
  return node;
}

function sound(file, name) {
  const player = make("audio", { controls: true, preload: "none", src: addressOf(file), "aria-label": name });
  const details = [name, Number.isFinite(file.duration) ? `${file.duration} s` : "", size(file.file_size)]
    .filter(Boolean)
    .join(" · ");
  return make("div", { class: "sound" }, make("span", { dir: "auto" }, details), player);
}

/** Many tests send bytes that are no picture. */
const missing = name => make("span", { class: "missing" }, `${name}: its content can't be shown`);

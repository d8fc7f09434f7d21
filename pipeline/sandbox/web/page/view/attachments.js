/** Files that go with the next message: chosen, pasted or dropped. */

import { filesNow, setFiles } from "../data/typed.js";
import { size } from "../content/words.js";
import { button, byId, make, showItems } from "../dom.js";
import { say } from "./notices.js";

const LARGEST = 20_000_000;

function add(chosen) {
  const fitting = [...chosen].filter(file => file.size <= LARGEST);
  if (fitting.length < chosen.length) say("A file may have at most 20 MB, as bots can download.");
  setFiles([...filesNow(), ...fitting]);
  byId("text").focus();
}

export function showAttachments() {
  const files = filesNow();
  byId("attachments").hidden = !files.length;
  showItems(
    byId("attachments"),
    files.map((file, at) => ({
      key: `${at}-${file.name}`,
      parts: [file],
      build: () =>
        make(
          "li",
          {},
          make("span", { dir: "auto" }, file.name),
          make("span", { class: "faint" }, size(file.size)),
          button(
            "×",
            () => {
              setFiles(filesNow().filter(each => each !== file));
              byId("text").focus();
            },
            { class: "plain close", "aria-label": `Leave out ${file.name}` },
          ),
        ),
    })),
  );
}

/** The kind of message that a file of this type becomes in Telegram's apps. */
export function kindOf(file) {
  if (/^image\/(jpeg|png|webp|bmp)$/.test(file.type)) return "photo";
  if (file.type === "image/gif") return "animation";
  if (/^audio\/(ogg|opus)/.test(file.type)) return "voice";
  if (file.type.startsWith("audio/")) return "audio";
  return file.type.startsWith("video/") ? "video" : "document";
}

/** The content of a file in base64. */
export function base64(file) {
  return new Promise((done, refuse) => {
    const reader = new FileReader();
    reader.onload = () => done(reader.result.slice(reader.result.indexOf(",") + 1));
    reader.onerror = () => refuse(reader.error);
    reader.readAsDataURL(file);
  });
}

export function startAttachments() {
  const input = byId("files");
  byId("attach").addEventListener("click", () => input.click());
  input.addEventListener("change", () => {
    add(input.files);
    input.value = "";
  });
  byId("text").addEventListener("paste", event => {
    if (!event.clipboardData.files.length) return;
    event.preventDefault();
    add(event.clipboardData.files);
  });
  const main = document.querySelector("main");
  main.addEventListener("dragover", event => event.preventDefault());
  main.addEventListener("drop", event => {
    event.preventDefault();
    add(event.dataTransfer.files);
  });
}

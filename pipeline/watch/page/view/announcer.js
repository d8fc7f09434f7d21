/** What a screen reader says of messages that have come to their end. */

import { byId, make } from "/shared/dom.js";
import { duration, status, title } from "../words.js";

const MOST = 20;
const PAUSE_MS = 1500;
const said = new Set();
let waiting = [];

export function announce(message) {
  const { text, tone } = status(message);
  if (tone === "busy" || said.has(message.key + text)) return;
  said.add(message.key + text);
  if (!waiting.length) setTimeout(say, PAUSE_MS);
  const after = message.seconds === null ? "" : ` after ${duration(message.seconds)}`;
  waiting.push(`${title(message).slice(0, 80)}: ${text}${after}`);
}

/** Many at once are one sentence. */
function say() {
  const log = byId("announcer");
  const lines = waiting.length > 3 ? [`${waiting.length} messages are done`] : waiting;
  waiting = [];
  log.append(...lines.map(line => make("p", { dir: "auto" }, line)));
  while (log.children.length > MOST) log.firstChild.remove();
}

/** The faults that a person can cause in the demo. */

import { button, byId, make, showItems } from "/shared/dom.js";
import { cause } from "../data/events.js";
import { changed, store } from "../data/store.js";

export function showFaults() {
  const { faults } = store;
  byId("faults").hidden = !faults;
  if (!faults) return;
  const busy = faults.running !== null;
  showItems(
    byId("fault-list"),
    faults.offered.map(fault => ({
      key: fault.name,
      parts: [busy, faults.running === fault.name, fault.result],
      build: () => card(fault, busy, faults.running === fault.name),
    })),
  );
  const story = byId("fault-story");
  story.hidden = !faults.story.length;
  showItems(
    story,
    faults.story.map((line, at) => ({ key: String(at), parts: [line.text, line.kind], build: () => told(line) })),
  );
  story.scrollTop = story.scrollHeight;
}

function card(fault, busy, running) {
  const id = `fault-${fault.name}`;
  return make(
    "li",
    { class: "fault" },
    make("h3", { id }, fault.title),
    make("p", { id: `${id}-effect` }, fault.effect),
    button(running ? "Under way …" : "Cause it", () => begin(fault.name), {
      class: "strong",
      id: `${id}-cause`,
      focus: fault.name,
      "aria-describedby": `${id}-effect`,
      "aria-label": `${fault.title}: ${running ? "under way" : "cause it"}`,
      "aria-disabled": busy ? "true" : null,
    }),
    fault.result && make("p", { class: `result ${fault.result.good ? "good" : "bad"}` }, fault.result.text),
  );
}

async function begin(name) {
  if (store.faults.running !== null) return;
  const refused = await cause(name);
  if (refused === null) return;
  store.faults.story.push({ kind: "bad", text: `Not caused: ${refused}.` });
  changed("faults");
}

function told(line) {
  return make("p", { class: line.kind }, make("span", { class: "when" }, line.at ?? ""), line.text);
}

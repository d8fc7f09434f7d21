/** The way of the selected message: its words, its steps as a waterfall, and its rows as they stand. */

import { byId, make, showItems } from "/shared/dom.js";
import { store } from "../data/store.js";
import { clock, duration, status, title } from "../words.js";

const TABLES = ["landing", "bronze", "quarantine", "journal", "silver", "feedback"];
/** The tables whose rows a person has unfolded. */
const unfolded = new Set();

export function showTrace() {
  const { trace } = store;
  const badge = byId("trace-status");
  if (store.selected === null) {
    badge.className = "";
    badge.textContent = "";
    byId("trace-body").replaceChildren(
      make("p", { class: "empty" }, "Select a message to see its way through the pipeline."),
    );
    shownFor = null;
    return;
  }
  if (!trace) return;
  const { text, tone } = status(trace.summary);
  badge.className = "badge";
  badge.dataset.tone = tone;
  badge.textContent = text;
  if (shownFor !== store.selected) byId("trace-body").replaceChildren(...parts());
  shownFor = store.selected;
  fill(trace);
}

let shownFor = null;

function parts() {
  return [
    make("div", { id: "trace-words" }),
    make("ol", { id: "steps", "aria-label": "Steps" }),
    make("div", { id: "rows" }),
  ];
}

function fill(trace) {
  const words = [];
  if (trace.question !== null) words.push(["question", trace.summary.author ?? "Question", trace.question]);
  else words.push(["question", "Update", title(trace.summary)]);
  if (trace.answer !== null) words.push(["answer", "Answer", trace.answer]);
  if (trace.error) words.push(["error", "Error", trace.error]);
  showItems(
    byId("trace-words"),
    words.map(([kind, label, text]) => ({ key: kind, parts: [label, text], build: () => said(kind, label, text) })),
  );
  showSteps(trace.steps);
  showItems(
    byId("rows"),
    TABLES.filter(table => trace.rows[table].length || (table === "silver" && trace.summary.answered)).map(table => ({
      key: table,
      parts: [JSON.stringify(trace.rows[table])],
      build: () => rowsOf(table, trace.rows[table]),
    })),
  );
}

function said(kind, label, text) {
  return make(
    "div",
    { class: `said ${kind}` },
    make("p", { class: "by", dir: "auto" }, label),
    make("p", { class: "text", dir: "auto", tabindex: "0", role: "group", "aria-label": label }, text),
  );
}

function showSteps(steps) {
  const times = steps.map(step => step.at).filter(at => at !== null);
  const [start, end] = [Math.min(...times), Math.max(...times)];
  const whole = Math.max(end - start, 1);
  let before = start;
  showItems(
    byId("steps"),
    steps.map(step => {
      const from = before;
      if (step.at !== null) before = Math.max(before, step.at);
      const to = before;
      return {
        key: step.name,
        parts: [JSON.stringify(step), from, to, start, whole],
        build: () => stepOf(step, from, to, start, whole),
      };
    }),
  );
}

const SAID = { now: "waits for this", later: "later", none: "not recorded", failed: "failed", done: "" };

function stepOf(step, from, to, start, whole) {
  const bar = make("span", { class: "bar" });
  bar.style.insetInlineStart = `${((from - start) / whole) * 100}%`;
  bar.style.width = step.at === null ? "0" : `${((to - from) / whole) * 100}%`;
  const took = step.at === null ? SAID[step.state] : `+${duration((to - from) / 1000)}`;
  return make(
    "li",
    { class: "step", "data-step": step.name.replaceAll(" ", "-"), "data-state": step.state },
    make("span", { class: "name" }, step.name),
    make("span", { class: "track", "aria-hidden": "true" }, bar),
    make(
      "span",
      { class: "took", title: step.at === null ? null : new Date(step.at).toISOString() },
      step.name === "received" && step.at !== null ? clock(step.at) : took,
    ),
    step.at !== null &&
      step.name !== "received" &&
      make("span", { class: "total" }, make("span", { class: "hidden" }, "in all "), duration((to - start) / 1000)),
    step.note && make("span", { class: "note", dir: "auto" }, step.note),
  );
}

function rowsOf(table, rows) {
  const count = rows.length === 1 ? "1 row" : `${rows.length} rows`;
  const known = table === "landing" || table === "journal" ? "as it stands" : count;
  return make(
    "details",
    {
      class: "rows-of",
      open: unfolded.has(table),
      ontoggle: event => (event.target.open ? unfolded.add(table) : unfolded.delete(table)),
    },
    make("summary", { "data-focus": table }, make("b", {}, table), make("span", {}, rows.length ? known : "no row yet")),
    rows.map(row =>
      make(
        "table",
        {},
        make("caption", { class: "hidden" }, `Row in ${table}`),
        make(
          "tbody",
          {},
          Object.entries(row).map(([name, value]) =>
            make("tr", {}, make("th", { scope: "row" }, name), make("td", { dir: "auto" }, shown(value))),
          ),
        ),
      ),
    ),
  );
}

function shown(value) {
  if (value === null || value === undefined) return make("i", {}, "null");
  return typeof value === "object" ? JSON.stringify(value) : String(value);
}

/** The run: which bot, whether it serves, and what fails now. */

import { byId, make } from "/shared/dom.js";
import { store } from "../data/store.js";
import { clock } from "../words.js";

const TONES = { serving: "good", starting: "busy", stopped: "bad", none: "plain" };

export function showRun() {
  const { run } = store;
  const state = byId("run-state");
  state.textContent = run.state === "none" ? "no run yet" : run.state;
  state.dataset.tone = TONES[run.state] ?? "plain";
  const facts = [
    run.bot && `@${run.bot}`,
    run.pid && `process ${run.pid}`,
    run.batch !== null && `micro-batch ${run.batch}`,
    run.storage,
  ];
  byId("run-text").textContent = facts.filter(Boolean).join(" · ");
  document.title = run.bot ? `@${run.bot}: live pipeline` : "Live pipeline";
}

let shown = "";

export function showAlerts() {
  const lines = [];
  if (store.connected === false) lines.push("This page has lost its server. It connects again by itself.");
  for (const { service, reason, since } of store.run?.problems ?? [])
    lines.push(`${service} fails since ${clock(since)}: ${reason}`);
  for (const { source, reason } of store.run?.failures ?? []) lines.push(`${source} can't be read here: ${reason}`);
  const now = lines.join("\n");
  if (now === shown) return;
  shown = now;
  byId("alerts").replaceChildren(...lines.map(line => make("p", { dir: "auto" }, line)));
}

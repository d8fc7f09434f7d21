/** The diagram: a card for each stage, and the lines between them. */

import { byId, make, showItems, shownNode } from "/shared/dom.js";
import { store } from "../data/store.js";
import { duration, number } from "../words.js";

const EDGES = [
  ["telegram_in", "landing"],
  ["landing", "bronze"],
  ["landing", "quarantine"],
  ["landing", "feedback"],
  ["landing", "journal"],
  ["journal", "model"],
  ["model", "telegram_out"],
  ["telegram_out", "silver"],
];
const HEALTH = { ok: "works", busy: "is slow", out: "fails", off: "does not run" };
const SVG = "http://www.w3.org/2000/svg";

export function showStages() {
  showItems(
    byId("stages"),
    store.stages.map(stage => ({ key: stage.name, parts: [JSON.stringify(stage)], build: () => card(stage) })),
  );
  drawEdges();
}

function card(stage) {
  const facts = [];
  if (stage.rate !== null) facts.push(make("span", {}, `${number(stage.rate)} a minute`));
  if (stage.lag) facts.push(make("span", {}, `${stage.lag_is} ${duration(stage.lag)}`));
  return make(
    "li",
    { class: "stage", "data-stage": stage.name, "data-health": stage.health },
    make(
      "h3",
      {},
      make("span", { class: "health", "aria-hidden": "true" }),
      stage.title,
      make("span", { class: "hidden" }, `, ${HEALTH[stage.health]}`),
    ),
    make("p", { class: "count" }, make("b", {}, stage.count === null ? "–" : number(stage.count)), ` ${stage.unit}`),
    facts.length > 0 && make("p", { class: "facts" }, facts),
    stage.values.length > 0 &&
      make(
        "ul",
        { class: "values", "aria-label": `${stage.title} by kind` },
        stage.values.map(value =>
          make("li", {}, `${value.name.replaceAll("_", " ")} `, make("b", {}, number(value.count))),
        ),
      ),
    stage.problem && make("p", { class: "problem", dir: "auto" }, stage.problem),
  );
}

function drawEdges() {
  const svg = byId("edges");
  const frame = svg.getBoundingClientRect();
  const narrow = matchMedia("(max-width: 860px)").matches;
  for (const [from, to] of EDGES) {
    const id = `edge-${from}-${to}`;
    const [one, other] = [from, to].map(name => shownNode(byId("stages"), name)?.getBoundingClientRect());
    let path = document.getElementById(id);
    // Where the tables are in a row of their own, lines to them would cross the other cards.
    if (!one || !other || (narrow && from === "landing" && to !== "journal")) {
      path?.remove();
      continue;
    }
    if (!path) {
      path = document.createElementNS(SVG, "path");
      path.id = id;
      svg.append(path);
    }
    const line = curve(one, other, frame);
    if (path.getAttribute("d") !== line) path.setAttribute("d", line);
  }
}

/** From side to side where they are beside each other, from bottom to top where one is below, with an arrow's head. */
function curve(one, other, frame) {
  const point = (x, y) => `${(x - frame.left).toFixed(1)} ${(y - frame.top).toFixed(1)}`;
  const middle = box => [box.left + box.width / 2, box.top + box.height / 2];
  const head = 5;
  if (other.left >= one.right) {
    const [y, x] = [middle(one)[1], other.left - 1];
    return `M${point(one.right, y)} L${point(x, y)} M${point(x - head, y - head)} L${point(x, y)} L${point(x - head, y + head)}`;
  }
  const [x0, y0, x1, y1] = [middle(one)[0], one.bottom, middle(other)[0], other.top - 1];
  const half = (y0 + y1) / 2;
  return (
    `M${point(x0, y0)} C${point(x0, half)} ${point(x1, half)} ${point(x1, y1)}` +
    ` M${point(x1 - head, y1 - head)} L${point(x1, y1)} L${point(x1 + head, y1 - head)}`
  );
}

const WAY = {
  landed: ["telegram_in-landing"],
  accepted: ["landing-journal", "journal-model"],
  answered: ["model-telegram_out"],
  sending: ["model-telegram_out"],
  quarantined: ["landing-quarantine"],
};
const FLOW_MS = 1400;
const flowing = new Map();

/** Let the lines move along which a message has just gone. */
export function flow(before, now) {
  if (before?.status === now.status) return;
  const ends = ["sent", "unknown", "dead", "withheld"].includes(now.status);
  const ways = ends ? ["model-telegram_out", "telegram_out-silver"] : (WAY[now.status] ?? ["landing-bronze"]);
  for (const way of before ? ways : ["telegram_in-landing", ...ways]) {
    const path = document.getElementById(`edge-${way}`);
    if (!path) continue;
    path.classList.add("flow");
    clearTimeout(flowing.get(way));
    flowing.set(
      way,
      setTimeout(() => path.classList.remove("flow"), FLOW_MS),
    );
  }
}

export function startStages() {
  new ResizeObserver(drawEdges).observe(byId("diagram"));
}

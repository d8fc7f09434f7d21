/** What the page knows, and who shows it. */

export const store = {
  connected: null,
  chat: null,
  run: null,
  stages: [],
  replies: { count: 0, replies: [] },
  warnings: [],
  faults: null,
  messages: new Map(),
  selected: null,
  /** Whether the newest message is selected as it comes. */
  following: true,
  trace: null,
};

const shows = new Map();

/** Call `show` when one of these parts of the store has changed. */
export function shownBy(show, ...parts) {
  for (const part of parts) shows.set(part, [...(shows.get(part) ?? []), show]);
}

const waiting = new Set();

/** Show what has changed, once before the browser paints. */
export function changed(...parts) {
  if (!waiting.size) queueMicrotask(showAll);
  for (const part of parts) waiting.add(part);
}

function showAll() {
  const due = new Set([...waiting].flatMap(part => shows.get(part) ?? []));
  waiting.clear();
  for (const show of due) show();
}

const newestFirst = (one, other) => other.order - one.order;

/** The messages that the list shows, the newest first. */
export const listed = () => [...store.messages.values()].sort(newestFirst).slice(0, 100);

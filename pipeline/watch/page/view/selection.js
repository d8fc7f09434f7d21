/** The selected message: chosen by a person, or the newest one as long as nobody has chosen. */

import { byId } from "/shared/dom.js";
import { load } from "../data/events.js";
import { changed, listed, store } from "../data/store.js";

let asked = 0;

export function select(key, { following = false } = {}) {
  store.following = following;
  if (key !== store.selected) {
    store.selected = key;
    store.trace = null;
    selectedChanged();
  }
  byId("follow").setAttribute("aria-pressed", String(store.following));
  changed("selected");
}

export async function selectedChanged() {
  const [key, turn] = [store.selected, ++asked];
  const trace = key === null ? null : await load(key);
  // Another one may have been selected meanwhile, or a later state of this one may have come first.
  if (turn !== asked) return;
  if (trace !== null) store.trace = trace;
  changed("trace");
}

export function newestIs() {
  if (store.selected !== null && !store.messages.has(store.selected)) store.selected = store.trace = null;
  if (!store.following) return;
  const newest = listed()[0];
  if (newest && newest.key !== store.selected) select(newest.key, { following: true });
}

export function keepTrace() {
  byId("follow").addEventListener("click", () => {
    store.following = !store.following;
    byId("follow").setAttribute("aria-pressed", String(store.following));
    newestIs();
  });
}

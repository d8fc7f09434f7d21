/** What outlives a reload: kept by the browser, for this address. */

const PREFIX = "sandbox.";

export function recall(name, otherwise) {
  try {
    const kept = localStorage.getItem(PREFIX + name);
    return kept === null ? otherwise : JSON.parse(kept);
  } catch {
    return otherwise;
  }
}

/** A browser that keeps nothing, or has no room for it, is no error: the page works until it is closed. */
export function remember(name, value) {
  try {
    if (value === null || value === undefined) localStorage.removeItem(PREFIX + name);
    else localStorage.setItem(PREFIX + name, JSON.stringify(value));
  } catch {
    // What was kept before is older than `value`, and would come back after a reload.
    try {
      localStorage.removeItem(PREFIX + name);
    } catch {
      // Nothing is kept at all.
    }
  }
}

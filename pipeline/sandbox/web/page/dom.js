/** Elements: made, shown as keyed items, and found. Text becomes a text node, never markup. */

export const byId = id => document.getElementById(id);

/** `attributes`: null, undefined and false leave one out; a name like `onclick` takes a listener. */
export function make(tag, attributes = {}, ...children) {
  const node = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (value === undefined || value === null || value === false) continue;
    if (typeof value === "function") node.addEventListener(name.slice(2), value);
    else node.setAttribute(name, value === true ? "" : String(value));
  }
  node.append(
    ...children.flat().filter(child => child !== undefined && child !== null && child !== false && child !== ""),
  );
  return node;
}

/** A button that does not submit. `focus` names it, so that it keeps the focus when its message is shown anew. */
export function button(label, onclick, { focus, ...attributes } = {}) {
  return make("button", { type: "button", "data-focus": focus, onclick, ...attributes }, label);
}

const shown = new WeakMap();

/**
 * Show `items` ({key, parts, build}) as the children of `parent`. A node stays as long as its item's parts are the same,
 * so that neither focus, nor a selection, nor a playing sound is lost when something else changes.
 */
export function showItems(parent, items) {
  const before = shown.get(parent) ?? new Map();
  const keys = new Set(items.map(item => item.key));
  let lost = false;
  for (const [key, { node }] of before) {
    if (keys.has(key)) continue;
    lost ||= node.contains(document.activeElement);
    node.remove();
  }
  const after = new Map();
  let next = parent.firstChild;
  for (const { key, parts, build } of items) {
    const old = before.get(key);
    const same = old && old.parts.length === parts.length && old.parts.every((part, at) => part === parts[at]);
    const node = same ? old.node : build();
    if (old && !same) {
      if (next === old.node) next = node;
      replace(old.node, node);
    }
    if (node === next) next = next.nextSibling;
    else parent.insertBefore(node, next);
    after.set(key, { parts, node });
  }
  shown.set(parent, after);
  return { lost };
}

/** The node that shows the item of this key in `parent`, if any. */
export const shownNode = (parent, key) => shown.get(parent)?.get(key)?.node;

function replace(old, node) {
  const focused = old.contains(document.activeElement) ? document.activeElement : null;
  old.replaceWith(node);
  if (!focused) return;
  const name = focused.dataset.focus;
  const target =
    (name && node.querySelector(`[data-focus="${CSS.escape(name)}"]`)) || node.querySelector("[tabindex]") || node;
  target.focus({ preventScroll: true });
}

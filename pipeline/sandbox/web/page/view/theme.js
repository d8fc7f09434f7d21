/** Light, dark, or as the system has it. */

import { recall, remember } from "../data/remembered.js";
import { byId } from "../dom.js";

const THEMES = ["system", "light", "dark"];
const SIGNS = { system: "◐", light: "☀", dark: "☾" };

function show(theme) {
  if (theme === "system") delete document.documentElement.dataset.theme;
  else document.documentElement.dataset.theme = theme;
  byId("theme").textContent = SIGNS[theme];
  byId("theme").setAttribute("aria-label", `Colours: ${theme}`);
  byId("theme").title = `Colours: ${theme}`;
}

export function startTheme() {
  show(recall("theme", "system"));
  byId("theme").addEventListener("click", () => {
    const next = THEMES[(THEMES.indexOf(recall("theme", "system")) + 1) % THEMES.length];
    remember("theme", next === "system" ? null : next);
    show(next);
  });
}

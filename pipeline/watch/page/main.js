/** The live page: starts its parts, and passes on what the server says. */

import { follow } from "./data/events.js";
import { changed, shownBy, store } from "./data/store.js";
import { byId } from "/shared/dom.js";
import { startTheme } from "/shared/view/theme.js";
import { announce } from "./view/announcer.js";
import { showChat, startChat } from "./view/chat.js";
import { showFaults } from "./view/faults.js";
import { showAlerts, showRun } from "./view/head.js";
import { showMessages, startMessages } from "./view/messages.js";
import { showOpen, showWarnings } from "./view/panels.js";
import { keepTrace, newestIs, select, selectedChanged } from "./view/selection.js";
import { flow, showStages, startStages } from "./view/stages.js";
import { showTrace } from "./view/trace.js";

function take(section, data) {
  if (section === "messages") return takeMessages(data);
  store[section] = data;
  changed(section);
}

function takeMessages({ changed: lines, gone, all }) {
  const before = store.messages;
  if (all) store.messages = new Map();
  for (const key of gone) store.messages.delete(key);
  for (const line of lines) {
    store.messages.set(line.key, line);
    if (!all) {
      flow(before.get(line.key), line);
      announce(line);
    }
  }
  newestIs();
  if (lines.some(line => line.key === store.selected)) selectedChanged();
  changed("messages");
}

function connection(open) {
  store.connected = open;
  byId("app").dataset.live = String(open);
  changed("connected");
}

shownBy(showRun, "run");
shownBy(showAlerts, "run", "connected");
shownBy(showStages, "stages");
shownBy(showMessages, "messages", "selected");
shownBy(showTrace, "trace", "selected");
shownBy(showOpen, "replies");
shownBy(showWarnings, "warnings");
shownBy(showFaults, "faults");
shownBy(showChat, "chat");
startTheme();
startChat();
startStages();
startMessages(select);
keepTrace();
follow(take, connection);

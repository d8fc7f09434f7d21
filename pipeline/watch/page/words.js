/** Numbers, times and states in words. */

export function duration(seconds) {
  if (seconds < 0.0995) return `${Math.round(seconds * 1000)} ms`;
  if (seconds < 9.95) return `${seconds.toFixed(2)} s`;
  if (seconds < 120) return `${Math.round(seconds)} s`;
  return seconds < 7200 ? `${Math.round(seconds / 60)} min` : `${Math.round(seconds / 3600)} h`;
}

const NUMBERS = new Intl.NumberFormat("en");

export const number = value => NUMBERS.format(value);

const CLOCK = new Intl.DateTimeFormat("en-GB", { hour: "2-digit", minute: "2-digit", second: "2-digit" });

export const clock = ms => CLOCK.format(ms);

const REASONS = {
  edit: "an edit",
  service_message: "a service message",
  from_bot: "from a bot",
  no_text: "no text",
  not_addressed: "not for the bot",
  chat_not_allowed: "chat not allowed",
  user_not_allowed: "user not allowed",
  not_a_message: "not a message",
  feedback: "a vote",
};

/** A message's status, and how it is coloured: good, bad, busy or plain. */
export function status(message) {
  const name = message.status;
  if (name === "sent" && message.answer_status === "fallback") return { text: "fallback sent", tone: "bad" };
  if (name === "sent") return { text: "sent", tone: "good" };
  if (["unknown", "dead", "quarantined"].includes(name)) return { text: name, tone: "bad" };
  if (name === "withheld") return { text: name, tone: "plain" };
  if (["landed", "accepted", "answered", "sending"].includes(name))
    return { text: name === "accepted" ? "asking the model" : name === "answered" ? "to be sent" : name, tone: "busy" };
  return { text: `kept: ${REASONS[name] ?? name.replaceAll("_", " ")}`, tone: "plain" };
}

/** Who sent a message, where, and on whose behalf. */
export function author(message) {
  if (message.origin?.startsWith("probe:")) return "a check";
  const parts = [message.author, message.chat && `in ${message.chat}`, message.origin];
  return parts.filter(Boolean).join(" ") || "unknown";
}

const KINDS = {
  message: "a message without text",
  callback_query: "a press of a button",
  stopped_message_generation: "a press of the stop button",
};

/** What stands for a message in lists: its text, or what it is. */
export function title(message) {
  return message.text ?? (message.kind ? `(${KINDS[message.kind] ?? message.kind.replaceAll("_", " ")})` : "(unreadable)");
}

/** Reactions below a message, one chip for each kind with its count. */

import { button, make } from "../dom.js";

export const OFFERED = ["👍", "👎", "❤", "🔥", "🎉", "😁", "🤔", "👀", "🙏", "💯"];

const keyOf = reaction => reaction.emoji ?? reaction.custom_emoji_id ?? reaction.type;
/** Without this selector some signs, such as the heart, are shown as letters are. */
export const asPicture = emoji => (emoji.length === 1 ? `${emoji}\ufe0f` : emoji);

const faceOf = reaction =>
  (reaction.emoji && asPicture(reaction.emoji)) ?? (reaction.type === "paid" ? "⭐" : "custom emoji");

/** `given`: a map of users' ids and the bot's to lists of ReactionType; `react(emoji)` sets the person's own. */
export function reactionsOf(given, person, bot, react) {
  const chips = new Map();
  for (const [user, reactions] of given) {
    for (const reaction of reactions) {
      const chip = chips.get(keyOf(reaction)) ?? { reaction, users: [] };
      chip.users.push(user);
      chips.set(keyOf(reaction), chip);
    }
  }
  if (!chips.size) return null;
  return make(
    "div",
    { class: "reactions", role: "group", "aria-label": "Reactions" },
    [...chips].map(([key, { reaction, users }]) => {
      const own = users.includes(person);
      return button(
        [faceOf(reaction), " ", String(users.length)],
        () => react(own ? [] : [reaction.emoji].filter(Boolean)),
        {
          focus: `reaction:${key}`,
          class: "chip",
          "aria-pressed": String(own),
          "aria-label": `${faceOf(reaction)}, ${users.length}${users.includes(bot) ? ", the bot's too" : ""}`,
        },
      );
    }),
  );
}

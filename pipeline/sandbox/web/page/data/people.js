/** Who writes: three people with a private chat each, one group for all, and whoever else wrote before. */

export const PEOPLE = [
  { id: 1, first_name: "Ada", username: "ada", language_code: "en" },
  { id: 2, first_name: "Linus", username: "linus", language_code: "fi" },
  { id: 3, first_name: "Grace", username: "grace", language_code: "en" },
];

export const GROUP = { id: -1001000000001, type: "supergroup", title: "The three of us" };

/** The people who can write in a chat: its person, or in a group everybody who is known there. */
export function authorsOf(chat) {
  if (chat.type === "channel") return [];
  if (chat.type === "private") {
    const known = PEOPLE.find(person => person.id === chat.id);
    return [known ?? { id: chat.id, first_name: chat.first_name ?? String(chat.id), username: chat.username }];
  }
  const people = new Map(PEOPLE.map(person => [person.id, person]));
  for (const { from } of chat.messages.values()) {
    if (from && !from.is_bot && !people.has(from.id)) people.set(from.id, from);
  }
  return [...people.values()];
}

/** The fields of a request that say who writes where. */
export function fromAuthor(chat, author) {
  const body = { chat_id: chat.id, chat_type: chat.type };
  if (chat.type !== "private") body.title = chat.title ?? String(chat.id);
  if (author) {
    body.user_id = author.id;
    for (const name of ["first_name", "username", "language_code"]) if (author[name]) body[name] = author[name];
  }
  return body;
}

export const nameOf = user => [user.first_name, user.last_name].filter(Boolean).join(" ") || String(user.id);

/** One of seven colours for an id: the class that has it. */
export const colourOf = id => `colour-${(id < 0 ? 4 - id : id) % 7}`;

/** A message in a few words: for lists, quotes and screen readers. */

import { nameOf } from "../data/people.js";

const KINDS = {
  animation: "Animation",
  photo: "Photo",
  video: "Video",
  video_note: "Video message",
  voice: "Voice message",
  audio: "Audio",
  document: "File",
  sticker: "Sticker",
  poll: "Poll",
  // Before a location, which a venue has too.
  venue: "Venue",
  location: "Location",
  contact: "Contact",
  dice: "Dice",
  game: "Game",
  story: "Story",
  invoice: "Invoice",
  paid_media: "Paid media",
  checklist: "Checklist",
};

const names = users => users.map(nameOf).join(", ");

const SERVICE = {
  new_chat_members: ({ new_chat_members: users }) => `${names(users)} joined the group`,
  left_chat_member: ({ left_chat_member: user }) => `${nameOf(user)} left the group`,
  new_chat_title: ({ new_chat_title: title }) => `The group is now called ${title}`,
  new_chat_photo: () => "The group has a new photo",
  delete_chat_photo: () => "The group's photo was removed",
  group_chat_created: () => "The group was created",
  supergroup_chat_created: () => "The supergroup was created",
  channel_chat_created: () => "The channel was created",
  migrate_to_chat_id: ({ migrate_to_chat_id: id }) => `This group became the supergroup ${id}`,
  migrate_from_chat_id: ({ migrate_from_chat_id: id }) => `This supergroup was the group ${id}`,
  pinned_message: ({ pinned_message: pinned }) => `Pinned: ${summary(pinned)}`,
  forum_topic_created: ({ forum_topic_created: topic }) => `The topic ${topic.name} was created`,
  forum_topic_edited: ({ forum_topic_edited: topic }) =>
    `The topic was changed${topic.name ? ` to ${topic.name}` : ""}`,
  forum_topic_closed: () => "The topic was closed",
  forum_topic_reopened: () => "The topic was opened again",
  users_shared: ({ users_shared: shared }) => `Shared ${shared.users?.length ?? 0} user(s)`,
  chat_shared: () => "Shared a chat",
  write_access_allowed: () => "The bot may write now",
};

const ABOUT = new Set([
  "message_id",
  "from",
  "chat",
  "date",
  "sender_chat",
  "message_thread_id",
  "is_topic_message",
  "edit_date",
]);

/** The kind of content of a message that is not only text, as a name of KINDS; null for any other. */
export const mediaKind = message => Object.keys(KINDS).find(name => message[name] !== undefined) ?? null;

/** What a service message says; null for a message that somebody wrote. */
export function serviceText(message) {
  const name = Object.keys(SERVICE).find(each => message[each] !== undefined);
  if (name) return SERVICE[name](message);
  if (message.text !== undefined || mediaKind(message)) return null;
  const others = Object.keys(message).filter(each => !ABOUT.has(each));
  return others.length ? `A message of another kind: ${others.join(", ")}` : "An empty message";
}

export function summary(message) {
  if (message.text !== undefined) return String(message.text);
  const kind = mediaKind(message);
  if (!kind) return serviceText(message);
  const detail = message.caption ?? message.poll?.question ?? message.document?.file_name ?? message.sticker?.emoji;
  return detail === undefined ? KINDS[kind] : `${KINDS[kind]}: ${detail}`;
}

const CLOCK = { hour: "2-digit", minute: "2-digit" };
const DAY = { weekday: "long", day: "numeric", month: "long", year: "numeric" };

/** `seconds` since the epoch, as the Bot API has them. */
export const clockTime = seconds => new Date(seconds * 1000).toLocaleTimeString([], CLOCK);
export const day = seconds => new Date(seconds * 1000).toLocaleDateString([], DAY);
export const isoTime = seconds => new Date(seconds * 1000).toISOString();

export function size(bytes) {
  if (!Number.isFinite(bytes)) return "";
  const unit = bytes < 1000 ? 0 : bytes < 1e6 ? 1 : 2;
  return `${unit ? (bytes / 1000 ** unit).toFixed(1) : bytes} ${["bytes", "kB", "MB"][unit]}`;
}

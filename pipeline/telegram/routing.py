"""Whether the bot answers an update, and if not, why: the `disposition` column of bronze."""

from __future__ import annotations

import re
from collections.abc import Collection
from enum import StrEnum

from pipeline.messages.origin import Probe
from pipeline.messages.utf16 import utf16_slice
from pipeline.messages.vote import read_vote
from pipeline.telegram.bot import Bot
from pipeline.telegram.update import Entity, Message, Press, Update

_ANONYMOUS_PERSONS = frozenset({1087968824, 136817688})
"""GroupAnonymousBot and Channel_Bot: they stand in `from` for a person who writes as a chat.

https://core.telegram.org/bots/api#message, at `from` and `sender_chat`.
"""

_SERVICE_FIELDS = frozenset(
    {
        "new_chat_members", "left_chat_member", "new_chat_title", "new_chat_photo", "delete_chat_photo",
        "group_chat_created", "supergroup_chat_created", "channel_chat_created", "message_auto_delete_timer_changed",
        "migrate_to_chat_id", "migrate_from_chat_id", "pinned_message", "successful_payment", "refunded_payment",
        "users_shared", "chat_shared", "connected_website", "write_access_allowed", "passport_data",
        "proximity_alert_triggered", "boost_added", "chat_background_set", "forum_topic_created",
        "forum_topic_edited", "forum_topic_closed", "forum_topic_reopened", "general_forum_topic_hidden",
        "general_forum_topic_unhidden", "giveaway_created", "giveaway_completed", "video_chat_scheduled",
        "video_chat_started", "video_chat_ended", "video_chat_participants_invited", "web_app_data",
    }
)  # fmt: skip
"""Fields of https://core.telegram.org/bots/api#message that only service messages have."""


class Disposition(StrEnum):
    """Answer the update, or the reason not to."""

    ANSWER = "answer"
    FEEDBACK = "feedback"
    """Somebody says what they think of an answer."""
    EDIT = "edit"
    SERVICE_MESSAGE = "service_message"
    FROM_BOT = "from_bot"
    NO_TEXT = "no_text"
    NOT_ADDRESSED = "not_addressed"
    CHAT_NOT_ALLOWED = "chat_not_allowed"
    USER_NOT_ALLOWED = "user_not_allowed"
    NOT_A_MESSAGE = "not_a_message"


def disposition(
    update: Update, bot: Bot, allowed_chats: Collection[int] = (), allowed_users: Collection[int] = ()
) -> Disposition:
    """What to do with an update.

    An empty `allowed_chats` allows every chat, an empty `allowed_users` every author. A probe is always allowed.
    """
    message = update.message
    if message is None:
        allowed = ((), ()) if isinstance(update.origin, Probe) else (allowed_chats, allowed_users)
        return press_disposition(update.press, *allowed)
    if update.kind not in ("message", "channel_post"):
        return Disposition.EDIT if update.kind.startswith("edited_") else Disposition.NOT_A_MESSAGE
    if update.fields & _SERVICE_FIELDS:
        return Disposition.SERVICE_MESSAGE
    if _from_bot(message):
        return Disposition.FROM_BOT
    without_words = not (message.words or "").strip()
    if without_words and (update.media is None or message.chat.type == "channel"):
        return Disposition.NO_TEXT
    if not isinstance(update.origin, Probe):
        if allowed_chats and message.chat.id not in allowed_chats:
            return Disposition.CHAT_NOT_ALLOWED
        if allowed_users and message.author_id not in allowed_users:
            return Disposition.USER_NOT_ALLOWED
    if message.chat.type in ("group", "supergroup") and not addresses(message, bot):
        return Disposition.NOT_ADDRESSED
    return Disposition.ANSWER


def press_disposition(
    press: Press | None, allowed_chats: Collection[int] = (), allowed_users: Collection[int] = ()
) -> Disposition:
    """What to do with the press of a button. None: with an update that is neither a message nor one."""
    if press is None or press.message is None or read_vote(press.data) is None:
        return Disposition.NOT_A_MESSAGE
    if allowed_chats and press.message.chat.id not in allowed_chats:
        return Disposition.CHAT_NOT_ALLOWED
    if allowed_users and press.sender.id not in allowed_users:
        return Disposition.USER_NOT_ALLOWED
    return Disposition.FEEDBACK


def addresses(message: Message, bot: Bot) -> bool:
    """Whether a group message commands, mentions or replies to the bot."""
    replied = message.reply_to_message
    if replied and replied.sender and replied.sender.id == bot.id and replied.forum_topic_created is None:
        # Not when the bot created the topic: Telegram gives each message of a topic as a reply to its creation.
        return True
    words, name = message.words or "", bot.username.casefold()
    if message.marks is None:
        # Some clients and bridges send no entities; then the text itself decides.
        command = re.match(r"/\w+(?:@(\w+))?(?:\s|$)", words)
        if command and (command[1] is None or command[1].casefold() == name):
            return True
        return re.search(rf"(?<![\w@/])(?:/\w+)?@{re.escape(name)}(?!\w|\.\w)", words.casefold()) is not None
    return any(_names_bot(entity, words, bot) for entity in message.marks)


def command(words: str, bot: Bot) -> str | None:
    """The command for this bot that a text begins with, in lower case: start for `/start@our_bot x`."""
    match = re.match(r"/([A-Za-z0-9_]{1,32})(?:@(\w+))?(?:\s|$)", words)
    if match is None or (match[2] is not None and match[2].casefold() != bot.username.casefold()):
        return None
    return match[1].lower()


def _from_bot(message: Message) -> bool:
    if message.via_bot is not None:
        return True
    sender = message.sender
    if sender is None or not sender.is_bot:
        return False
    return not (sender.id in _ANONYMOUS_PERSONS and message.sender_chat is not None)


def _names_bot(entity: Entity, words: str, bot: Bot) -> bool:
    if entity.type == "text_mention":
        return entity.user is not None and entity.user.id == bot.id
    name = utf16_slice(words, entity.offset, entity.length).casefold()
    if entity.type == "mention":
        return name == f"@{bot.username.casefold()}"
    if entity.type == "bot_command":
        _, at, target = name.partition("@")
        return target == bot.username.casefold() if at else entity.offset == 0
    return False

"""The chats and users that exist, and which chat a method addresses."""

from collections import deque
from dataclasses import dataclass, field
from typing import Literal

from pipeline.sandbox.json_types import Json, Parameters
from pipeline.sandbox.telegram.chat_state.drafts import Drafts
from pipeline.sandbox.telegram.chat_state.members import PERMISSIONS, Member
from pipeline.sandbox.telegram.chat_state.reactions import MOST_ON_A_MESSAGE, Reactions
from pipeline.sandbox.telegram.errors import MethodError, bad_request
from pipeline.sandbox.telegram.parameters import integer

_GIFTS = ("unlimited_gifts", "limited_gifts", "unique_gifts", "premium_subscription", "gifts_from_channels")

ChatType = Literal["private", "group", "supergroup", "channel"]


@dataclass
class ChatState:
    """A chat with its messages, its forum topics, its members and what the bot is in it."""

    id: int
    type: ChatType
    title: str | None = None
    first_name: str | None = None
    username: str | None = None
    topics: dict[int, str] = field(default_factory=dict)
    """Names by message_thread_id."""
    messages: dict[int, Json] = field(default_factory=dict)
    """Message objects by message_id, both ways, without the deleted ones."""
    last_message_id: int = 0
    bot: Member = field(default_factory=Member)
    """What the bot is in the chat; kicked when the user blocked it."""
    members: dict[int, Member] = field(default_factory=dict)
    """People and other bots, by user id."""
    join_requests: set[int] = field(default_factory=set)
    """Users who asked to join."""
    reactions: Reactions = field(default_factory=Reactions)
    drafts: Drafts = field(default_factory=Drafts)
    pinned: list[int] = field(default_factory=list)
    """The pinned messages, by message_id; the last one was pinned last."""
    migrated_to: int | None = None
    sent_at: deque[float] = field(default_factory=deque)
    """When the bot sent the messages of the last minute, by the flood limits' clock."""

    def __post_init__(self) -> None:
        if self.type == "channel":
            # A bot can be in a channel as an administrator only.
            self.bot = Member("administrator")

    @property
    def blocked(self) -> bool:
        """Whether the user blocked the bot, or the group removed it."""
        return self.bot.status == "kicked"

    def person(self, user_id: int | None) -> int:
        """Who does something here: without a name the user of a private chat, or user 1 of another."""
        if user_id is not None:
            return user_id
        return self.id if self.type == "private" else 1

    def join(self, user_id: int) -> None:
        """Whoever writes is a member; the first one owns the group."""
        if user_id not in self.members or not self.members[user_id].is_present:
            owned = any(member.status == "creator" for member in self.members.values())
            self.members[user_id] = Member("member" if owned or self.type == "private" else "creator")

    def as_json(self) -> Json:
        """The Chat object."""
        chat: Json = {"id": self.id, "type": self.type}
        for name in ("title", "first_name", "username"):
            if getattr(self, name) is not None:
                chat[name] = getattr(self, name)
        if self.topics:
            chat["is_forum"] = True
        return chat

    def as_full_info(self) -> Json:
        """The ChatFullInfo object."""
        chat: Json = self.as_json() | {
            "accent_color_id": abs(self.id) % 7,
            "max_reaction_count": MOST_ON_A_MESSAGE,
            "accepted_gift_types": dict.fromkeys(_GIFTS, False),
        }
        if self.username is not None:
            chat["active_usernames"] = [self.username]
        if self.type in ("group", "supergroup"):
            chat["permissions"] = dict.fromkeys(PERMISSIONS, True)
        pinned = [self.messages[message_id] for message_id in self.pinned if message_id in self.messages]
        if pinned:
            chat["pinned_message"] = without_reply(pinned[-1])
        return chat

    def new_message_id(self) -> int:
        self.last_message_id += 1
        return self.last_message_id

    def open_topic(self, message_thread_id: int, name: str) -> None:
        """A new topic. ValueError outside supergroups, and for the General topic (1), which has no thread id."""
        if message_thread_id <= 1:
            raise ValueError("the General topic has no thread of its own: use an id above 1")
        if self.type != "supergroup":
            raise ValueError("only a supergroup has topics")
        self.topics[message_thread_id] = name
        self.last_message_id = max(self.last_message_id, message_thread_id)

    def topic(self, parameters: Parameters) -> int | None:
        """The topic that `message_thread_id` names, if any. MethodError 400 when the chat doesn't have it."""
        thread_id = integer(parameters, "message_thread_id", 0)
        if thread_id == 0:
            return None
        if thread_id not in self.topics:
            raise bad_request("message thread not found")
        return thread_id


def without_reply(message: Json) -> Json:
    """A Message as `reply_to_message` holds it: that field is not nested."""
    return {name: value for name, value in message.items() if name != "reply_to_message"}


class Chats:
    """Every chat and every user; both come into being when they are first mentioned."""

    def __init__(self) -> None:
        self.by_id: dict[int, ChatState] = {}
        self.messages_before = 0
        """The last message_id of each chat that is yet to come into being."""
        self._users: dict[int, Json] = {}

    def existing_or_new(self, chat_id: int, chat_type: ChatType | None = None) -> ChatState:
        """`chat_type` applies to a new chat only; without it the type follows from the id."""
        chat = self.by_id.get(chat_id)
        if chat is None:
            # In Telegram's numbering only people have positive ids; ids from -100… are supergroups and channels.
            of_id: ChatType = "private" if chat_id >= 0 else "supergroup" if chat_id < -(10**12) else "group"
            chat = ChatState(chat_id, chat_type or of_id, last_message_id=self.messages_before)
            self.by_id[chat_id] = chat
        return chat

    def user(self, user_id: int, profile: Json) -> Json:
        """The User object, updated with what `profile` says; its None values change nothing."""
        user = self._users.setdefault(user_id, {"id": user_id, "is_bot": False, "first_name": "Ada"})
        user.update({name: value for name, value in profile.items() if value is not None})
        return dict(user)

    def addressed(self, parameters: Parameters) -> ChatState:
        """The chat that `chat_id` names: a number or, for public groups and channels, an @username.

        MethodError 400 when there is none.
        """
        wanted = parameters.get("chat_id")
        if wanted is None or wanted == "":
            raise bad_request("chat_id is empty")
        if isinstance(wanted, str) and wanted.startswith("@"):
            found = [chat for chat in self.by_id.values() if chat.username == wanted[1:]]
            chat = found[0] if found and found[0].type != "private" else None
        else:
            chat = self.by_id.get(integer(parameters, "chat_id", 0))
        if chat is None:
            raise bad_request("chat not found")
        return chat

    def writable(self, parameters: Parameters) -> ChatState:
        """The addressed chat, in which the bot may write: MethodError 400 when it was upgraded, 403 when blocked.

        MethodError 400 too for a business connection: nobody connected the bot to their account.
        """
        if parameters.get("business_connection_id"):
            raise bad_request("business connection not found")
        chat = self.addressed(parameters)
        if chat.migrated_to is not None:
            raise bad_request("group chat was upgraded to a supergroup chat", {"migrate_to_chat_id": chat.migrated_to})
        if chat.type == "private" and not chat.bot.is_present:
            raise MethodError(403, "Forbidden: bot was blocked by the user")
        return self.readable(parameters)

    def visible(self, parameters: Parameters) -> ChatState:
        """The addressed chat, of which the bot may know: MethodError 403 for a supergroup or channel that it is not in.

        It still knows what a basic group was, and what a public chat is unless it was banned there.
        """
        chat = self.addressed(parameters)
        if chat.type in ("private", "group") or (chat.username is not None and not chat.blocked):
            return chat
        return self.readable(parameters)

    def readable(self, parameters: Parameters) -> ChatState:
        """The addressed chat, into which the bot may look: MethodError 403 for a group or channel that it is not in."""
        chat = self.addressed(parameters)
        if chat.type != "private" and not chat.bot.is_present:
            away = "was kicked from" if chat.blocked else "is not a member of"
            raise MethodError(403, f"Forbidden: bot {away} the {chat.type} chat")
        return chat

    def known_user(self, user_id: int) -> Json | None:
        """The User object of somebody who was seen; None for an unknown id."""
        user = self._users.get(user_id)
        return None if user is None else dict(user)

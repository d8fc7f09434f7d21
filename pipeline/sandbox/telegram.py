"""The simulated Telegram: one bot, its chats and its queue of updates, by the rules of core.telegram.org/bots/api.

Nothing here knows HTTP. Every public method is thread-safe and returns at once, except `get_updates`.
"""

import bisect
import json
import math
import random
import re
import threading
import time
from collections import deque
from collections.abc import Callable, Iterable, Mapping, Sequence
from concurrent.futures import Future, InvalidStateError
from concurrent.futures import TimeoutError as FutureTimeout
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from pipeline.sandbox.markup import (
    MarkedText,
    MarkupError,
    automatic_entities,
    parse_html,
    stripped,
    utf16_length,
)

Json = dict[str, Any]
ChatType = Literal["private", "group", "supergroup", "channel"]

DEFAULT_TOKEN = "42:sandbox-token-not-a-secret"
UPDATES_ARE_KEPT = 24 * 3600.0
ORDINAL_IDS_END_AFTER = 7 * 24 * 3600.0
LONGEST_POLL = 50
LONGEST_TEXT = 4096

UPDATE_KINDS = frozenset(
    [
        "message",
        "edited_message",
        "channel_post",
        "edited_channel_post",
        "business_connection",
        "business_message",
        "edited_business_message",
        "deleted_business_messages",
        "guest_message",
        "message_reaction",
        "message_reaction_count",
        "inline_query",
        "chosen_inline_result",
        "callback_query",
        "shipping_query",
        "pre_checkout_query",
        "purchased_paid_media",
        "poll",
        "poll_answer",
        "my_chat_member",
        "chat_member",
        "chat_join_request",
        "chat_boost",
        "removed_chat_boost",
        "managed_bot",
    ]
)
ONLY_WHEN_ASKED_FOR = frozenset({"chat_member", "message_reaction", "message_reaction_count"})
CHAT_ACTIONS = frozenset(
    [
        "typing",
        "upload_photo",
        "record_video",
        "upload_video",
        "record_voice",
        "upload_voice",
        "upload_document",
        "choose_sticker",
        "find_location",
        "record_video_note",
        "upload_video_note",
    ]
)

_TOKEN = re.compile(r"(?P<bot_id>[1-9][0-9]{0,18}):[A-Za-z0-9_-]{16,64}")


class BotApiError(Exception):
    """An unsuccessful answer of the Bot API: `error_code`, `description` and optional `parameters`."""

    def __init__(self, error_code: int, description: str, parameters: Json | None = None) -> None:
        super().__init__(description)
        self.error_code = error_code
        self.description = description
        self.parameters = parameters


def _bad_request(what: str, parameters: Json | None = None) -> BotApiError:
    return BotApiError(400, f"Bad Request: {what}", parameters)


class Limits(BaseModel):
    """Flood limits; None switches one off. The defaults are those of the Bot API FAQ."""

    model_config = ConfigDict(extra="forbid")

    per_second: int | None = Field(default=30, ge=1)
    chat_per_second: int | None = Field(default=1, ge=1)
    group_per_minute: int | None = Field(default=20, ge=1)


class UserMessage(BaseModel):
    """Something a person does in a chat. The chat and the user come into being with their first message."""

    model_config = ConfigDict(extra="forbid")

    chat_id: int = 1
    chat_type: ChatType | None = Field(
        default=None,
        description="Of a chat that is new; by default private, a group when its id is negative.",
    )
    title: str | None = None
    user_id: int | None = Field(default=None, description="By default the chat's id in a private chat, else 1.")
    first_name: str = "Ada"
    username: str | None = None
    language_code: str | None = None
    is_bot: bool = False
    sender_chat_id: int | None = Field(default=None, description="Sent on behalf of this chat.")
    text: str | None = None
    caption: str | None = None
    photo: bool = False
    entities: list[Json] | None = Field(default=None, description="Found in the text when not given.")
    reply_to_message_id: int | None = None
    message_thread_id: int | None = Field(default=None, description="A forum topic; created when unknown.")
    edited_message_id: int | None = Field(default=None, description="Edit this message in place of a new one.")
    new_chat_members: list[Json] | None = Field(default=None, description="Makes a service message.")
    extra: Json = Field(default_factory=dict, description="More fields of the Message, taken as they are.")


@dataclass(frozen=True)
class Delivered:
    """What a user's action came to. `update_id` is None when `allowed_updates` keeps the update from the bot."""

    update_id: int | None
    message_id: int


@dataclass
class _Chat:
    id: int
    type: ChatType
    title: str | None = None
    first_name: str | None = None
    username: str | None = None
    topics: dict[int, str] = field(default_factory=dict)
    messages: dict[int, Json] = field(default_factory=dict)
    last_message_id: int = 0
    blocked: bool = False
    migrated_to: int | None = None
    sent_at: deque[float] = field(default_factory=deque)

    def as_json(self) -> Json:
        chat: Json = {"id": self.id, "type": self.type}
        for name in ("title", "first_name", "username"):
            if getattr(self, name) is not None:
                chat[name] = getattr(self, name)
        if self.topics:
            chat["is_forum"] = True
        return chat


@dataclass(frozen=True)
class _Queued:
    id: int
    created_at: float
    update: Json


class Poll:
    """A getUpdates call that waits. `future` gets its updates, or the BotApiError that ended it."""

    def __init__(self, offset: int, limit: int) -> None:
        self.offset = offset
        self.limit = limit
        self.future: Future[list[Json]] = Future()

    # A future that can't be set any more belongs to a caller who is gone: an unanswered poll confirms nothing.

    def answer(self, updates: list[Json]) -> None:
        with suppress(InvalidStateError):
            self.future.set_result(updates)

    def refuse(self, error: BotApiError) -> None:
        with suppress(InvalidStateError):
            self.future.set_exception(error)


class Telegram:
    """One bot's world. Long polls wait on a Future each, so that thousands of them need no thread.

    `clock` gives monotonic seconds (limits, the age of updates), `now` the epoch's (message dates).
    """

    def __init__(
        self,
        token: str = DEFAULT_TOKEN,
        *,
        username: str = "sandbox_bot",
        name: str = "Sandbox",
        limits: Limits | None = None,
        clock: Callable[[], float] = time.monotonic,
        now: Callable[[], float] = time.time,
        seed: int = 0,
    ) -> None:
        self._lock = threading.RLock()
        self._clock = clock
        self._now = now
        self._random = random.Random(seed)
        self.token = token
        self.bot_id = _bot_id(token)
        self.username = username
        self.name = name
        self.limits = limits
        self._chats: dict[int, _Chat] = {}
        self._users: dict[int, Json] = {}
        self._queue: list[_Queued] = []
        self._next_update_id = 100_000_001
        self._last_update_at: float | None = None
        self._allowed = UPDATE_KINDS - ONLY_WHEN_ASKED_FOR
        self._poll: Poll | None = None
        self._webhook: Json = {"url": ""}
        self._commands: list[Json] = []
        self._sent: list[Json] = []
        self._actions: list[Json] = []
        self._sent_at: deque[float] = deque()
        self._listeners: list[Callable[[Json], None]] = []

    # The bot's side

    def authorize(self, token: str) -> None:
        """Raises 404 for what is no token at all and 401 for a token that is not (or no longer) the bot's."""
        if _TOKEN.fullmatch(token) is None:
            raise BotApiError(404, "Not Found")
        if token != self.token:
            raise BotApiError(401, "Unauthorized")

    def call(self, method: str, parameters: Mapping[str, Any]) -> Any:
        """The result of one method other than getUpdates; names are case-insensitive.

        Parameters are as they arrive: numbers and objects may be strings holding them. Raises BotApiError.
        """
        handler = self._methods().get(method.lower())
        if handler is None:
            raise BotApiError(404, "Not Found")
        return handler(parameters)

    def start_poll(self, parameters: Mapping[str, Any]) -> tuple[Poll, float]:
        """Begin getUpdates: the poll, answered already when there are updates, and the seconds it may wait.

        `finish_poll` must follow when that time is over. A waiting poll is ended with 409 by the next one.
        """
        offset = _integer(parameters, "offset", 0)
        limit = min(max(_integer(parameters, "limit", 100), 1), 100)
        timeout = min(max(_integer(parameters, "timeout", 0), 0), LONGEST_POLL)
        allowed = _decoded(parameters, "allowed_updates")
        if allowed is not None and not (isinstance(allowed, list) and all(isinstance(kind, str) for kind in allowed)):
            raise _bad_request("can't parse allowed updates JSON object")
        with self._lock:
            if self._webhook["url"]:
                raise BotApiError(
                    409,
                    "Conflict: can't use getUpdates method while webhook is active; use deleteWebhook to delete"
                    " the webhook first",
                )
            if self._poll is not None:
                self._poll.refuse(
                    BotApiError(
                        409,
                        "Conflict: terminated by other getUpdates request; make sure that only one bot instance"
                        " is running",
                    )
                )
                self._poll = None
            if allowed is not None:
                self._allow(allowed)
            self._forget_old()
            if offset < 0:
                del self._queue[: max(len(self._queue) + offset, 0)]
            elif offset > 0:
                del self._queue[: self._position(offset)]
            poll = Poll(max(offset, 0), limit)
            self._poll = poll
            self._wake()
            if timeout == 0:
                self.finish_poll(poll)
            return poll, float(timeout)

    def finish_poll(self, poll: Poll) -> None:
        """Answer a poll whose time is over; one already answered stays as it is."""
        with self._lock:
            if self._poll is poll:
                self._poll = None
            poll.answer([])

    def get_updates(
        self,
        offset: int | None = None,
        limit: int | None = None,
        timeout: int | None = None,
        allowed_updates: Sequence[str] | None = None,
    ) -> list[Json]:
        """getUpdates for a caller with a thread to wait in."""
        given: Json = {
            "offset": offset,
            "limit": limit,
            "timeout": timeout,
            "allowed_updates": allowed_updates,
        }
        poll, seconds = self.start_poll({name: value for name, value in given.items() if value is not None})
        try:
            return poll.future.result(seconds)
        except FutureTimeout:
            self.finish_poll(poll)
            return poll.future.result()

    def send_message(self, parameters: Mapping[str, Any]) -> Json:
        """sendMessage: the Message sent."""
        with self._lock:
            # An upgraded or blocked chat is an error whatever the text is, like on the real server.
            chat = self._chat_to_write_to(parameters)
            marked, parse_mode = self._marked_text(parameters)
            thread_id = self._topic(chat, parameters)
            reply_to = self._message_to_reply(chat, parameters)
            if thread_id is None and reply_to is not None and reply_to.get("is_topic_message"):
                thread_id = reply_to["message_thread_id"]
            self._count_against_limits(chat)
            message: Json = {
                "message_id": self._new_message_id(chat),
                "from": self.me(),
                "chat": chat.as_json(),
            }
            if thread_id is not None:
                message |= {"message_thread_id": thread_id, "is_topic_message": True}
            message |= {"date": int(self._now()), "text": marked.text}
            if marked.entities:
                message["entities"] = marked.entities
            if reply_to is not None:
                message["reply_to_message"] = _without_reply(reply_to)
            chat.messages[message["message_id"]] = message
            sent = {
                "n": len(self._sent) + 1,
                "at": self._now(),
                "chat_id": chat.id,
                "message_id": message["message_id"],
                "message_thread_id": thread_id,
                "reply_to_message_id": None if reply_to is None else reply_to["message_id"],
                "text": marked.text,
                "parse_mode": parse_mode,
                "raw_text": parameters["text"],
                "disable_notification": _boolean(parameters, "disable_notification"),
            }
            self._sent.append(sent)
            self._report({"type": "sent", "chat_id": chat.id, "message": message})
            return message

    def send_chat_action(self, parameters: Mapping[str, Any]) -> bool:
        """sendChatAction: recorded, and told to the listeners."""
        with self._lock:
            chat = self._chat_to_write_to(parameters)
            action = str(parameters.get("action", ""))
            if action not in CHAT_ACTIONS:
                raise _bad_request("wrong parameter action in request")
            thread_id = self._topic(chat, parameters)
            record = {
                "at": self._now(),
                "chat_id": chat.id,
                "action": action,
                "message_thread_id": thread_id,
            }
            self._actions.append(record)
            self._report({"type": "action", "chat_id": chat.id, "action": action})
            return True

    def me(self) -> Json:
        """The bot as a User."""
        return {"id": self.bot_id, "is_bot": True, "first_name": self.name, "username": self.username}

    # The people's side

    def receive(self, message: UserMessage) -> Delivered:
        """A person's message reaches the bot. A blocked bot receives it all the same, for a test's convenience."""
        return self.receive_all([message])[0]

    def receive_all(self, messages: Iterable[UserMessage]) -> list[Delivered]:
        """Many at once: a poll that waits sees all of them."""
        with self._lock:
            delivered = [self._receive(message) for message in messages]
            self._wake()
            return delivered

    def inject(self, update: Json, *, filtered: bool = False) -> int | None:
        """Put a raw update in the queue as it is, whatever it holds; its update_id is assigned when not given.

        An update_id that is no number is kept verbatim and queued under the next number. None is returned when
        `filtered` and `allowed_updates` keeps this kind of update from the bot.
        """
        with self._lock:
            if filtered and not self._is_allowed(update):
                return None
            update_id = self._enqueue(update)
            self._wake()
            return update_id

    def skip_update_ids(self, next_update_id: int) -> None:
        """Let the next update have this id, as after a week of silence."""
        with self._lock:
            self._next_update_id = next_update_id

    def block(self, chat_id: int, blocked: bool = True) -> int | None:
        """The user blocks the bot, or a group removes it: my_chat_member's update_id."""
        with self._lock:
            chat = self._existing_or_new(chat_id)
            before, chat.blocked = chat.blocked, blocked
            states = {False: "member", True: "kicked"}
            change: Json = {
                "chat": chat.as_json(),
                "from": self._user(chat_id if chat.type == "private" else 1, {}),
                "date": int(self._now()),
                "old_chat_member": self._membership(states[before]),
                "new_chat_member": self._membership(states[blocked]),
            }
            update_id = self._offer("my_chat_member", change)
            self._wake()
            return update_id

    def migrate(self, chat_id: int, new_chat_id: int) -> None:
        """Upgrade a group to a supergroup: both service messages are sent, the old chat refuses messages."""
        with self._lock:
            old = self._existing_or_new(chat_id, "group")
            new = self._existing_or_new(new_chat_id, "supergroup")
            new.title = old.title
            for chat, service in (
                (old, {"migrate_to_chat_id": new_chat_id}),
                (new, {"migrate_from_chat_id": chat_id}),
            ):
                self._receive(
                    UserMessage(chat_id=chat.id, user_id=1, extra=service),
                )
            old.migrated_to = new_chat_id
            self._wake()

    def create_topic(self, chat_id: int, message_thread_id: int, name: str) -> None:
        """A forum topic in a supergroup. ValueError for the General topic (1), which has no thread id."""
        if message_thread_id <= 1:
            raise ValueError("the General topic has no thread of its own: use an id above 1")
        with self._lock:
            chat = self._existing_or_new(chat_id, "supergroup")
            if chat.type != "supergroup":
                raise ValueError("only a supergroup has topics")
            chat.topics[message_thread_id] = name
            chat.last_message_id = max(chat.last_message_id, message_thread_id)

    def delete_message(self, chat_id: int, message_id: int) -> bool:
        """A person deletes a message; the bot is not told. False when it was not there."""
        with self._lock:
            chat = self._chats.get(chat_id)
            if chat is None or chat.messages.pop(message_id, None) is None:
                return False
            self._report({"type": "deleted", "chat_id": chat_id, "message_id": message_id})
            return True

    def rotate_token(self, token: str) -> None:
        """The owner revokes the token: the old one is 401 from now on, also for the poll that waits.

        ValueError when it is another bot's token, or none.
        """
        if _bot_id(token) != self.bot_id:
            raise ValueError("the token must be of the same bot")
        with self._lock:
            self.token = token
            if self._poll is not None:
                self._poll.refuse(BotApiError(401, "Unauthorized"))
                self._poll = None

    # What a test looks at

    def sent(self, since: int = 0) -> list[Json]:
        """Everything the bot sent with success, in order; only what has a number above `since`."""
        with self._lock:
            return self._sent[max(since, 0) :]

    def actions(self) -> list[Json]:
        with self._lock:
            return list(self._actions)

    def pending(self) -> int:
        """Updates that no getUpdates has confirmed."""
        with self._lock:
            self._forget_old()
            return len(self._queue)

    def chats(self) -> list[Json]:
        with self._lock:
            return [chat.as_json() | {"messages": len(chat.messages)} for chat in self._chats.values()]

    def transcript(self, chat_id: int) -> list[Json]:
        """Every Message of a chat that was not deleted, both ways, in order."""
        with self._lock:
            chat = self._chats.get(chat_id)
            return [] if chat is None else list(chat.messages.values())

    def listen(self, listener: Callable[[Json], None]) -> Callable[[], None]:
        """Tell `listener` every message, reply and action, in order; returns what ends it.

        It is called while the lock is held: it must return at once and not call back.
        """
        with self._lock:
            self._listeners.append(listener)

        def end() -> None:
            with self._lock:
                if listener in self._listeners:
                    self._listeners.remove(listener)

        return end

    # Methods

    def _methods(self) -> dict[str, Callable[[Mapping[str, Any]], Any]]:
        return {
            "getme": self._get_me,
            "sendmessage": self.send_message,
            "sendchataction": self.send_chat_action,
            "getchat": self._get_chat,
            "setwebhook": self._set_webhook,
            "deletewebhook": self._delete_webhook,
            "getwebhookinfo": self._get_webhook_info,
            "setmycommands": self._set_my_commands,
            "getmycommands": lambda _: list(self._commands),
            "deletemycommands": self._delete_my_commands,
        }

    def _get_me(self, _: Mapping[str, Any]) -> Json:
        return self.me() | {
            "can_join_groups": True,
            "can_read_all_group_messages": False,
            "supports_inline_queries": False,
            "can_connect_to_business": False,
            "has_main_web_app": False,
        }

    def _get_chat(self, parameters: Mapping[str, Any]) -> Json:
        with self._lock:
            return self._addressed_chat(parameters).as_json()

    def _set_webhook(self, parameters: Mapping[str, Any]) -> bool:
        with self._lock:
            self._webhook = {"url": str(parameters.get("url", ""))}
            allowed = _decoded(parameters, "allowed_updates")
            if allowed is not None:
                self._allow(allowed)
            if _boolean(parameters, "drop_pending_updates"):
                self._queue.clear()
            if self._webhook["url"] and self._poll is not None:
                self._poll.refuse(
                    BotApiError(409, "Conflict: terminated by setWebhook request"),
                )
                self._poll = None
            return True

    def _delete_webhook(self, parameters: Mapping[str, Any]) -> bool:
        return self._set_webhook({**parameters, "url": ""})

    def _get_webhook_info(self, _: Mapping[str, Any]) -> Json:
        with self._lock:
            return self._webhook | {
                "has_custom_certificate": False,
                "pending_update_count": len(self._queue),
                "allowed_updates": sorted(self._allowed),
            }

    def _set_my_commands(self, parameters: Mapping[str, Any]) -> bool:
        commands = _decoded(parameters, "commands")
        if not isinstance(commands, list):
            raise _bad_request("can't parse commands: commands must be an array")
        self._commands = commands
        return True

    def _delete_my_commands(self, _: Mapping[str, Any]) -> bool:
        self._commands = []
        return True

    # Writing to a chat

    def _addressed_chat(self, parameters: Mapping[str, Any]) -> _Chat:
        wanted = parameters.get("chat_id")
        if wanted is None or wanted == "":
            raise _bad_request("chat_id is empty")
        if isinstance(wanted, str) and wanted.startswith("@"):
            found = [chat for chat in self._chats.values() if chat.username == wanted[1:]]
            chat = found[0] if found and found[0].type != "private" else None
        else:
            try:
                chat = self._chats.get(int(wanted))
            except (TypeError, ValueError, OverflowError):
                chat = None
        if chat is None:
            raise _bad_request("chat not found")
        return chat

    def _chat_to_write_to(self, parameters: Mapping[str, Any]) -> _Chat:
        chat = self._addressed_chat(parameters)
        if chat.migrated_to is not None:
            raise _bad_request("group chat was upgraded to a supergroup chat", {"migrate_to_chat_id": chat.migrated_to})
        if chat.blocked:
            raise BotApiError(
                403,
                "Forbidden: bot was blocked by the user"
                if chat.type == "private"
                else f"Forbidden: bot was kicked from the {chat.type} chat",
            )
        return chat

    def _marked_text(self, parameters: Mapping[str, Any]) -> tuple[MarkedText, str | None]:
        text = parameters.get("text")
        if text is None:
            raise _bad_request("message text is empty")
        if not isinstance(text, str):
            text = str(text)
        try:
            text.encode()
        except UnicodeEncodeError:
            raise _bad_request("strings must be encoded in UTF-8") from None
        parse_mode = parameters.get("parse_mode") or None
        if parse_mode is None:
            entities = _decoded(parameters, "entities")
            marked = MarkedText(text, entities if isinstance(entities, list) else automatic_entities(text))
        elif str(parse_mode).lower() == "html":
            try:
                marked = parse_html(text)
            except MarkupError as error:
                raise _bad_request(f"can't parse entities: {error}") from None
        else:
            # The real server knows Markdown too. Refusing it is better than letting unchecked markup pass.
            raise _bad_request("unsupported parse_mode")
        marked = stripped(marked)
        if not marked.text:
            raise _bad_request("message text is empty")
        if utf16_length(marked.text) > LONGEST_TEXT:
            raise _bad_request("message is too long")
        return marked, None if parse_mode is None else str(parse_mode)

    def _topic(self, chat: _Chat, parameters: Mapping[str, Any]) -> int | None:
        thread_id = _integer(parameters, "message_thread_id", 0)
        if thread_id == 0:
            return None
        if thread_id not in chat.topics:
            raise _bad_request("message thread not found")
        return thread_id

    def _message_to_reply(self, chat: _Chat, parameters: Mapping[str, Any]) -> Json | None:
        reply = _decoded(parameters, "reply_parameters")
        if reply is None:
            message_id = _integer(parameters, "reply_to_message_id", 0)
            without = _boolean(parameters, "allow_sending_without_reply")
        elif isinstance(reply, dict):
            message_id = _integer(reply, "message_id", 0)
            without = _boolean(reply, "allow_sending_without_reply")
        else:
            raise _bad_request("can't parse reply parameters: expected an Object")
        if message_id == 0:
            return None
        message = chat.messages.get(message_id)
        if message is None and not without:
            raise _bad_request("message to be replied not found")
        return message

    def _count_against_limits(self, chat: _Chat) -> None:
        if self.limits is None:
            return
        now = self._clock()
        windows = [
            (self._sent_at, 1.0, self.limits.per_second),
            (chat.sent_at, 1.0, self.limits.chat_per_second),
            (chat.sent_at, 60.0, None if chat.type == "private" else self.limits.group_per_minute),
        ]
        wait = 0.0
        for times, seconds, limit in windows:
            recent = [at for at in times if at > now - seconds]
            if limit is not None and len(recent) >= limit:
                wait = max(wait, recent[-limit] + seconds - now)
        if wait > 0:
            retry_after = max(math.ceil(wait), 1)
            raise BotApiError(429, f"Too Many Requests: retry after {retry_after}", {"retry_after": retry_after})
        for times in (self._sent_at, chat.sent_at):
            times.append(now)
            while times[0] <= now - 60.0:
                times.popleft()

    def _new_message_id(self, chat: _Chat) -> int:
        chat.last_message_id += 1
        return chat.last_message_id

    # Messages from people

    def _receive(self, given: UserMessage) -> Delivered:
        chat = self._existing_or_new(given.chat_id, given.chat_type)
        if given.title is not None or (chat.type != "private" and chat.title is None):
            chat.title = given.title or f"Chat {chat.id}"
        if given.message_thread_id is not None and given.message_thread_id not in chat.topics:
            self.create_topic(chat.id, given.message_thread_id, f"Topic {given.message_thread_id}")
        if given.edited_message_id is not None:
            return self._edit(chat, given)
        message: Json = {"message_id": self._new_message_id(chat)}
        user = self._author(chat, given)
        if user is not None:
            message["from"] = user
            if chat.type == "private":
                chat.first_name, chat.username = user["first_name"], user.get("username")
        if given.sender_chat_id is not None or chat.type == "channel":
            sender = given.sender_chat_id if given.sender_chat_id is not None else chat.id
            known = self._chats.get(sender)
            message["sender_chat"] = known.as_json() if known else {"id": sender, "type": "channel"}
        message |= {"chat": chat.as_json(), "date": int(self._now())}
        if given.message_thread_id is not None:
            message |= {"message_thread_id": given.message_thread_id, "is_topic_message": True}
        if given.reply_to_message_id is not None:
            original = chat.messages.get(given.reply_to_message_id)
            if original is not None:
                message["reply_to_message"] = _without_reply(original)
                if chat.type == "supergroup" and "message_thread_id" not in message:
                    # A thread of replies has the same field as a topic, and can't be written to like one.
                    message["message_thread_id"] = given.reply_to_message_id
        message |= self._content(given)
        chat.messages[message["message_id"]] = message
        kind = "channel_post" if chat.type == "channel" else "message"
        self._report({"type": "message", "chat_id": chat.id, "message": message})
        return Delivered(self._offer(kind, message), message["message_id"])

    def _edit(self, chat: _Chat, given: UserMessage) -> Delivered:
        message_id = given.edited_message_id or 0
        original = chat.messages.get(message_id)
        if original is None:
            raise KeyError(f"chat {chat.id} has no message {message_id}")
        # A changed copy: the update of the original keeps what it said.
        kept = {name: value for name, value in original.items() if name not in ("entities", "caption_entities")}
        edited = kept | {"edit_date": int(self._now())} | self._content(given)
        chat.messages[message_id] = edited
        kind = "edited_channel_post" if chat.type == "channel" else "edited_message"
        self._report({"type": "edited", "chat_id": chat.id, "message": edited})
        return Delivered(self._offer(kind, edited), message_id)

    def _author(self, chat: _Chat, given: UserMessage) -> Json | None:
        if chat.type == "channel":
            return None
        default = chat.id if chat.type == "private" else 1
        user_id = given.user_id if given.user_id is not None else default
        about = {
            "is_bot": given.is_bot,
            "first_name": given.first_name,
            "username": given.username,
            "language_code": given.language_code,
        }
        return self._user(user_id, about)

    def _content(self, given: UserMessage) -> Json:
        content: Json = {}
        if given.new_chat_members is not None:
            content["new_chat_members"] = given.new_chat_members
        if given.photo:
            content["photo"] = [
                {"file_id": f"sandbox-{size}", "file_unique_id": f"s{size}", "width": size, "height": size}
                for size in (90, 320)
            ]
        for name, entities_name in (("text", "entities"), ("caption", "caption_entities")):
            text = getattr(given, name)
            if text is None:
                continue
            content[name] = text
            entities = given.entities if given.entities is not None else automatic_entities(text)
            if entities:
                content[entities_name] = entities
        return content | given.extra

    def _user(self, user_id: int, about: Json) -> Json:
        user = self._users.setdefault(user_id, {"id": user_id, "is_bot": False, "first_name": "Ada"})
        user.update({name: value for name, value in about.items() if value is not None})
        return dict(user)

    def _membership(self, status: str) -> Json:
        member: Json = {"user": self.me(), "status": status}
        return member | {"until_date": 0} if status == "kicked" else member

    def _existing_or_new(self, chat_id: int, chat_type: ChatType | None = None) -> _Chat:
        chat = self._chats.get(chat_id)
        if chat is None:
            # By Telegram's numbering only people have positive ids, and -100… are supergroups and channels.
            of_id: ChatType = "private" if chat_id >= 0 else "supergroup" if chat_id < -(10**12) else "group"
            chat = _Chat(chat_id, chat_type or of_id)
            self._chats[chat_id] = chat
        return chat

    # The queue

    def _allow(self, kinds: Sequence[str]) -> None:
        self._allowed = frozenset(kinds) & UPDATE_KINDS if kinds else UPDATE_KINDS - ONLY_WHEN_ASKED_FOR

    def _is_allowed(self, update: Json) -> bool:
        kinds = UPDATE_KINDS.intersection(update)
        return not kinds or bool(kinds & self._allowed)

    def _offer(self, kind: str, content: Json) -> int | None:
        return self._enqueue({kind: content}) if kind in self._allowed else None

    def _enqueue(self, update: Json) -> int:
        now = self._clock()
        quiet = now - self._last_update_at if self._last_update_at is not None else 0.0
        if quiet >= ORDINAL_IDS_END_AFTER:
            self._next_update_id = self._random.randrange(1, 2**30)
        self._last_update_at = now
        given = update.get("update_id")
        if isinstance(given, int) and not isinstance(given, bool):
            update_id = given
            self._next_update_id = max(self._next_update_id, given + 1)
        else:
            update_id = self._next_update_id
            self._next_update_id += 1
        if "update_id" not in update:
            update = {"update_id": update_id, **update}
        bisect.insort_right(self._queue, _Queued(update_id, now, update), key=lambda queued: queued.id)
        return update_id

    def _forget_old(self) -> None:
        oldest = self._clock() - UPDATES_ARE_KEPT
        if any(queued.created_at <= oldest for queued in self._queue):
            self._queue = [queued for queued in self._queue if queued.created_at > oldest]

    def _position(self, update_id: int) -> int:
        return bisect.bisect_left(self._queue, update_id, key=lambda queued: queued.id)

    def _wake(self) -> None:
        poll = self._poll
        if poll is None:
            return
        start = self._position(poll.offset) if poll.offset > 0 else 0
        batch = [queued.update for queued in self._queue[start : start + poll.limit]]
        if batch:
            self._poll = None
            poll.answer(batch)

    def _report(self, event: Json) -> None:
        for listener in self._listeners:
            listener(event)


def _bot_id(token: str) -> int:
    match = _TOKEN.fullmatch(token)
    if match is None:
        raise ValueError("a token is the bot's id, a colon and at least 16 letters, digits, - or _")
    return int(match["bot_id"])


def _without_reply(message: Json) -> Json:
    return {name: value for name, value in message.items() if name != "reply_to_message"}


def _decoded(parameters: Mapping[str, Any], name: str) -> Any:
    """A parameter that is an object or a list: given so, or JSON-serialised in a string."""
    value = parameters.get(name)
    if not isinstance(value, str):
        return value
    if not value:
        return None
    try:
        return json.loads(value)
    except ValueError:
        raise _bad_request(f"can't parse {name.replace('_', ' ')} JSON object") from None


def _integer(parameters: Mapping[str, Any], name: str, default: int) -> int:
    value = parameters.get(name)
    if value is None or value == "":
        return default
    try:
        return int(value)
    except (TypeError, ValueError, OverflowError):
        raise _bad_request(f"invalid {name} specified") from None


def _boolean(parameters: Mapping[str, Any], name: str) -> bool:
    value = parameters.get(name)
    return value.lower() in ("true", "yes", "1", "on") if isinstance(value, str) else bool(value)

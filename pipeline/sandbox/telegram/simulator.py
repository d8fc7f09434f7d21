"""The simulated Telegram: one bot, its chats and its updates, by the rules of https://core.telegram.org/bots/api."""

import threading
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import TimeoutError as FutureTimeout
from contextlib import contextmanager
from typing import Any

from pydantic import BaseModel

from pipeline.sandbox.json_types import Json, Parameters
from pipeline.sandbox.telegram.account import DEFAULT_TOKEN, BotAccount
from pipeline.sandbox.telegram.clock import MovableClock
from pipeline.sandbox.telegram.content.files import StoredFile
from pipeline.sandbox.telegram.delivery.polling import LongPoll, Polling
from pipeline.sandbox.telegram.delivery.update_queue import UpdateQueue
from pipeline.sandbox.telegram.delivery.webhook import Delivery, Webhook, WebhookSettings
from pipeline.sandbox.telegram.errors import MethodError
from pipeline.sandbox.telegram.flood import FloodControl, Limits
from pipeline.sandbox.telegram.methods.table import MethodAnswer, find_method
from pipeline.sandbox.telegram.people import groups, members, messages
from pipeline.sandbox.telegram.people.messages import Delivered, UserMessage
from pipeline.sandbox.telegram.people.table import ACTIONS, PersonAction
from pipeline.sandbox.telegram.state import TelegramState


class Telegram:
    """One bot's Telegram, without HTTP.

    Threads: any thread may call any method. Each holds the lock while it works on the state and returns at once;
    only `get_updates` waits, and it waits without the lock. A long poll waits on a Future, so thousands of them
    need no thread.
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
        """`clock`: monotonic seconds (limits, age of updates). `now`: seconds since the epoch (dates of messages).

        ValueError when `token` doesn't have the form of a token.
        """
        self._lock = threading.RLock()
        self._clock = MovableClock(clock, now)
        updates = UpdateQueue(self._clock.monotonic, seed)
        webhook = Webhook(updates, self._clock)
        self._state = TelegramState(
            BotAccount(token, username, name),
            FloodControl(limits, self._clock.monotonic),
            updates,
            Polling(updates, webhook),
            webhook,
            self._clock.now,
        )

    # The bot's side

    @property
    def token(self) -> str:
        return self._state.account.token

    @property
    def bot_id(self) -> int:
        return self._state.account.bot_id

    @property
    def username(self) -> str:
        return self._state.account.username

    def me(self) -> Json:
        """The bot as a User object."""
        return self._state.account.as_user()

    def authorize(self, token: str) -> None:
        """MethodError 404 for a text that isn't a token, 401 for a token that isn't, or no longer is, the bot's."""
        self._state.account.authorize(token)

    def call(self, method: str, parameters: Parameters) -> Any:
        """The result of a method other than getUpdates; names are case-insensitive.

        MethodError is what the Bot API answers with: 404 for an unknown method.
        """
        return self.answer(method, parameters).result

    def answer(self, method: str, parameters: Parameters) -> MethodAnswer:
        """Like `call`, with what the Bot API says about the result."""
        carry_out = find_method(method)
        with self._changing() as state:
            answer = carry_out(state, parameters)
        return answer if isinstance(answer, MethodAnswer) else MethodAnswer(answer)

    def start_poll(self, parameters: Parameters) -> tuple[LongPoll, float]:
        """Begin getUpdates: the poll, already answered when there are updates, and the seconds it may wait.

        `finish_poll` must follow when that time is over. The next poll ends one that waits, with 409.
        """
        with self._lock:
            return self._state.polling.start(parameters)

    def finish_poll(self, poll: LongPoll) -> None:
        """Answer a poll whose time is over with no updates; one that is already answered stays as it is."""
        with self._lock:
            self._state.polling.finish(poll)

    def get_updates(
        self,
        offset: int | None = None,
        limit: int | None = None,
        timeout: int | None = None,
        allowed_updates: Sequence[str] | None = None,
    ) -> list[Json]:
        """getUpdates for a thread that can wait; `timeout` in seconds."""
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

    # The webhook's side

    @property
    def webhook(self) -> WebhookSettings | None:
        """The webhook that is set, if any."""
        return self._state.webhook.settings

    def watch_webhook(self, watcher: Callable[[], None]) -> None:
        """Call `watcher` when something may be due for the webhook, or when it changes.

        It is called while the lock is held: it must return at once, and must not call this object.
        """
        with self._lock:
            self._state.webhook.watchers.append(watcher)

    def take_deliveries(self) -> tuple[list[Delivery], float | None]:
        """What is to be sent to the webhook now, and the seconds until something else is due; None: not yet known.

        `delivery_succeeded` or `delivery_failed` must follow for each.
        """
        with self._lock:
            return self._state.webhook.take(), self._state.webhook.seconds_to_next()

    def delivery_succeeded(self, delivery: Delivery) -> None:
        with self._lock:
            self._state.webhook.succeeded(delivery)

    def delivery_failed(
        self, delivery: Delivery, error: str, status: int | None = None, retry_after: float = 0.0
    ) -> None:
        """See `Webhook.failed`."""
        with self._lock:
            self._state.webhook.failed(delivery, error, status, retry_after)

    # The people's side

    def perform(self, action: PersonAction, given: BaseModel) -> Json:
        """A person does something of the table. ValueError and KeyError say why it can't be done."""
        with self._changing() as state:
            return action.carry_out(state, given)

    def receive(self, message: UserMessage) -> Delivered:
        """A person's message reaches the bot: see `write_message`."""
        return self.receive_all([message])[0]

    def receive_all(self, given: Iterable[UserMessage]) -> list[Delivered]:
        """Many at once: a poll that waits gets all of them."""
        with self._changing() as state:
            return [messages.write_message(state, message) for message in given]

    def delete_message(self, chat_id: int, message_id: int) -> bool:
        """A person deletes a message; the bot is not told. False when there is no such message."""
        with self._lock:
            return messages.delete_message(self._state, chat_id, message_id)

    def block(self, chat_id: int, blocked: bool = True) -> int | None:
        """See `members.block`: the update_id, None when `allowed_updates` keeps the update from the bot."""
        given = members.Block(chat_id=chat_id, blocked=blocked)
        update_id: int | None = self.perform(ACTIONS["block"], given)["update_id"]
        return update_id

    def create_topic(self, chat_id: int, message_thread_id: int, name: str) -> None:
        """A forum topic. ValueError outside supergroups, and for the General topic (1), which has no thread id."""
        given = groups.NewTopic(chat_id=chat_id, message_thread_id=message_thread_id, name=name)
        self.perform(ACTIONS["topics"], given)

    def migrate(self, chat_id: int, new_chat_id: int) -> None:
        """A group becomes a supergroup: both get their service message, the old one refuses the bot's messages."""
        self.perform(ACTIONS["migrate"], groups.Migration(chat_id=chat_id, new_chat_id=new_chat_id))

    # The tests' side

    @property
    def limits(self) -> Limits | None:
        """The flood limits; None switches all of them off."""
        return self._state.flood.limits

    @limits.setter
    def limits(self, limits: Limits | None) -> None:
        with self._lock:
            self._state.flood.limits = limits

    def inject(self, update: Json, *, filtered: bool = False) -> int | None:
        """Queue a raw update as it is, whatever it holds: the id it is queued under.

        It gets an update_id unless it has one; one that isn't a number stays in it as it is. With `filtered` the
        result is None, and nothing is queued, when `allowed_updates` keeps this kind of update from the bot.
        """
        with self._changing() as state:
            if filtered and not state.updates.allows(update):
                return None
            return state.updates.add(update)

    def skip_update_ids(self, next_update_id: int) -> None:
        """Let the next update have this id, as after a week of silence."""
        with self._lock:
            self._state.updates.skip_to(next_update_id)

    def skip_message_ids(self, next_message_id: int) -> None:
        """Let the first message of each new chat have this id, as if there had been others before."""
        with self._lock:
            self._state.chats.messages_before = next_message_id - 1

    def now(self) -> float:
        """Seconds since the epoch."""
        return self._clock.now()

    def move_clock(self, seconds: float) -> None:
        """Let time pass at once: updates get older, limits and pauses end. ValueError for a negative number."""
        with self._changing() as state:
            self._clock.move(seconds)
            state.updates.forget_old()

    def rotate_token(self, token: str) -> None:
        """The owner replaces the token: the old one is refused with 401, also for the poll that waits.

        ValueError when `token` isn't a token, or is another bot's.
        """
        with self._lock:
            self._state.account.replace_token(token)
            self._state.polling.end(MethodError(401, "Unauthorized"))

    def sent(self, since: int = 0) -> list[Json]:
        """A record of each message that the bot sent, in order; only those whose number `n` is above `since`."""
        with self._lock:
            return self._state.activity.sent[max(since, 0) :]

    def actions(self) -> list[Json]:
        """A record of each chat action, in order."""
        with self._lock:
            return list(self._state.activity.actions)

    def pending(self) -> int:
        """How many updates the bot has not confirmed."""
        with self._lock:
            self._state.updates.forget_old()
            return len(self._state.updates)

    def chats(self) -> list[Json]:
        """Every Chat object, with the number of its messages in `messages`."""
        with self._lock:
            return [chat.as_json() | {"messages": len(chat.messages)} for chat in self._state.chats.by_id.values()]

    def transcript(self, chat_id: int) -> list[Json]:
        """Every Message of a chat that was not deleted, both ways, in order, with its keyboard of any kind."""
        with self._lock:
            chat = self._state.chats.by_id.get(chat_id)
            shown = self._state.keyboards.shown
            return [] if chat is None else [shown(message) for message in chat.messages.values()]

    def file(self, file_id: str) -> StoredFile | None:
        """A file by its file_id."""
        with self._lock:
            return self._state.files.by_id(file_id)

    def file_at(self, path: str) -> StoredFile | None:
        """A file by the path that getFile gives."""
        with self._lock:
            return self._state.files.by_path(path)

    def read(self, look: Callable[[TelegramState], Json]) -> Json:
        """What `look` reads from the state. It is called while the lock is held, and changes nothing."""
        with self._lock:
            return look(self._state)

    def listen(self, listener: Callable[[Json], None]) -> Callable[[], None]:
        """Call `listener` with every event of the chats, in order, until the function that this returns is called.

        It is called while the lock is held: it must return at once, and must not call this object.
        """
        listeners = self._state.activity.listeners
        with self._lock:
            listeners.append(listener)

        def end() -> None:
            with self._lock:
                if listener in listeners:
                    listeners.remove(listener)

        return end

    @contextmanager
    def _changing(self) -> Iterator[TelegramState]:
        """The state, under the lock. New updates then reach the poll that waits, all at once, or the webhook."""
        with self._lock:
            try:
                yield self._state
            finally:
                self._state.polling.wake()
                self._state.webhook.wake()

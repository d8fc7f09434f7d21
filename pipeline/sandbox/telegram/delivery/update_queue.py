"""The queue of updates: their ids, their age, and which kinds the bot asked for.

The rules are those of https://core.telegram.org/bots/api#getting-updates.
"""

import bisect
import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from pipeline.sandbox.json_types import Json

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
ONLY_ON_REQUEST = frozenset({"chat_member", "message_reaction", "message_reaction_count"})
"""Kinds that come only when `allowed_updates` names them."""

_KEPT_FOR = 24 * 3600.0
_SEQUENCE_ENDS_AFTER = 7 * 24 * 3600.0
"""Seconds without an update, after which the next id is random."""


@dataclass(frozen=True)
class _Queued:
    id: int
    created_at: float
    update: Json


class UpdateQueue:
    """Updates that no getUpdates has confirmed, in the order of their ids."""

    def __init__(self, clock: Callable[[], float], seed: int) -> None:
        """`clock`: monotonic seconds. `seed`: of the random ids after a week of silence."""
        self._clock = clock
        self._random = random.Random(seed)
        self._queue: list[_Queued] = []
        self._next_id = 100_000_001
        self._last_update_at: float | None = None
        self._allowed = UPDATE_KINDS - ONLY_ON_REQUEST

    def __len__(self) -> int:
        return len(self._queue)

    @property
    def allowed(self) -> list[str]:
        """The kinds that the bot asked for, sorted."""
        return sorted(self._allowed)

    def allow(self, kinds: Sequence[str]) -> None:
        """From now on only these kinds are queued; an empty list stands for the default. Unknown kinds are ignored."""
        self._allowed = frozenset(kinds) & UPDATE_KINDS if kinds else UPDATE_KINDS - ONLY_ON_REQUEST

    def allows(self, update: Json) -> bool:
        """Whether a raw update would be queued; one of no known kind always is."""
        kinds = UPDATE_KINDS.intersection(update)
        return not kinds or bool(kinds & self._allowed)

    def offer(self, kind: str, content: Json) -> int | None:
        """Queue an update of an allowed kind: its id. None when the bot didn't ask for this kind."""
        return self.add({kind: content}) if kind in self._allowed else None

    def add(self, update: Json) -> int:
        """Queue an update whatever it holds: the id it is queued under.

        It gets the next update_id unless it has one; an update_id that isn't a number stays in it as it is.
        """
        now = self._clock()
        silence = now - self._last_update_at if self._last_update_at is not None else 0.0
        if silence >= _SEQUENCE_ENDS_AFTER:
            self._next_id = self._random.randrange(1, 2**30)
        self._last_update_at = now
        given = update.get("update_id")
        if isinstance(given, int) and not isinstance(given, bool):
            update_id = given
            self._next_id = max(self._next_id, given + 1)
        else:
            update_id = self._next_id
            self._next_id += 1
        if "update_id" not in update:
            update = {"update_id": update_id, **update}
        bisect.insort_right(self._queue, _Queued(update_id, now, update), key=lambda queued: queued.id)
        return update_id

    def skip_to(self, next_id: int) -> None:
        """Let the next update have this id."""
        self._next_id = next_id

    def confirm(self, offset: int) -> None:
        """Delete every update with a lower id; with a negative offset, all but the last `-offset` updates."""
        if offset < 0:
            del self._queue[: max(len(self._queue) + offset, 0)]
        elif offset > 0:
            del self._queue[: self._position(offset)]

    def take(self, offset: int, limit: int) -> list[Json]:
        """Up to `limit` updates from `offset` on (0: from the first); they stay in the queue."""
        start = self._position(offset) if offset > 0 else 0
        return [queued.update for queued in self._queue[start : start + limit]]

    def forget_old(self) -> None:
        """Delete what is older than 24 hours."""
        oldest = self._clock() - _KEPT_FOR
        if any(queued.created_at <= oldest for queued in self._queue):
            self._queue = [queued for queued in self._queue if queued.created_at > oldest]

    def clear(self) -> None:
        self._queue.clear()

    def _position(self, update_id: int) -> int:
        return bisect.bisect_left(self._queue, update_id, key=lambda queued: queued.id)

"""The queue of updates: their ids, their age, and which kinds the bot asked for.

The rules are those of https://core.telegram.org/bots/api#getting-updates.
"""

import bisect
import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from pipeline.sandbox.json_types import Json, Parameters
from pipeline.sandbox.telegram import bot_api
from pipeline.sandbox.telegram.errors import MethodError
from pipeline.sandbox.telegram.parameters import decoded

UPDATE_KINDS = frozenset(bot_api.UPDATE_KINDS)
ONLY_ON_REQUEST = frozenset({"chat_member", "message_reaction", "message_reaction_count"})
"""Kinds that come only when `allowed_updates` names them."""

_KEPT_FOR = 24 * 3600.0
_SEQUENCE_ENDS_AFTER = 7 * 24 * 3600.0
"""Seconds without an update, after which the next id is random."""


_MESSAGE_KINDS = frozenset({"message", "edited_message", "channel_post", "edited_channel_post"})


@dataclass(frozen=True)
class Queued:
    """An update in the queue, under its id."""

    id: int
    created_at: float
    update: Json

    @property
    def lane(self) -> tuple[str, str]:
        """What the update belongs to: a chat for messages, a user for a query. A webhook gets each lane in order."""
        kind = next((kind for kind in self.update if kind in UPDATE_KINDS), "")
        content = self.update.get(kind)
        if not isinstance(content, dict):
            return "update", str(self.id)
        owners = [content.get("poll_id"), *(_id(content.get(name)) for name in ("chat", "from", "user"))]
        owner = next((owner for owner in owners if owner is not None), content.get("id"))
        return "messages" if kind in _MESSAGE_KINDS else kind, str(owner)


def asked_kinds(parameters: Parameters) -> list[str] | None:
    """The parameter `allowed_updates`; None, which changes nothing, where it is missing or no list of texts.

    The server says nothing of a list that it can't read.
    """
    try:
        given = decoded(parameters, "allowed_updates")
    except MethodError:
        return None
    return given if isinstance(given, list) and all(isinstance(kind, str) for kind in given) else None


class UpdateQueue:
    """Updates that the bot has not confirmed, in the order of their ids."""

    def __init__(self, clock: Callable[[], float], seed: int) -> None:
        """`clock`: monotonic seconds. `seed`: of the random ids after a week of silence."""
        self._clock = clock
        self._random = random.Random(seed)
        self._queue: list[Queued] = []
        self._next_id = 100_000_001
        self._last_update_at: float | None = None
        self._allowed = UPDATE_KINDS - ONLY_ON_REQUEST

    def __len__(self) -> int:
        return len(self._queue)

    @property
    def allowed(self) -> list[str] | None:
        """The kinds that the bot asked for, sorted; None for the default."""
        return None if self._allowed == UPDATE_KINDS - ONLY_ON_REQUEST else sorted(self._allowed)

    def allow(self, kinds: Sequence[str]) -> None:
        """From now on only these kinds are queued. Unknown kinds are ignored; a list without a known one stands for
        the default."""
        known = UPDATE_KINDS.intersection(kind.lower() for kind in kinds)
        self._allowed = known or UPDATE_KINDS - ONLY_ON_REQUEST

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
        bisect.insort_right(self._queue, Queued(update_id, now, update), key=lambda queued: queued.id)
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

    def first(self, number: int) -> list[Queued]:
        """The first updates, in order; they stay in the queue."""
        return self._queue[:number]

    def remove(self, update_id: int) -> None:
        """Delete one update, if it is still there."""
        position = self._position(update_id)
        if position < len(self._queue) and self._queue[position].id == update_id:
            del self._queue[position]

    def forget_old(self) -> None:
        """Delete what is older than 24 hours."""
        oldest = self._clock() - _KEPT_FOR
        if any(queued.created_at <= oldest for queued in self._queue):
            self._queue = [queued for queued in self._queue if queued.created_at > oldest]

    def clear(self) -> None:
        self._queue.clear()

    def _position(self, update_id: int) -> int:
        return bisect.bisect_left(self._queue, update_id, key=lambda queued: queued.id)


def _id(owner: object) -> object:
    return owner.get("id") if isinstance(owner, dict) else None

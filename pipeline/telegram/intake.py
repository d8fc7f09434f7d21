"""Intake: polls Telegram and lands the updates before it confirms them.

`getUpdates(offset=n)` makes Telegram delete every update below n. So an offset is passed only for updates that are
durable here, and only while there is something to confirm: after a week of silence the next update_id is random
(https://core.telegram.org/bots/api#update), and an old offset above it would delete an update that nobody has seen.

What comes again is recognised: updates that a former run landed, and those without a usable id, which can't be
confirmed and come with each poll.
"""

from __future__ import annotations

import threading
import time
from collections import OrderedDict
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import structlog

from pipeline.errors import OperatorError
from pipeline.storage.landed import digest, usable_id
from pipeline.storage.landing import Landing
from pipeline.telegram.client import BotApi, BotApiError, Refused
from pipeline.telegram.update import KINDS

log = structlog.get_logger(__name__)

_REMEMBERED = 10_000
_FIRST_PAUSE = 0.1
_LONGEST_PAUSE = 2.0
"""Seconds between polls that bring only what can't be confirmed. Telegram answers them at once."""


class IntakeEnded(OperatorError):
    """Telegram refuses to be polled, and waiting does not help."""


@dataclass(frozen=True)
class Poll:
    """The result of one poll."""

    landed: int
    """How many updates were landed."""
    confirmed: bool
    """Whether Telegram holds nothing more that could be landed or confirmed."""
    repeated: bool = False
    """Whether all that came is landed and can't be confirmed: the next poll would bring it again at once."""


def next_offset(updates: Sequence[Any], offset: int | None) -> int | None:
    """The offset that confirms the updates of a poll; None when there is nothing left to confirm."""
    ids = [update_id for update_id in map(usable_id, updates) if update_id is not None]
    if ids:
        return max(ids) + 1
    return offset if updates else None


class Intake:
    """Polls one bot and lands its updates. Not thread-safe: one thread makes all calls."""

    def __init__(
        self,
        api: BotApi,
        landing: Landing,
        *,
        poll_seconds: float,
        conflict_patience: float,
        landed: Callable[[int], None] = lambda count: None,
        notice: Callable[[Sequence[Any]], None] = lambda updates: None,
        report: Callable[[str, str | None], None] = lambda service, reason: None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """`poll_seconds`: of a long poll. `conflict_patience`: seconds for which a 409 is retried.

        `landed` is called with the number of updates after each poll that landed some, and `notice` with the updates
        themselves, which are durable then; `report` with "intake" and the reason when polling fails, and with None when
        it works again. All run in the polling thread: none may block or raise.
        """
        self._api = api
        self._landing = landing
        self._poll_seconds = poll_seconds
        self._patience = conflict_patience
        self._landed = landed
        self._notice = notice
        self._report = report
        self._clock = clock
        self._offset: int | None = None
        self._landed_last: OrderedDict[bytes, None] = OrderedDict()
        """Digests of updates that this run landed and that no offset confirms."""
        self._confirmable_last: list[Any] = []
        """The updates that were landed last, as far as an offset should confirm them."""
        self._repeats = 0
        """How many polls in a row brought only what is landed and can't be confirmed."""
        self._conflict_since: float | None = None
        self._conflict_last = 0.0
        self._failures = 0

    def poll(self, wait: float | None = None) -> Poll:
        """Poll once and land what came. After BotApiError or OSError no new update is confirmed: it comes again.

        `wait`: seconds of the long poll; by default `poll_seconds`.
        """
        # An offset deletes, so a run that was frozen first makes sure that the bot is still its own.
        self._landing.confirm()
        updates = self._api.get_updates(self._offset, self._poll_seconds if wait is None else wait, KINDS)
        new = self._landing.unseen(self._not_repeated(updates))
        for with_id in (False, True):
            # Those without a usable id get a file of their own, whose name says so: they are looked up by it. They are
            # first, since they are known from then on, should the rest fail and come again.
            landed = [update for update in new if (usable_id(update) is not None) is with_id]
            self._landing.land(landed)
            self._remember(landed)
        # The updates are durable: only now may the next poll confirm them. What came although it was confirmed by
        # this poll, or can't be confirmed, is not waited for.
        new_ones = set(map(id, new))
        left = [update for update in updates if id(update) in new_ones or self._is_to_confirm(update)]
        if left or not any(usable_id(update) is not None for update in updates):
            self._offset = next_offset(left, self._offset)
        if new:
            self._landed(len(new))
            self._notice(new)
        return Poll(len(new), not left, bool(updates) and not left)

    def _is_to_confirm(self, update: Any) -> bool:
        update_id = usable_id(update)
        return update_id is not None and (self._offset is None or update_id >= self._offset)

    def _not_repeated(self, updates: Sequence[Any]) -> list[Any]:
        """Without those that can't be confirmed and that this run has landed, or has twice in this poll."""
        found, came = [], set[bytes]()
        for update in updates:
            if not self._is_to_confirm(update):
                if not came:
                    # A server that ignores offsets brings what was just landed.
                    self._add(map(digest, self._confirmable_last))
                known = digest(update)
                repeated = known in came or known in self._landed_last
                came.add(known)
                if repeated:
                    continue
            found.append(update)
        self._add(came & self._landed_last.keys())
        return found

    def _remember(self, landed: Sequence[Any]) -> None:
        self._add(digest(update) for update in landed if not self._is_to_confirm(update))
        self._confirmable_last = [update for update in landed if self._is_to_confirm(update)] or self._confirmable_last

    def _add(self, digests: Iterable[bytes]) -> None:
        for known in digests:
            self._landed_last[known] = None
            self._landed_last.move_to_end(known)
        while len(self._landed_last) > _REMEMBERED:
            self._landed_last.popitem(last=False)

    def run(self, stop: threading.Event) -> None:
        """Poll until `stop` is set. Raises what `attempt` raises."""
        while not stop.is_set():
            self.attempt(stop)

    def attempt(self, stop: threading.Event, wait: float | None = None) -> Poll | None:
        """Poll once; when that fails, wait a little and return None.

        IntakeEnded when waiting does not help, CredentialError when the token can't be resolved.
        """
        try:
            poll = self.poll(wait)
        except (BotApiError, OSError) as error:
            if stop.is_set():
                return None
            stop.wait(self._seconds_to_wait(error))
            return None
        if self._failures:
            log.info("intake works again")
            self._report("intake", None)
        self._failures = 0
        if self._conflict_since is not None and self._clock() - self._conflict_last > self._patience:
            self._conflict_since = None
        self._repeats = self._repeats + 1 if poll.repeated else 0
        if self._repeats == 1:
            log.warning("updates come again that can't be confirmed")
        if poll.repeated:
            stop.wait(min(_FIRST_PAUSE * 2.0 ** min(self._repeats - 1, 10), _LONGEST_PAUSE))
        return poll

    def _seconds_to_wait(self, error: BotApiError | OSError) -> float:
        """How long to wait after a failure. IntakeEnded when a conflict has lasted for its patience."""
        now = self._clock()
        if isinstance(error, Refused) and error.code == 409:
            # A successful poll does not end a conflict: two pollers that take turns both succeed now and then.
            self._conflict_since = now if self._conflict_since is None else self._conflict_since
            self._conflict_last = now
            if now - self._conflict_since >= self._patience:
                raise IntakeEnded(conflict_line(error.description))
        self._failures += 1
        reason = (
            str(error) if isinstance(error, BotApiError) else f"landing can't be written: {error.strerror or error}"
        )
        if self._failures == 1 or self._failures % 20 == 0:
            log.warning("intake waits", reason=reason, failures=self._failures)
            self._report("intake", reason)
        if isinstance(error, Refused) and error.retry_after is not None:
            return error.retry_after
        return min(0.5 * 2.0 ** min(self._failures - 1, 10), 5.0 if isinstance(error, Refused) else 15.0)


def conflict_line(description: str) -> str:
    """The message for a 409 of Telegram, which says how to fix it."""
    if "webhook" in description.lower():
        return (
            f"TELEGRAM_BOT_TOKEN: a webhook is set, so polling is refused (409 {description}): call deleteWebhook first"
        )
    return f"TELEGRAM_BOT_TOKEN: another poller of this bot is active (409 {description}): stop it, or use another bot"

"""Intake: long polling, with the landing as the boundary of acknowledgement.

`getUpdates(offset=n)` deletes every update below n at Telegram, so an offset is passed only for updates that are
durable here, and only while there is something to confirm: after a week of silence Telegram picks the next update_id
at random, and an old offset above it would delete what it has never shown.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import structlog

from pipeline.errors import OperatorError
from pipeline.storage.landing import Landing
from pipeline.telegram.client import BotApi, BotApiError, Refused
from pipeline.telegram.update import KINDS

log = structlog.get_logger(__name__)


class IntakeEnded(OperatorError):
    """Telegram refuses to be polled, and waiting won't fix it."""


@dataclass(frozen=True)
class Poll:
    """What one poll brought."""

    landed: int
    confirmed: bool
    """Whether Telegram holds nothing that this run has landed: the poll came back empty."""


def next_offset(updates: Sequence[Any], offset: int | None) -> int | None:
    """The offset that confirms what a poll brought; None once there is nothing left to confirm."""
    ids: list[int] = [u["update_id"] for u in updates if isinstance(u, dict) and type(u.get("update_id")) is int]
    if ids:
        return max(ids) + 1
    return offset if updates else None


class Intake:
    """Polls one bot and lands what it gets. For one thread."""

    def __init__(
        self,
        api: BotApi,
        landing: Landing,
        *,
        poll_seconds: float,
        conflict_patience: float,
        landed: Callable[[int], None] = lambda count: None,
        report: Callable[[str, str | None], None] = lambda service, reason: None,
    ) -> None:
        """`conflict_patience`: seconds for which a 409 is retried. `landed`: hears how many updates a poll landed."""
        self._api = api
        self._landing = landing
        self._poll_seconds = poll_seconds
        self._patience = conflict_patience
        self._landed = landed
        self._report = report
        self._offset: int | None = None
        self._first = True
        self._conflict_since: float | None = None
        self._conflict_last = 0.0
        self._failures = 0

    def poll(self, wait: float | None = None) -> Poll:
        """Poll once and land what came. Raises BotApiError, OSError (nothing is then confirmed), IntakeEnded."""
        updates = self._api.get_updates(self._offset, self._poll_seconds if wait is None else wait, KINDS)
        new = self._landing.unseen(updates) if self._first else updates
        self._landing.land(new)
        # Only from here on may the updates be confirmed: they are durable.
        confirmed = not updates
        self._offset = next_offset(updates, self._offset)
        # What a former run landed but did not confirm comes first; from the first poll without it all is new.
        self._first = self._first and len(new) < len(updates)
        if new:
            self._landed(len(new))
        return Poll(len(new), confirmed)

    def run(self, stop: threading.Event) -> None:
        """Poll until the stop. Raises IntakeEnded on what waiting won't fix."""
        while not stop.is_set():
            self.attempt(stop)

    def attempt(self, stop: threading.Event, wait: float | None = None) -> Poll | None:
        """Poll once; after a fault wait a little, and return None. Raises IntakeEnded."""
        try:
            poll = self.poll(wait)
        except (BotApiError, OSError) as error:
            if stop.is_set():
                return None
            stop.wait(self._after(error))
            return None
        if self._failures:
            log.info("intake goes on")
            self._report("intake", None)
        self._failures = 0
        if self._conflict_since is not None and time.monotonic() - self._conflict_last > self._patience:
            self._conflict_since = None
        return poll

    def _after(self, error: BotApiError | OSError) -> float:
        """How long to wait after a fault."""
        now = time.monotonic()
        if isinstance(error, Refused) and error.code == 409:
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
    """Telegram's 409, with its fix."""
    if "webhook" in description.lower():
        return (
            f"TELEGRAM_BOT_TOKEN: a webhook is set, so polling is refused (409 {description}): call deleteWebhook first"
        )
    return f"TELEGRAM_BOT_TOKEN: another poller of this bot is active (409 {description}): stop it, or use another bot"

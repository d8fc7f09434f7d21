"""Webhooks: which update is due when, by the rules of https://core.telegram.org/bots/api#setwebhook.

What the documentation leaves open is as in the server's own source, github.com/tdlib/telegram-bot-api: the order, the
pauses between attempts, and the end of a webhook that is gone.
"""

from collections.abc import Callable
from dataclasses import dataclass

from pipeline.sandbox.json_types import Json
from pipeline.sandbox.telegram.clock import MovableClock
from pipeline.sandbox.telegram.delivery.update_queue import UpdateQueue

_LONGEST_PAUSE = 60.0
_LONGEST_RETRY_AFTER = 3600.0
_GIVES_UP_WHEN_GONE_FOR = 23 * 3600.0
"""Seconds of nothing but 410 Gone, after which the webhook is deleted."""
_GONE = 410


@dataclass(frozen=True)
class WebhookSettings:
    """What setWebhook was given."""

    url: str
    max_connections: int
    secret_token: str = ""
    ip_address: str = ""
    """Connects to this address whatever the host's name stands for."""
    certificate: str = ""
    """The only certificate to trust, as PEM."""


@dataclass(frozen=True)
class Delivery:
    """An update on its way to the webhook."""

    settings: WebhookSettings
    update: Json
    update_id: int
    """Its id in the queue."""
    generation: int
    """Counts the webhooks that were set: what an earlier one answers has no effect on a later one."""


@dataclass
class _Attempts:
    failures: int = 0
    pause: float = 1.0
    not_before: float = 0.0


class Webhook:
    """The webhook, if one is set, over the queue of updates. What carries the requests asks it for them."""

    def __init__(self, updates: UpdateQueue, clock: MovableClock) -> None:
        self.settings: WebhookSettings | None = None
        self.last_error: tuple[int, str] | None = None
        """Its date and its words."""
        self.watchers: list[Callable[[], None]] = []
        """Called when something may be due, while Telegram's lock is held: they must return at once."""
        self._updates = updates
        self._clock = clock
        self._generation = 0
        self._under_way: set[int] = set()
        self._attempts: dict[int, _Attempts] = {}
        self._gone_since: float | None = None

    def set(self, settings: WebhookSettings) -> None:
        """From now on updates go there, also those that an earlier webhook was just being sent."""
        self._replace(settings)

    def delete(self) -> None:
        """Updates stay in the queue for getUpdates, also those that are just being sent."""
        self._replace(None)

    def wake(self) -> None:
        """Tell the watchers that something may be due."""
        if self.settings is not None:
            self._notify()

    def take(self) -> list[Delivery]:
        """What is to be sent now. `succeeded` or `failed` must follow for each."""
        if self.settings is None:
            return []
        self._updates.forget_old()
        now = self._clock.monotonic()
        # Like the server, it looks only at twice as many updates as may be sent at once.
        window = self._updates.first(2 * self.settings.max_connections)
        self._attempts = {queued.id: self._attempts.get(queued.id, _Attempts()) for queued in window}
        due: list[Delivery] = []
        lanes: set[tuple[str, str]] = set()
        for queued in window:
            if queued.lane in lanes:
                continue
            lanes.add(queued.lane)
            if queued.id in self._under_way or self._attempts[queued.id].not_before > now:
                continue
            if len(self._under_way) == self.settings.max_connections:
                break
            self._under_way.add(queued.id)
            due.append(Delivery(self.settings, queued.update, queued.id, self._generation))
        return due

    def seconds_to_next(self) -> float | None:
        """How long until an update is tried again; None when none waits for that."""
        waiting = [
            attempts.not_before
            for update_id, attempts in self._attempts.items()
            if attempts.failures and update_id not in self._under_way
        ]
        return max(min(waiting) - self._clock.monotonic(), 0.0) if waiting else None

    def succeeded(self, delivery: Delivery) -> None:
        """The webhook answered with 2xx: the update is confirmed."""
        if delivery.generation == self._generation:
            self._under_way.discard(delivery.update_id)
            self._updates.remove(delivery.update_id)
            self._gone_since = None
            self._notify()

    def failed(self, delivery: Delivery, error: str, status: int | None = None, retry_after: float = 0.0) -> None:
        """It answered with another status, or not at all: the update is tried again.

        At once after the first failure, then after pauses of 2, 4, 8 … 60 seconds, or when the response's
        `Retry-After` says, until it is 24 hours old.
        """
        if delivery.generation != self._generation:
            return
        self._under_way.discard(delivery.update_id)
        now = self._clock.monotonic()
        self.last_error = (int(self._clock.now()), error)
        attempts = self._attempts.setdefault(delivery.update_id, _Attempts())
        wait = min(max(retry_after, 0.0), _LONGEST_RETRY_AFTER)
        if wait == 0 and attempts.failures:
            attempts.pause = min(attempts.pause * 2, _LONGEST_PAUSE)
            wait = attempts.pause
        attempts.failures += 1
        attempts.not_before = now + wait
        if status != _GONE:
            self._gone_since = None
        elif self._gone_since is None:
            self._gone_since = now
        elif now > self._gone_since + _GIVES_UP_WHEN_GONE_FOR:
            self.delete()
        self._notify()

    def _replace(self, settings: WebhookSettings | None) -> None:
        self.settings = settings
        self.last_error = None
        self._generation += 1
        self._under_way.clear()
        self._attempts.clear()
        self._gone_since = None
        self._notify()

    def _notify(self) -> None:
        for watcher in self.watchers:
            watcher()

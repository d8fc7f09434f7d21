"""getUpdates: https://core.telegram.org/bots/api#getupdates. One poll at a time, and none while a webhook is set."""

from concurrent.futures import Future, InvalidStateError
from contextlib import suppress

from pipeline.sandbox.json_types import Json, Parameters
from pipeline.sandbox.telegram.delivery.update_queue import UpdateQueue, asked_kinds
from pipeline.sandbox.telegram.delivery.webhook import Webhook
from pipeline.sandbox.telegram.errors import MethodError
from pipeline.sandbox.telegram.parameters import integer

_LONGEST_POLL = 50


class LongPoll:
    """A getUpdates call that waits. `future` gets its updates, or the MethodError that ended it."""

    def __init__(self, offset: int, limit: int) -> None:
        self.offset = offset
        self.limit = limit
        self.future: Future[list[Json]] = Future()

    # The caller may be gone and its future cancelled. Nothing is lost then: a poll itself confirms nothing.

    def answer(self, updates: list[Json]) -> None:
        with suppress(InvalidStateError):
            self.future.set_result(updates)

    def refuse(self, error: MethodError) -> None:
        with suppress(InvalidStateError):
            self.future.set_exception(error)


class Polling:
    """The poll that waits, if any, over the queue of updates."""

    def __init__(self, updates: UpdateQueue, webhook: Webhook) -> None:
        self._updates = updates
        self._webhook = webhook
        self._waiting: LongPoll | None = None

    def start(self, parameters: Parameters) -> tuple[LongPoll, float]:
        """An update comes again until a call has an offset above its id; a second poll ends the first with 409.

        The poll, already answered when there are updates, and the seconds it may wait. MethodError 409 when a webhook
        is set.
        """
        offset = integer(parameters, "offset", 0)
        limit = min(max(integer(parameters, "limit", 100), 1), 100)
        timeout = min(max(integer(parameters, "timeout", 0), 0), _LONGEST_POLL)
        if self._webhook.settings is not None:
            raise MethodError(
                409,
                "Conflict: can't use getUpdates method while webhook is active; use deleteWebhook to delete"
                " the webhook first",
            )
        self.end(
            MethodError(
                409, "Conflict: terminated by other getUpdates request; make sure that only one bot instance is running"
            )
        )
        allowed = asked_kinds(parameters)
        if allowed is not None:
            self._updates.allow(allowed)
        self._updates.forget_old()
        self._updates.confirm(offset)
        poll = LongPoll(max(offset, 0), limit)
        self._waiting = poll
        self.wake()
        if timeout == 0:
            self.finish(poll)
        return poll, float(timeout)

    def finish(self, poll: LongPoll) -> None:
        """Answer a poll whose time is over with no updates; one that is already answered stays as it is."""
        if self._waiting is poll:
            self._waiting = None
        poll.answer([])

    def wake(self) -> None:
        """Answer the poll that waits, if there is something for it."""
        if self._waiting is None:
            return
        updates = self._updates.take(self._waiting.offset, self._waiting.limit)
        if updates:
            self._waiting.answer(updates)
            self._waiting = None

    def end(self, error: MethodError) -> None:
        """End the poll that waits, if any, with an error."""
        if self._waiting is not None:
            self._waiting.refuse(error)
            self._waiting = None

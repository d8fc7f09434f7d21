"""Signals that end a check at once, but never what clears up after it."""

from __future__ import annotations

import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager

_SIGNALS = (signal.SIGINT, signal.SIGTERM)


class Interrupted(BaseException):
    """A signal asked for the end. Not an Exception: nobody may take it for a fault of what is asked."""


class Interruption:
    """SIGINT and SIGTERM, while `watching`, in the main thread; and what was made and must not stay."""

    def __init__(self) -> None:
        self.requested = False
        self._open = False
        self._traces: dict[str, Callable[[], object]] = {}

    @contextmanager
    def watching(self) -> Iterator[None]:
        before = {number: signal.signal(number, self._on_signal) for number in _SIGNALS}
        try:
            yield
        finally:
            for number, handler in before.items():
                signal.signal(number, handler)

    @contextmanager
    def breakable(self) -> Iterator[None]:
        """In this block alone a signal raises Interrupted; elsewhere it is only noted."""
        self._open = True
        try:
            if self.requested:
                raise Interrupted
            yield
        finally:
            self._open = False

    def leaves(self, trace: str, remove: Callable[[], object]) -> None:
        """Say what is about to be made, and how it is removed: whatever comes between, `clear` will do it."""
        self._traces[trace] = remove

    def keep(self, trace: str) -> None:
        """This one is no longer ours to remove."""
        self._traces.pop(trace, None)

    def clear(self) -> None:
        """Remove every trace; of those that can't be removed the first error is raised once all were tried."""
        was_open, self._open = self._open, False
        errors: list[Exception] = []
        while self._traces:
            _, remove = self._traces.popitem()
            try:
                remove()
            except Exception as error:
                errors.append(error)
        self._open = was_open
        if errors:
            raise errors[0]

    def _on_signal(self, _number: int, _frame: object) -> None:
        self.requested = True
        if self._open:
            self._open = False
            raise Interrupted

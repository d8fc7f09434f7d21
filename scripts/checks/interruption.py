"""Signals that end a check at once, but never its cleaning up."""

from __future__ import annotations

import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager

_SIGNALS = (signal.SIGINT, signal.SIGTERM)


class CheckInterrupted(BaseException):
    """A signal asked for the end. Not an Exception: no handler may take it for an error of a service."""


class Interruption:
    """SIGINT and SIGTERM while `watching`, and the list of what must be removed again.

    Only the main thread may use it: Python delivers signals there.
    """

    def __init__(self) -> None:
        self.requested = False
        self._breakable = False
        self._removals: dict[str, Callable[[], object]] = {}

    @contextmanager
    def watching(self) -> Iterator[None]:
        """Handle the signals in this block; afterwards the former handlers are back."""
        before = {number: signal.signal(number, self._on_signal) for number in _SIGNALS}
        try:
            yield
        finally:
            for number, handler in before.items():
                signal.signal(number, handler)

    @contextmanager
    def breakable(self) -> Iterator[None]:
        """Only in this block a signal raises CheckInterrupted; elsewhere it only sets `requested`."""
        self._breakable = True
        try:
            if self.requested:
                raise CheckInterrupted
            yield
        finally:
            self._breakable = False

    def will_remove(self, name: str, remove: Callable[[], object]) -> None:
        """Register a removal. Call it before creating the thing: a signal may arrive at any moment."""
        self._removals[name] = remove

    def keep(self, name: str) -> None:
        """Cancel a registered removal."""
        self._removals.pop(name, None)

    def clean_up(self) -> None:
        """Call every registered removal. The first error is raised after all of them were called."""
        was_breakable, self._breakable = self._breakable, False
        errors: list[Exception] = []
        while self._removals:
            _, remove = self._removals.popitem()
            try:
                remove()
            except Exception as error:
                errors.append(error)
        self._breakable = was_breakable
        if errors:
            raise errors[0]

    def _on_signal(self, _number: int, _frame: object) -> None:
        self.requested = True
        if self._breakable:
            self._breakable = False
            raise CheckInterrupted

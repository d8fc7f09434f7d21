"""Work that the supervisor starts and does not wait for."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Protocol


class Background(Protocol):
    """The part of `threading.Thread` that is needed after the start."""

    def is_alive(self) -> bool: ...

    def join(self, timeout: float | None = None) -> None: ...


StartInBackground = Callable[[str, Callable[[], None]], Background]
"""Starts an action on a thread of this name."""


def start_thread(name: str, action: Callable[[], None]) -> Background:
    """Run the action on a thread that does not keep the process alive."""
    thread = threading.Thread(target=action, name=name, daemon=True)
    thread.start()
    return thread

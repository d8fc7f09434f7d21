"""The status of a storage, shown again and again: `pipeline status --watch`."""

from __future__ import annotations

import contextlib
import os
import sys
import time
from collections.abc import Callable
from datetime import UTC, datetime

from rich.live import Live
from rich.text import Text

from pipeline.errors import OperatorError
from pipeline.messages.text import printable
from pipeline.storage.places import Storage
from pipeline.terminal import say, say_json, terminal
from pipeline.view.status import Status, print_status, status_of, status_view

_EVERY = 2.0
"""Seconds between two looks."""


def watch_status(storage: Storage, *, as_json: bool = False, wait: Callable[[float], None] = time.sleep) -> None:
    """Show the status until Ctrl-C, or until nobody reads it any more.

    On a terminal it stays in its place. In a pipe each view follows the one before; as JSON, each is one line. Raises
    OperatorError if the first look fails; a later one that fails is said, and followed by the next.
    """
    first = status_of(storage)
    try:
        with contextlib.suppress(KeyboardInterrupt):
            if sys.stdout.isatty() and not as_json:
                _in_place(storage, first, wait)
            else:
                _one_after_another(storage, first, wait, as_json=as_json)
    except BrokenPipeError:
        # What is still buffered would be written at the end of the process, and fail again.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    except SystemExit:
        pass  # by rich, which does the same and then ends the process as failed


def _in_place(storage: Storage, status: Status, wait: Callable[[float], None]) -> None:
    with Live(status_view(status), console=terminal(), auto_refresh=False) as live:
        while True:
            wait(_EVERY)
            found = _look(storage)
            live.update(Text(found) if isinstance(found, str) else status_view(found), refresh=True)


def _one_after_another(storage: Storage, status: Status, wait: Callable[[float], None], *, as_json: bool) -> None:
    found: Status | str = status
    while True:
        if isinstance(found, str):
            say(found, error=True)
        elif as_json:
            say_json(found.model_dump_json())
        else:
            say(f"{datetime.now(UTC):%Y-%m-%d %H:%M:%S} UTC")
            print_status(found)
            say("")
        wait(_EVERY)
        found = _look(storage)


def _look(storage: Storage) -> Status | str:
    """The status, or in one line why there is none now."""
    try:
        return status_of(storage)
    except (OperatorError, OSError) as error:
        return printable(f"not readable now: {error}")

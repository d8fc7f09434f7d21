"""Where a new value comes from: a hidden prompt at a terminal, or standard input."""

from __future__ import annotations

import getpass
import os
import select
import sys
import time

from pydantic import SecretStr

from pipeline.errors import OperatorError
from pipeline.terminal import say
from rotation.steps import Found

_MAX_BYTES = 8192
_PIPE_TIMEOUT = 10.0
"""Seconds to wait for more from a pipe."""


def new_value(secret: str, found: Found) -> SecretStr | None:
    """The new value. None if none is given: an unfinished rotation is then continued."""
    if not _at_a_terminal():
        return piped_value()
    if found.staged is not None:
        say("  a rotation is unfinished: it is continued")
        return None
    # The current version may have become invalid before the job ever read it: then only a new value helps.
    hint = "; give none to continue the unfinished rotation" if found.unfinished else ""
    try:
        value = getpass.getpass(f"new {secret} (it is not shown{hint}): ").strip()
    except EOFError:
        return None
    return SecretStr(value) if value else None


def piped_value() -> SecretStr | None:
    """The first line of standard input. None at a terminal, and if a pipe is empty or stays silent."""
    if sys.stdin is None or _at_a_terminal():
        return None
    received, deadline = b"", time.monotonic() + _PIPE_TIMEOUT
    while b"\n" not in received and len(received) <= _MAX_BYTES:
        ready, _, _ = select.select([0], [], [], max(0.0, deadline - time.monotonic()))
        piece = os.read(0, _MAX_BYTES) if ready else b""
        if not piece:
            break
        received += piece
    try:
        value = received.partition(b"\n")[0].decode().strip()
    except UnicodeDecodeError:
        raise OperatorError("standard input is not text: write the new value as one line") from None
    return SecretStr(value) if value else None


def _at_a_terminal() -> bool:
    return sys.stdin is not None and sys.stdin.isatty()

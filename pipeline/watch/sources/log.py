"""The warnings in a run's log."""

from __future__ import annotations

import json
from pathlib import Path
from typing import NamedTuple

from pipeline.messages.text import printable
from pipeline.redaction import scrub

_READ_AT_START = 200_000
_MOST_AT_ONCE = 1_000_000
_LONGEST = 600
_LEVELS = frozenset({"warning", "error", "critical"})
_APART = frozenset({"event", "level", "timestamp"})


class LogLine(NamedTuple):
    """A line of the log that an operator should see."""

    at: str | None
    """When it was written, in ISO 8601."""
    level: str
    text: str
    """What happened, with the event's own fields. It holds no secret."""


class LogTail:
    """The warnings and errors of a log that grows. For one thread."""

    def __init__(self, file: Path) -> None:
        self._file = file
        self._at: int | None = None
        self._rest = b""

    def look(self) -> list[LogLine]:
        """Those written since the last look; at the first look, those at the end of the file. Raises OSError."""
        try:
            size = self._file.stat().st_size
        except FileNotFoundError:
            return []
        if self._at is None or size < self._at:
            self._at, self._rest = max(0, size - _READ_AT_START), b""
        if size == self._at:
            return []
        with self._file.open("rb") as log:
            log.seek(max(self._at, size - _MOST_AT_ONCE))
            content = log.read(_MOST_AT_ONCE)
            self._at = log.tell()
        *lines, self._rest = (self._rest + content).split(b"\n")
        return [line for each in lines if (line := log_line(each.decode(errors="replace")))]


def log_line(text: str) -> LogLine | None:
    """A line of the log if it is a warning, an error or the one line in which a run says why it ended."""
    if text.startswith("pipeline: "):
        return LogLine(None, "error", _shown(text.removeprefix("pipeline: ")))
    try:
        event = json.loads(text)
    except (ValueError, RecursionError):
        return None
    if not isinstance(event, dict) or event.get("level") not in _LEVELS:
        return None
    fields = ", ".join(f"{name}: {value}" for name, value in event.items() if name not in _APART)
    at = event.get("timestamp")
    said = f"{event.get('event')}, {fields}" if fields else str(event.get("event"))
    return LogLine(at if isinstance(at, str) else None, str(event["level"]), _shown(said))


def _shown(text: str) -> str:
    shown = printable(scrub(text))
    return shown if len(shown) <= _LONGEST else f"{shown[:_LONGEST]} …"

"""What the page shows now, and what changes: kept for those who open it, passed on to those who have it open."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterable, Mapping
from typing import Any, NamedTuple


class Event(NamedTuple):
    type: str
    data: str
    """JSON in ASCII, in one line."""


Listener = Callable[[Event], None]


class Hub:
    """Thread-safe. A listener is called on the thread that publishes, must not raise, and must return at once."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._sections: dict[str, str] = {}
        self._messages: dict[str, Any] = {}
        self._details: dict[str, Any] = {}
        self._listeners: set[Listener] = set()

    def show(self, section: str, data: Any) -> None:
        """Replace a section of the page, if it is another than before."""
        encoded = json.dumps(data)
        with self._lock:
            if self._sections.get(section) != encoded:
                self._sections[section] = encoded
                self._pass_on(Event(section, encoded))

    def show_messages(self, changed: Mapping[str, tuple[Any, Any]], gone: Iterable[str]) -> None:
        """Messages that are new or changed, each as one line and with all about it; and keys of those that went."""
        with self._lock:
            dropped = [key for key in gone if self._messages.pop(key, None) is not None]
            for key in dropped:
                self._details.pop(key, None)
            for key, (line, details) in changed.items():
                self._messages[key] = line
                self._details[key] = details
            if changed or dropped:
                lines = [line for line, _ in changed.values()]
                self._pass_on(Event("messages", json.dumps({"changed": lines, "gone": dropped, "all": False})))

    def details(self, key: str) -> Any | None:
        """All about a message; None if it is not among the latest."""
        with self._lock:
            return self._details.get(key)

    def listen(self, listener: Listener) -> tuple[list[Event], Callable[[], None]]:
        """What the page shows now, and how to end; until then `listener` gets each later event."""
        with self._lock:
            now = [Event(section, encoded) for section, encoded in self._sections.items()]
            lines = {"changed": list(self._messages.values()), "gone": [], "all": True}
            now.append(Event("messages", json.dumps(lines)))
            self._listeners.add(listener)
        return now, lambda: self._end(listener)

    def _end(self, listener: Listener) -> None:
        with self._lock:
            self._listeners.discard(listener)

    def _pass_on(self, event: Event) -> None:
        for listener in self._listeners:
            listener(event)

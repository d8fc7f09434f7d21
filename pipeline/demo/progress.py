"""The phases of a start, each with the seconds that it takes."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable, Iterator

from rich.console import Console
from rich.text import Text


class Progress:
    """Shows the phase that is under way, and a line for each that is done. For one thread."""

    def __init__(self, console: Console, clock: Callable[[], float] = time.monotonic) -> None:
        self._console = console
        self._clock = clock
        self._began = clock()
        self._phases: list[tuple[str, float]] = []

    @contextlib.contextmanager
    def phase(self, name: str) -> Iterator[None]:
        """A phase; one that fails gets no line."""
        began = self._clock()
        with self._console.status(_Running(name, began, self._clock)):
            yield
        seconds = self._clock() - began
        self._phases.append((name, seconds))
        self._console.print(f"[green]✓[/] {name}  [dim]{seconds:.1f} s[/]")

    def print_total(self) -> None:
        self._console.print(f"[green]✓[/] ready  [dim]{self._clock() - self._began:.1f} s[/]")


class _Running:
    """A phase's name with its seconds so far: rich asks for it again with each frame."""

    def __init__(self, name: str, began: float, clock: Callable[[], float]) -> None:
        self._name = name
        self._began = began
        self._clock = clock

    def __rich__(self) -> Text:
        return Text(f"{self._name} …  {self._clock() - self._began:.0f} s")

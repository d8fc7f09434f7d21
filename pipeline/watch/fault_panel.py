"""The faults as the page sees them."""

from __future__ import annotations

from typing import Protocol

from pipeline.watch.hub import Hub


class FaultPanel(Protocol):
    """What the demo lets a person cause. Any thread may call it."""

    def attach(self, hub: Hub) -> None:
        """Show in this hub's section `faults` what can be caused, and later what happens."""

    def cause(self, name: str) -> str | None:
        """Begin a fault and return at once; or why that can't be, in a line."""

    def end(self) -> None:
        """Stop a fault that is under way, and cause no other."""

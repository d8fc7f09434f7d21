"""All pictures by name, with how each is taken."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from scripts.pictures import conversations, dashboards, diagrams, live_page, runs

IMAGES = Path(__file__).resolve().parents[2] / "docs" / "images"
MESSAGES = IMAGES / "messages.txt"
DEMO = IMAGES / "demo.svg"
MOST_BYTES = 150_000
"""Of a picture: a page of the documentation has to open quickly."""

Take = Callable[[Path], None]
"""Writes a picture, or several, into the folder. Raises NoBrowser where it needs one and there is none."""

# A new picture: a function that takes it, and a line here. `runs.running_pipeline` is a run to take it of, and
# `browser` has what a page needs.
GALLERY: dict[str, Take] = {
    "diagrams": diagrams.draw,
    "demo": runs.take_demo,
    "status": runs.take_status,
    "chat": conversations.take,
    "dashboard": dashboards.take,
    "live": live_page.take,
}
"""The pictures by the names under which the command takes them."""

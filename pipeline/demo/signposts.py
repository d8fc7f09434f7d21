"""What the demo says of itself, to be copied: where its tables are, how to look at them, and how to work beside it."""

from __future__ import annotations

import os
import shlex
import sys
from collections.abc import Mapping
from pathlib import Path

SHARED = ("TELEGRAM_BOT_TOKEN", "TELEGRAM_API_URL", "OPENAI_BASE_URL", "OPENAI_API_KEY", "PIPELINE_MODEL")
"""What the demo itself sets, and commands beside it need."""


def program(name: str) -> str:
    """How to call a program of this environment from the present folder."""
    path = Path(sys.executable).with_name(name)
    shown = os.path.relpath(path) if path.is_relative_to(Path.cwd()) else str(path)
    return shlex.quote(shown)


def places(folder: Path) -> list[str]:
    """Where the tables are, and how to look at them: at the start and at the end."""
    return [
        f"Tables: {folder}/{{bronze,silver,quarantine,feedback}}",
        f"  {program('pipeline')} status --storage {shlex.quote(str(folder))}",
        *(f"  {line}" for line in reader(folder)),
    ]


def reader(folder: Path) -> list[str]:
    """Two lines of Python that read the answers; `pip install polars deltalake` has what they need."""
    silver = str(folder / "silver")
    return [
        "import polars as pl",
        f'print(pl.read_delta({silver!r}).select("user_message", "llm_response", "delivery_status"))',
    ]


def exports(folder: Path, own: Mapping[str, str]) -> list[str]:
    """The settings that `smoke.py --local` and `replay.py --local` need beside this demo.

    `own`: what the demo has set itself. What it has from the environment stays there: it may be a secret.
    """
    settings = {name: own[name] for name in SHARED if name in own} | {"PIPELINE_STORAGE": str(folder)}
    return [f"export {name}={shlex.quote(value)}" for name, value in settings.items()]


def beside(folder: Path, own: Mapping[str, str]) -> list[str]:
    """How to work beside the demo, in another terminal."""
    return [
        "In another terminal, while it runs:",
        *(f"  {line}" for line in exports(folder, own)),
        f"  {program('pipeline')} status --watch",
        f"  {program('python')} scripts/smoke.py --local",
    ]


def afresh(folder: Path, *, is_default: bool) -> str:
    """How to begin without what is there."""
    if is_default:
        return "The next demo goes on with these tables. To begin afresh: make demo FRESH=1"
    return f"A demo with this folder goes on with its tables. To begin afresh: rm -r {shlex.quote(str(folder))}"

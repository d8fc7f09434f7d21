"""Who takes part in the benchmark: how each is started, and where it keeps what it answered."""

from __future__ import annotations

import sys
from dataclasses import dataclass

from pipeline.settings import RunSettings

_PROGRAM = "scripts.benches.programs"

CONCURRENCY: int = RunSettings.model_fields["concurrency"].default
"""Model calls at once, of ours and of the aiogram bot."""
SEND_RATE = 10_000.0
"""Messages a second that ours may send: the simulated Telegram has no limit, and the two others keep none."""


@dataclass(frozen=True)
class Contender:
    name: str
    module: str
    arguments: tuple[str, ...] = ()
    table: str | None = None
    """Folder of its table in the storage; None if it keeps nothing."""
    question_column: str = ""

    def command(self, *options: str) -> list[str]:
        return [sys.executable, "-m", self.module, *self.arguments, *options]


OURS = Contender("ours", "pipeline", ("run", f"--send-rate={SEND_RATE:g}"), "silver", "user_message")
AIOGRAM = Contender("aiogram", f"{_PROGRAM}.aiogram_bot")
LOOP = Contender("loop", f"{_PROGRAM}.sequential_loop", (), "answers", "text")

CONTENDERS = (OURS, AIOGRAM, LOOP)

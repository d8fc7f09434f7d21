"""A file of messages: each line is sent as the message of another user, and its final state is read from the tables."""

from __future__ import annotations

import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Column
from rich.table import Table as Grid

from pipeline.demo.demo_run import DemoRun
from pipeline.demo.failure import DemoError
from pipeline.sandbox.telegram.people.messages import UserMessage
from pipeline.sandbox.telegram.simulator import Telegram
from pipeline.terminal import plain


def read_messages(file: Path) -> list[str]:
    """The lines of a file. Raises DemoError for one that can't be read, or is empty."""
    try:
        lines = file.read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "not UTF-8 text"
        raise DemoError(f"--messages {file} can't be read ({reason}): give a text file, one message a line") from None
    if not lines:
        raise DemoError(f"--messages {file} is empty: write one message a line")
    return lines


@dataclass
class FileLine:
    """The result of one message."""

    question: str
    answer: str = ""
    status: str = "not finished"
    seconds: float | None = None


def answer_all(console: Console, run: DemoRun, telegram: Telegram, lines: list[str], timeout: float) -> bool:
    """Send all lines, wait up to `timeout` seconds for their final states, and print them.

    Returns whether all are final. Ctrl-C raises KeyboardInterrupt, and nothing is printed.
    """
    outcomes: dict[int, FileLine] = {}
    with console.status("") as progress:
        for number, line in enumerate(lines, start=1):
            # Telegram sends no empty text; a photo with an empty caption is the nearest to it.
            content: dict[str, Any] = {"text": line} if line.strip() else {"photo": True, "caption": line.strip()}
            sent = telegram.receive(UserMessage(chat_id=number, first_name=f"User {number}", **content))
            assert sent.update_id is not None
            outcomes[sent.update_id] = FileLine(line)
        until = time.monotonic() + timeout
        while time.monotonic() < until and run.running:
            _read_outcomes(run.folder, outcomes)
            finished = sum(outcome.seconds is not None for outcome in outcomes.values())
            progress.update(f"{finished} of {len(outcomes)} messages done")
            if finished == len(outcomes):
                break
            time.sleep(0.5)
    _print(console, list(outcomes.values()))
    console.print(f"Tables: {run.folder}/{{bronze,silver,quarantine,feedback}}", soft_wrap=True)
    return all(outcome.seconds is not None for outcome in outcomes.values())


def _print(console: Console, outcomes: list[FileLine]) -> None:
    grid = Grid(
        "#", Column("question", overflow="fold"), Column("answer", overflow="fold"), "status", "s", show_lines=True
    )
    for number, outcome in enumerate(outcomes, start=1):
        seconds = "" if outcome.seconds is None else f"{outcome.seconds:.1f}"
        grid.add_row(
            str(number), plain(_short(outcome.question)), plain(_short(outcome.answer)), outcome.status, seconds
        )
    console.print(grid)


def _read_outcomes(folder: Path, outcomes: dict[int, FileLine]) -> None:
    """Read final states from the tables: the row in silver, or the reason in bronze why there is no answer.

    The tables also have the messages of earlier demos.
    """
    from deltalake import DeltaTable

    silver = DeltaTable(str(folder / "silver")).to_pyarrow_table().to_pylist()
    bronze = DeltaTable(str(folder / "bronze")).to_pyarrow_table().to_pylist()
    for row in silver:
        if (outcome := outcomes.get(row["update_id"])) is not None:
            outcome.answer = row["llm_response"]
            outcome.status = f"{row['answer_status']}, {row['delivery_status']}"
            outcome.seconds = ((row["delivered_at"] or row["answered_at"]) - row["received_at"]).total_seconds()
    for row in bronze:
        if row["disposition"] != "answer" and (outcome := outcomes.get(row["update_id"])) is not None:
            outcome.status = f"not answered: {row['disposition']}"
            outcome.seconds = (row["ingested_at"] - row["received_at"]).total_seconds()


def _short(text: str, most: int = 160) -> str:
    return text if len(text) <= most else f"{text[:most]} … ({len(text)} characters)"

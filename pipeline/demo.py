"""The demo: `pipeline run` as in production, with a simulated Telegram and a small language model on this machine.

If TELEGRAM_BOT_TOKEN is set, it serves that bot instead; if OPENAI_BASE_URL is set, it asks that model.
"""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Column
from rich.table import Table as Grid

from pipeline.errors import OperatorError
from pipeline.sandbox.models.embedded import EmbeddedModel
from pipeline.sandbox.server import serve
from pipeline.sandbox.telegram.account import DEFAULT_TOKEN
from pipeline.sandbox.telegram.people.messages import UserMessage
from pipeline.sandbox.telegram.simulator import Telegram
from pipeline.sandbox.web.app import create_app
from pipeline.storage.modes import make_folder, private_files
from pipeline.storage.record import read_record
from pipeline.terminal import plain, terminal

_CHAT = 1
_READY_WITHIN = 180.0
_STOP_WITHIN = 20.0


class DemoError(OperatorError):
    """The demo can't run with these options, or its job failed."""


def run_demo(messages: Path | None, storage: Path | None, timeout: float) -> int:
    """Run the demo. Returns the exit code: 0 once every message is in its final state, else 1. Raises DemoError."""
    console = terminal()
    lines = _read_messages(messages) if messages is not None else None
    real_bot = bool(os.environ.get("TELEGRAM_BOT_TOKEN") or os.environ.get("TELEGRAM_BOT_TOKEN_FILE"))
    if real_bot and lines is not None:
        raise DemoError("TELEGRAM_BOT_TOKEN is set, so people write the messages: unset it, or leave --messages out")
    # Ctrl-C and SIGTERM both stop the demo in order, so that no process is left running.
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    with ExitStack() as running:
        # The folder is kept, so that the tables can be read later.
        folder = (storage or Path(tempfile.mkdtemp(prefix="telegram-lakehouse-"))).absolute()
        environment = dict(os.environ)
        telegram: Telegram | None = None
        with console.status("Starting the model and the simulated Telegram …"):
            if "OPENAI_BASE_URL" not in environment:
                model = running.enter_context(EmbeddedModel())
                environment |= {"OPENAI_BASE_URL": model.base_url, "PIPELINE_MODEL": model.model}
                environment |= {"OPENAI_API_KEY": "none", "PIPELINE_CONCURRENCY": "2"}
            if not real_bot:
                telegram = Telegram(DEFAULT_TOKEN)
                page = running.enter_context(serve(create_app(telegram))).url
                environment |= {"TELEGRAM_BOT_TOKEN": DEFAULT_TOKEN, "TELEGRAM_API_URL": page}
        with console.status("Starting Spark …"):
            job = running.enter_context(_job(environment, folder))
            _wait_until_serving(job, folder)
        try:
            if telegram is None:
                return _serve(console, job, folder)
            if lines is None:
                return _chat(console, job, telegram, page)
            return _answer_all(console, job, telegram, lines, folder, timeout)
        except KeyboardInterrupt:
            return 0 if lines is None else 1


def _read_messages(file: Path) -> list[str]:
    try:
        lines = file.read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "not UTF-8 text"
        raise DemoError(f"--messages {file} can't be read ({reason}): give a text file, one message a line") from None
    if not lines:
        raise DemoError(f"--messages {file} is empty: write one message a line")
    return lines


@contextlib.contextmanager
def _job(environment: dict[str, str], folder: Path) -> Iterator[subprocess.Popen[bytes]]:
    """The job in a process of its own, as in production. It is always stopped at the end of the block."""
    make_folder(folder)
    with private_files(folder), (folder / "pipeline.log").open("ab") as log:
        job = subprocess.Popen(
            [sys.executable, "-m", "pipeline", "run", "--storage", str(folder), "--poll-seconds", "5"],
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            # So Ctrl-C reaches the demo alone, which then stops the job.
            start_new_session=True,
        )
    try:
        yield job
    finally:
        job.terminate()
        try:
            job.wait(_STOP_WITHIN)
        except subprocess.TimeoutExpired:
            job.kill()
            job.wait()


def _wait_until_serving(job: subprocess.Popen[bytes], folder: Path) -> None:
    until = time.monotonic() + _READY_WITHIN
    while time.monotonic() < until:
        _check(job, folder)
        record = read_record(folder)
        if record is not None and record.state == "serving" and record.pid == job.pid:
            return
        time.sleep(0.1)
    raise DemoError(f"the job is not ready after {_READY_WITHIN:.0f} s: see {folder / 'pipeline.log'}")


def _check(job: subprocess.Popen[bytes], folder: Path) -> None:
    if job.poll() is not None:
        log = (folder / "pipeline.log").read_text(errors="replace").strip()
        reason = log.splitlines()[-1] if log else "its log is empty"
        raise DemoError(f"the job ended: {reason.removeprefix('pipeline: ')}")


def _serve(console: Console, job: subprocess.Popen[bytes], folder: Path) -> int:
    record = read_record(folder)
    bot = record.bot_username if record else "?"
    console.print(f"Write to @{bot} on Telegram. Tables: {folder}. Press Ctrl-C to stop.")
    return job.wait()


def _chat(console: Console, job: subprocess.Popen[bytes], telegram: Telegram, page: str) -> int:
    console.print(f"Write to the bot; send an empty line to stop. The same chat in a browser: {page}/")
    seen = 0
    while job.poll() is None:
        try:
            text = console.input("[bold cyan]you[/] > ").strip()
        except EOFError:
            text = ""
        if not text:
            return 0
        began = time.monotonic()
        telegram.receive(UserMessage(chat_id=_CHAT, text=text))
        replies: list[dict[str, Any]] = []
        with console.status("typing …"):
            while not replies and job.poll() is None:
                time.sleep(0.05)
                replies = [sent for sent in telegram.sent(seen) if sent["chat_id"] == _CHAT]
        for reply in replies:
            console.print(f"[bold green]bot[/] > {plain(reply['text'])}  [dim]{time.monotonic() - began:.1f} s[/]")
            seen = reply["n"]
    return 1


@dataclass
class _Outcome:
    """The result of one message."""

    question: str
    answer: str = ""
    status: str = "not finished"
    seconds: float | None = None


def _answer_all(
    console: Console, job: subprocess.Popen[bytes], telegram: Telegram, lines: list[str], folder: Path, timeout: float
) -> int:
    """Send each line as the message of another user, wait for the final states in the tables, and print them."""
    with console.status("") as progress:
        outcomes: dict[int, _Outcome] = {}
        for number, line in enumerate(lines, start=1):
            # Telegram sends no empty text; a photo with an empty caption is the nearest to it.
            content: dict[str, Any] = {"text": line} if line.strip() else {"photo": True, "caption": line.strip()}
            sent = telegram.receive(UserMessage(chat_id=number, first_name=f"User {number}", **content))
            assert sent.update_id is not None
            outcomes[sent.update_id] = _Outcome(line)
        until = time.monotonic() + timeout
        while time.monotonic() < until and job.poll() is None:
            _read_outcomes(folder, outcomes)
            finished = sum(outcome.seconds is not None for outcome in outcomes.values())
            progress.update(f"{finished} of {len(outcomes)} messages done")
            if finished == len(outcomes):
                break
            time.sleep(0.5)
    grid = Grid(
        "#", Column("question", overflow="fold"), Column("answer", overflow="fold"), "status", "s", show_lines=True
    )
    for number, outcome in enumerate(outcomes.values(), start=1):
        seconds = "" if outcome.seconds is None else f"{outcome.seconds:.1f}"
        grid.add_row(
            str(number), plain(_short(outcome.question)), plain(_short(outcome.answer)), outcome.status, seconds
        )
    console.print(grid)
    console.print(f"Tables: {folder}/{{bronze,silver,quarantine}}", soft_wrap=True)
    return 0 if all(outcome.seconds is not None for outcome in outcomes.values()) else 1


def _read_outcomes(folder: Path, outcomes: dict[int, _Outcome]) -> None:
    """Read final states from the tables: the row in silver, or the reason in bronze why there is no answer."""
    from deltalake import DeltaTable

    silver = DeltaTable(str(folder / "silver")).to_pyarrow_table().to_pylist()
    bronze = DeltaTable(str(folder / "bronze")).to_pyarrow_table().to_pylist()
    for row in silver:
        outcome = outcomes[row["update_id"]]
        outcome.answer = row["llm_response"]
        outcome.status = f"{row['answer_status']}, {row['delivery_status']}"
        outcome.seconds = ((row["delivered_at"] or row["answered_at"]) - row["received_at"]).total_seconds()
    for row in bronze:
        if row["disposition"] != "answer":
            outcome = outcomes[row["update_id"]]
            outcome.status = f"not answered: {row['disposition']}"
            outcome.seconds = (row["ingested_at"] - row["received_at"]).total_seconds()


def _short(text: str, most: int = 160) -> str:
    return text if len(text) <= most else f"{text[:most]} … ({len(text)} characters)"

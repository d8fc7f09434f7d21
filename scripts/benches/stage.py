"""The stage of one contender: the two services, the contender's process and its storage, all new."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import requests

from pipeline.errors import RunFailed
from pipeline.storage.record import read_record
from scripts.benches.contenders import Contender
from scripts.benches.exchanges import Exchange, exchanges, require_once
from scripts.benches.process_tree import CpuTime, cpu_time, peak_memory

ROOT = Path(__file__).resolve().parents[2]

SLOW_WORD = "slow"
"""Answers to texts with this word are the slow ones."""
_START_WITHIN = 180.0
_KEPT_WITHIN = 120.0
_STOP_WITHIN = 30.0
_LOOKED_EACH = 0.1
"""Seconds."""


class ContenderFailed(RunFailed):
    """A contender ended, or did not answer in time."""


@dataclass(frozen=True)
class Latency:
    """Seconds that the model takes."""

    usual: float
    slow: float = 20.0


@dataclass
class Measured:
    """What a part of a turn took; complete when its block has ended."""

    exchanges: list[Exchange]
    cpu: CpuTime = field(default_factory=CpuTime)
    services: CpuTime = field(default_factory=CpuTime)
    seconds: float = 0.0
    peak_mib: float = 0.0


class Stage:
    """People write through it. `start` starts the contender, which may find messages at Telegram already."""

    def __init__(self, contender: Contender, folder: Path, services: subprocess.Popen[str]) -> None:
        addresses = json.loads(_first_line(services))
        self.contender = contender
        self.storage = folder / "lake"
        self._services = services
        self._telegram, self._model = addresses["telegram"], addresses["model"]
        self._environment = {
            **{k: v for k, v in os.environ.items() if not k.startswith(("PIPELINE_", "OPENAI_", "TELEGRAM_"))},
            "TELEGRAM_BOT_TOKEN": addresses["token"],
            "TELEGRAM_API_URL": self._telegram,
            "OPENAI_BASE_URL": f"{self._model}/v1",
            "OPENAI_API_KEY": "key-of-the-scripted-model",
            "PIPELINE_MODEL": "scripted",
            "PIPELINE_STORAGE": str(self.storage),
        }
        self._http = requests.Session()
        self._log = folder / "contender.log"
        self._process: subprocess.Popen[bytes] | None = None
        self._sent: list[dict[str, Any]] = []

    def start(self, *options: str) -> None:
        with self._log.open("wb") as log:
            self._process = subprocess.Popen(
                self.contender.command(*options),
                cwd=ROOT,
                env=self._environment,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                process_group=0,
            )

    def stop(self) -> None:
        """SIGTERM, and after a while SIGKILL to all that it started."""
        if self._process is None:
            return
        self._process.terminate()
        try:
            self._process.wait(_STOP_WITHIN)
        except subprocess.TimeoutExpired:
            pass
        finally:
            _kill_group(self._process)

    # What people do

    def say(self, text: str, chat_id: int) -> None:
        self._post("/sandbox/messages", {"chat_id": chat_id, "text": text})

    def say_all(self, messages: Sequence[tuple[str, int]]) -> None:
        """Each text to its chat, all at once."""
        self._post("/sandbox/messages/bulk", {"messages": [{"text": text, "chat_id": chat} for text, chat in messages]})

    def say_at(self, times: Sequence[float], messages: Sequence[tuple[str, int]]) -> None:
        """Each text to its chat at its time, in seconds from now."""
        began = time.monotonic()
        for at, (text, chat) in zip(times, messages, strict=True):
            time.sleep(max(began + at - time.monotonic(), 0.0))
            self.say(text, chat)

    # What came of it

    @property
    def replies(self) -> int:
        """How many messages the bot has sent so far."""
        return len(self.sent())

    def wait_for_replies(self, count: int, timeout: float = _START_WITHIN) -> None:
        """Until the bot has sent so many in all. ContenderFailed if it ends, or if no reply comes for so long."""
        seen, until = -1, time.monotonic()
        while (now := self.replies) < count:
            if now > seen:
                seen, until = now, time.monotonic() + timeout
            self.require_running()
            if time.monotonic() > until:
                raise ContenderFailed(f"{self.contender.name} sent {now} of {count} replies:\n{self.log_end}")
            time.sleep(_LOOKED_EACH)

    def wait_until_serving(self) -> None:
        """Until a run of ours serves. ContenderFailed if it ends, or takes too long."""
        until = time.monotonic() + _START_WITHIN
        while True:
            pid, record = self.require_running(), read_record(self.storage)
            if record is not None and (record.pid, record.state) == (pid, "serving"):
                return
            if time.monotonic() > until:
                raise ContenderFailed(f"{self.contender.name} does not serve:\n{self.log_end}")
            time.sleep(_LOOKED_EACH)

    def require_running(self) -> int:
        """The contender's process id. ContenderFailed if it has ended."""
        if self._process is None or self._process.poll() is not None:
            raise ContenderFailed(f"{self.contender.name} has ended:\n{self.log_end}")
        return self._process.pid

    @contextmanager
    def measured(self) -> Iterator[Measured]:
        """Measure what is in the block, and what it costs until the table holds all of it.

        All that is said in it must be answered when it ends. Raises ContenderFailed and WrongReplies.
        """
        pid, before = self.require_running(), self.replies
        cpu, services, began = cpu_time(pid), cpu_time(self._services.pid), time.monotonic()
        result = Measured([])
        with peak_memory(pid) as peak:
            yield result
            self.require_kept()
        self.require_running()
        result.seconds = time.monotonic() - began
        result.cpu, result.services = cpu_time(pid) - cpu, cpu_time(self._services.pid) - services
        result.peak_mib = peak.mib
        result.exchanges = self.exchanges()[before:]

    def exchanges(self) -> list[Exchange]:
        """All messages so far with their replies. WrongReplies unless each has exactly the right one."""
        return exchanges(self.received(), self.sent())

    def received(self) -> list[dict[str, Any]]:
        return list(self._get(self._telegram, "/bench/received"))

    def sent(self) -> list[dict[str, Any]]:
        """What the bot has sent so far."""
        self._sent += self._get(self._telegram, "/sandbox/sent", since=len(self._sent))
        return self._sent

    def model_calls(self) -> list[dict[str, Any]]:
        return list(self._get(self._model, "/sandbox/calls"))

    def most_calls_at_once(self) -> int:
        return int(self._get(self._model, "/sandbox/stats")["max_concurrent"])

    def require_kept(self) -> None:
        """WrongReplies unless the contender's table, if it has one, holds each message once; it may take a while."""
        if self.contender.table is None:
            return
        said = [each["text"] for each in self.received()]
        until = time.monotonic() + _KEPT_WITHIN
        while len(kept := self.rows(self.contender.table)) < len(said) and time.monotonic() < until:
            time.sleep(0.5)
        require_once([row[self.contender.question_column] for row in kept], said)

    def rows(self, table: str) -> list[dict[str, Any]]:
        """The rows of a table in the storage; none if it does not exist yet."""
        from deltalake import DeltaTable
        from deltalake.exceptions import TableNotFoundError

        try:
            found: list[dict[str, Any]] = DeltaTable(str(self.storage / table)).to_pyarrow_table().to_pylist()
        except TableNotFoundError:
            return []
        return found

    @property
    def log_end(self) -> str:
        return self._log.read_text(errors="replace")[-3000:] if self._log.exists() else ""

    def _post(self, path: str, body: Mapping[str, Any]) -> None:
        self._http.post(self._telegram + path, json=body, timeout=60).raise_for_status()

    def _get(self, server: str, path: str, **query: int) -> Any:
        response = self._http.get(server + path, params=query, timeout=60)
        response.raise_for_status()
        return response.json()


@contextmanager
def stage(contender: Contender, folder: Path, latency: Latency) -> Iterator[Stage]:
    """A stage in a new folder. What it started ends with the block."""
    program = "scripts.benches.programs.services"
    services = subprocess.Popen(
        [sys.executable, "-m", program, str(latency.usual), SLOW_WORD, str(latency.slow)],
        cwd=ROOT,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        process_group=0,
    )
    try:
        made = Stage(contender, folder, services)
        try:
            yield made
        finally:
            made.stop()
    finally:
        _kill_group(services)


def _first_line(services: subprocess.Popen[str]) -> str:
    line = services.stdout.readline() if services.stdout is not None else ""
    if not line:
        raise ContenderFailed("the simulated services did not start: see above")
    return line


def _kill_group(process: subprocess.Popen[Any]) -> None:
    """End a process and all that it started; it leads its group."""
    try:
        os.killpg(process.pid, signal.SIGKILL)
    except ProcessLookupError:
        pass
    finally:
        process.wait()

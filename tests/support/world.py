"""A world for the real process: a simulated Telegram and a scripted model over HTTP on loopback, and a storage."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import requests
from deltalake import DeltaTable

from pipeline.sandbox.models.rules import ScriptedRule
from pipeline.sandbox.models.scripted import ScriptedModel
from pipeline.sandbox.server import serve
from pipeline.sandbox.telegram.people.messages import UserMessage
from pipeline.sandbox.telegram.simulator import Telegram
from pipeline.sandbox.web.app import create_app
from pipeline.storage.record import read_record

TOKEN = "42:" + "first-token-of-the-simulated-bot---"
KEY = "key-of-the-scripted-model"


class Job:
    """A `pipeline` process."""

    def __init__(self, process: subprocess.Popen[str], log: Path) -> None:
        self._process = process
        self._log = log

    @property
    def pid(self) -> int:
        return self._process.pid

    @property
    def log(self) -> str:
        return self._log.read_text(errors="replace")

    @property
    def running(self) -> bool:
        return self._process.poll() is None

    def wait(self, timeout: float = 120.0) -> int:
        """The exit code; fails the test, with the log, when it takes too long."""
        try:
            return self._process.wait(timeout)
        except subprocess.TimeoutExpired:
            raise AssertionError(f"still running after {timeout} s:\n{self.log[-4000:]}") from None

    def kill(self) -> None:
        self._process.send_signal(signal.SIGKILL)
        self._process.wait()

    def signal_group(self, number: signal.Signals) -> None:
        """Send a signal to the process and all that it started, as a service manager does."""
        os.killpg(self.pid, number)

    def terminate(self) -> float:
        """SIGTERM; how many seconds the end took."""
        began = time.monotonic()
        self._process.terminate()
        self.wait(30.0)
        return time.monotonic() - began


class World:
    """What surrounds a pipeline. Settings given to `run` are options; the servers' addresses are in the environment."""

    def __init__(
        self, storage: Path, telegram: Telegram, telegram_url: str, model: ScriptedModel, model_url: str
    ) -> None:
        self.storage = storage
        self.telegram = telegram
        self.telegram_url = telegram_url
        self.model = model
        self.environment = {
            **{k: v for k, v in os.environ.items() if not k.startswith(("PIPELINE_", "OPENAI_", "TELEGRAM_"))},
            "TELEGRAM_BOT_TOKEN": TOKEN,
            "TELEGRAM_API_URL": telegram_url,
            "OPENAI_BASE_URL": f"{model_url}/v1",
            "OPENAI_API_KEY": KEY,
            "PIPELINE_MODEL": "scripted",
            "PIPELINE_STORAGE": str(storage),
            "PIPELINE_SEND_RATE": "500",
            "PIPELINE_POLL_SECONDS": "2",
        }
        self._jobs: list[Job] = []

    def run(self, *options: str, prelude: str = "", **environment: str) -> Job:
        """Start `pipeline run`. `prelude`: Python that runs in the process first, to break it at a chosen point."""
        log = self.storage.parent / f"job-{len(self._jobs)}.log"
        start = f"{prelude}\nimport sys\nfrom pipeline.cli import main\nsys.argv[0] = 'pipeline'\nmain()\n"
        process = subprocess.Popen(
            [sys.executable, "-c", start, "run", *options],
            env=self.environment | environment,
            stdin=subprocess.DEVNULL,
            stdout=log.open("w"),
            stderr=subprocess.STDOUT,
            text=True,
            process_group=0,
        )
        job = Job(process, log)
        self._jobs.append(job)
        return job

    def command(self, *words: str) -> str:
        """What another `pipeline` command prints, run to its successful end."""
        command = [sys.executable, "-m", "pipeline", *words]
        done = subprocess.run(command, env=self.environment, capture_output=True, text=True, timeout=60, check=False)
        assert done.returncode == 0, done.stderr
        return done.stdout

    def run_once(self, *options: str, timeout: float = 150.0, **environment: str) -> Job:
        """`pipeline run --once`, to its successful end."""
        job = self.run("--once", *options, **environment)
        code = job.wait(timeout)
        assert code == 0, f"exit code {code}:\n{job.log[-4000:]}"
        return job

    def serving(self, job: Job, timeout: float = 120.0) -> Job:
        """Wait until a job serves."""

        def ready() -> bool:
            assert job.running, f"the job ended:\n{job.log[-4000:]}"
            record = read_record(self.storage)
            return record is not None and record.pid == job.pid and record.state == "serving"

        wait_until(ready, timeout, lambda: job.log)
        return job

    def say(self, text: str | None = None, chat_id: int = 1, **more: Any) -> int:
        """A person's message; its update_id."""
        delivered = self.telegram.receive(UserMessage(chat_id=chat_id, text=text, **more))
        assert delivered.update_id is not None
        return delivered.update_id

    def burst(self, count: int, chats: int, text: str = "message") -> list[str]:
        """`count` messages over `chats` private chats, at once; their texts."""
        texts = [f"{text} {number}" for number in range(count)]
        self.telegram.receive_all(
            UserMessage(chat_id=1 + number % chats, text=said) for number, said in enumerate(texts)
        )
        return texts

    def sent(self, chat_id: int | None = None) -> list[dict[str, Any]]:
        return [sent for sent in self.telegram.sent() if chat_id in (None, sent["chat_id"])]

    def fault(self, method: str, kind: str, **more: Any) -> None:
        body = {"method": method, "kind": kind, **more}
        requests.post(f"{self.telegram_url}/sandbox/faults", json=body, timeout=5).raise_for_status()

    def heal(self) -> None:
        requests.delete(f"{self.telegram_url}/sandbox/faults", timeout=5).raise_for_status()

    def rule(self, **rule: Any) -> None:
        self.model.add_rule(ScriptedRule(**rule))

    def asked(self) -> Counter[str]:
        """How often the model was asked each question."""
        return Counter(call["user_text"] for call in self.model.calls)

    def table(self, name: str) -> list[dict[str, Any]]:
        rows: list[dict[str, Any]] = DeltaTable(str(self.storage / name)).to_pyarrow_table().to_pylist()
        return rows

    def wait_for_rows(self, job: Job, timeout: float = 15.0, **tables: int) -> None:
        """Wait until each of these tables has so many rows, as the writer of a run appends them beside it."""
        for name, count in tables.items():
            wait_until(lambda of=name, most=count: len(self.table(of)) >= most, timeout, lambda: job.log)  # type: ignore[misc]

    def end(self) -> None:
        for job in self._jobs:
            if job.running:
                job.kill()


@contextmanager
def world(storage: Path) -> Iterator[World]:
    """A world that ends with the block, and every job in it."""
    telegram, model = Telegram(TOKEN), ScriptedModel(api_key=KEY)
    with serve(create_app(telegram)) as bot_api, serve(model.app) as model_server:
        made = World(storage, telegram, bot_api.url, model, model_server.url)
        try:
            yield made
        finally:
            made.end()


def wait_until(condition: Callable[[], bool], timeout: float, said: Callable[[], str] = lambda: "") -> None:
    """Wait for a condition; fails the test, with what `said` says, when it takes too long."""
    until = time.monotonic() + timeout
    while not condition():
        assert time.monotonic() < until, f"not within {timeout} s:\n{said()[-4000:]}"
        time.sleep(0.02)


def repeated(values: Sequence[Any]) -> dict[Any, int]:
    """What occurs more than once."""
    return {value: count for value, count in Counter(values).items() if count > 1}

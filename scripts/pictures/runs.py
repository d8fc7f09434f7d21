"""Pictures of terminals: the demo that answers a file of messages, and the status of a running pipeline."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

import httpx

from pipeline.errors import OperatorError
from pipeline.sandbox.models.rules import ScriptedRule
from pipeline.sandbox.models.scripted import DEFAULT_MODEL, ScriptedModel
from pipeline.sandbox.server import serve
from pipeline.sandbox.telegram.account import DEFAULT_TOKEN
from pipeline.sandbox.telegram.people.messages import UserMessage
from pipeline.sandbox.telegram.simulator import Telegram
from pipeline.sandbox.web.app import create_app
from pipeline.storage.record import read_record
from scripts.pictures.terminal import WIDTH, terminal_svg

_READY_WITHIN = 180.0
_DONE_WITHIN = 60.0
_STOP_WITHIN = 30.0

_STORAGE = "/srv/bot"
STANDING_ANSWER = "The library is open from ten to six."
_MESSAGES = (
    "When does the library open on Sundays?",
    "And on Mondays?",
    "Wie lange ist ein Paket nach Oslo unterwegs?",
    "¿Qué significa «idempotente»?",
    "/help",
    "Summarise the notes in three points.",
    "Thank you!",
)


def take_demo(images: Path) -> None:
    """A real run of the demo over `messages.txt`. Raises OperatorError if it fails."""
    environment = {**os.environ, "COLUMNS": str(WIDTH), "FORCE_COLOR": "1", "NO_COLOR": ""}
    command = [sys.executable, "-m", "pipeline", "demo", "--messages", str(images / "messages.txt")]
    # The demo's own folder would be named in the picture, and belongs to whoever draws it.
    with TemporaryDirectory(prefix="telegram-lakehouse-") as storage:
        command += ["--storage", storage]
        done = subprocess.run(command, env=environment, stdout=subprocess.PIPE, text=True, check=False)
    if done.returncode != 0:
        raise OperatorError("the demo failed: see its message above")
    # What a terminal shows while it waits is no part of the result: the table begins with its upper edge.
    shown = done.stdout[done.stdout.index("┏") :]
    (images / "demo.svg").write_text(terminal_svg(shown, "make demo MESSAGES=messages.txt"))


def take_status(images: Path) -> None:
    """`pipeline status` beside a run that has answered some messages, one of which lost its response."""
    with running_pipeline() as (telegram, api, storage):
        for number, text in enumerate(_MESSAGES, start=1):
            telegram.receive(UserMessage(chat_id=number, first_name=f"User {number}", text=text))
        telegram.receive(UserMessage(chat_id=1, photo=True))
        # The photo is told politely that it can't be read.
        messages = len(_MESSAGES) + 1
        wait(lambda: _answered(storage) == messages, _DONE_WITHIN, "the messages are not answered")
        # The connection is closed after Telegram took the message: nobody can know that from here.
        fault = {"method": "sendMessage", "kind": "lost_response", "times": 1}
        httpx.post(f"{api}/sandbox/faults", json=fault).raise_for_status()
        telegram.receive(UserMessage(chat_id=9, first_name="User 9", text="Is it open today?"))
        wait(lambda: _answered(storage) == messages + 1, _DONE_WITHIN, "the last message is not answered")
        # The folder is another one for each picture.
        shown = _status(storage).replace(str(storage), _STORAGE)
    (images / "status.svg").write_text(terminal_svg(shown, f"pipeline status --storage {_STORAGE}", 84))


@contextmanager
def running_pipeline(answers: Mapping[str, str] | None = None) -> Iterator[tuple[Telegram, str, Path]]:
    """A run that serves: its simulated Telegram, the address of that, and its storage. Nothing of it is left.

    Its model answers by a script: a text that holds a key of `answers` with its value, others with one sentence. Raises
    OperatorError if it does not start.
    """
    rules = [ScriptedRule(contains=part, latency=0.3, answer=answer) for part, answer in (answers or {}).items()]
    model = ScriptedModel([*rules, ScriptedRule(latency=0.3, answer=STANDING_ANSWER)])
    telegram = Telegram()
    with (
        TemporaryDirectory(prefix="pictures-") as folder,
        serve(create_app(telegram)) as api,
        serve(model.app) as served,
    ):
        storage = Path(folder, "bot")
        settings = {
            "TELEGRAM_BOT_TOKEN": DEFAULT_TOKEN,
            "TELEGRAM_API_URL": api.url,
            "OPENAI_BASE_URL": f"{served.url}/v1",
            "OPENAI_API_KEY": "none",
            "PIPELINE_MODEL": DEFAULT_MODEL,
        }
        with Path(folder, "pipeline.log").open("wb") as log:
            command = [sys.executable, "-m", "pipeline", "run", "--storage", str(storage), "--poll-seconds", "5"]
            run = subprocess.Popen(command, env={**os.environ, **settings}, stdout=log, stderr=log)
            try:
                wait(lambda: _serves(run, storage), _READY_WITHIN, "the pipeline does not start")
                yield telegram, api.url, storage
            finally:
                run.terminate()
                try:
                    run.wait(_STOP_WITHIN)
                except subprocess.TimeoutExpired:
                    run.kill()
                    run.wait()


def _serves(run: subprocess.Popen[bytes], storage: Path) -> bool:
    if run.poll() is not None:
        raise OperatorError(f"the pipeline ended with exit code {run.returncode}: start it by hand to see why")
    record = read_record(storage)
    return record is not None and record.state == "serving" and record.pid == run.pid


def _answered(storage: Path) -> int:
    silver = json.loads(_status(storage, "--json"))["silver"] or {}
    return sum(silver.values())


def _status(storage: Path, *options: str) -> str:
    command = [sys.executable, "-m", "pipeline", "status", "--storage", str(storage), *options]
    return subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True).stdout


def wait(done: Callable[[], bool], seconds: float, otherwise: str) -> None:
    until = time.monotonic() + seconds
    while not done():
        if time.monotonic() >= until:
            raise OperatorError(f"{otherwise} within {seconds:.0f} s: try again on a machine that is less busy")
        time.sleep(0.3)

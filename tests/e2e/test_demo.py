"""The demo, as README shows it: the whole product on one machine, with the embedded model."""

from __future__ import annotations

import contextlib
import os
import pty
import re
import shlex
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import httpx
import pytest
from deltalake import DeltaTable

from pipeline.sandbox.models.scripted import ScriptedModel
from pipeline.sandbox.server import serve

ROOT = Path(__file__).parents[2]

pytestmark = pytest.mark.e2e

_MESSAGES = [
    "What is a lakehouse?",
    "¿Cuál es la capital de Francia?",
    "日本の首都はどこですか？",
    "🎉🎉🎉",
    "",
    "/start",
    "Please read this: " + "the quick brown fox jumps over the lazy dog. " * 132 + "The end.",
]


def test_each_line_of_a_file_is_answered_and_nothing_is_left_running(tmp_path: Path) -> None:
    file, storage = tmp_path / "messages.txt", tmp_path / "lake"
    file.write_text("".join(f"{message}\n" for message in _MESSAGES), encoding="utf-8")
    done = subprocess.run(
        [sys.executable, "-m", "pipeline", "demo", "--messages", str(file), "--storage", str(storage)],
        env=_environment() | {"COLUMNS": "160"},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=280,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert "not answered" not in done.stdout
    # /start, and the photo that the empty line stands for.
    assert done.stdout.count("fixed, sent") == 2
    bronze = DeltaTable(str(storage / "bronze")).to_pyarrow_table().to_pylist()
    assert [row["text"] for row in sorted(bronze, key=lambda row: row["seq"])] == _MESSAGES
    silver = DeltaTable(str(storage / "silver")).to_pyarrow_table().to_pylist()
    assert sorted(row["user_message"] for row in silver) == sorted(_MESSAGES)
    assert {row["delivery_status"] for row in silver} == {"sent"}
    assert sum(row["model_name"] == "smollm2-135m-instruct" for row in silver) >= 4
    assert not _processes_of(storage)


def _environment() -> dict[str, str]:
    return {k: v for k, v in os.environ.items() if not k.startswith(("PIPELINE_", "OPENAI_", "TELEGRAM_"))}


def _processes_of(storage: Path) -> list[str]:
    lines = (_command_line(process) for process in Path("/proc").glob("[0-9]*"))
    return [line for line in lines if str(storage) in line]


def _command_line(process: Path) -> str:
    try:
        return process.joinpath("cmdline").read_text()
    except OSError:  # it has ended meanwhile
        return ""


def test_a_file_that_is_not_there_is_one_line_and_exit_code_2(tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "pipeline", "demo", "--messages", str(tmp_path / "none.txt")],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 2
    assert done.stderr == (
        f"pipeline: --messages {tmp_path}/none.txt can't be read (No such file or directory): "
        "give a text file, one message a line\n"
    )


class _Terminal:
    """The demo in a terminal of its own."""

    def __init__(self, arguments: list[str], environment: Mapping[str, str]) -> None:
        self._ours, theirs = pty.openpty()
        self.process = subprocess.Popen(
            [sys.executable, "-m", "pipeline", "demo", *arguments],
            env={**environment, "TERM": "xterm-256color", "COLUMNS": "200"},
            stdin=theirs,
            stdout=theirs,
            stderr=theirs,
            start_new_session=True,
        )
        os.close(theirs)
        os.set_blocking(self._ours, False)
        self._read = b""

    @property
    def shown(self) -> str:
        """All that was printed, without colours and movements."""
        with contextlib.suppress(BlockingIOError, OSError):
            while piece := os.read(self._ours, 65536):
                self._read += piece
        text = re.sub(r"\x1b\[[0-9;?]*[a-zA-Z]|\x01|\x02", "", self._read.decode(errors="replace"))
        return text.replace("\r", "\n")

    def wait_for(self, pattern: str, seconds: float = 120.0) -> re.Match[str]:
        until = time.monotonic() + seconds
        while (found := re.search(pattern, self.shown)) is None:
            assert time.monotonic() < until, f"{pattern} was not shown:\n{self.shown}"
            assert self.process.poll() is None, self.shown
            time.sleep(0.1)
        return found

    def wait_for_end(self, seconds: float = 60.0) -> int:
        """The exit code. A terminal that nobody reads holds a program that writes much."""
        until = time.monotonic() + seconds
        while self.process.poll() is None:
            shown = self.shown
            assert time.monotonic() < until, f"it did not end:\n{shown}"
            time.sleep(0.1)
        return self.process.returncode

    def type(self, keys: str) -> None:
        os.write(self._ours, keys.encode())

    def close(self) -> None:
        self.process.kill()
        self.process.wait()
        os.close(self._ours)


@pytest.fixture
def _interruptible() -> Iterator[None]:
    """A shell starts what runs in its background with Ctrl-C ignored, and a process passes that on."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


@contextlib.contextmanager
def _terminal(*arguments: str, environment: Mapping[str, str]) -> Iterator[_Terminal]:
    opened = _Terminal(list(arguments), environment)
    try:
        yield opened
    finally:
        opened.close()


def _beside(environment: Mapping[str, str], script: str, *arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, str(ROOT / "scripts" / script), "--local", *arguments],
        env=dict(environment),
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )


@pytest.mark.usefixtures("_interruptible")
def test_a_terminal_a_page_and_commands_share_a_demo_whose_next_start_goes_on(tmp_path: Path) -> None:
    environment = _environment() | {"XDG_STATE_HOME": str(tmp_path), "PYTHONPATH": str(ROOT)}
    folder = tmp_path / "telegram-lakehouse" / "demo" / "bot-42"
    with _terminal(environment=environment) as terminal:
        page = terminal.wait_for(r"Chat page: (http://127\.0\.0\.1:\d+)/")[1]
        assert f"Tables: {folder}/{{bronze,silver,quarantine,feedback}}" in terminal.shown
        for phase in ("model: ", "Telegram: ", "pipeline: ", "ready"):
            assert re.search(rf"✓ {phase}.*\d\.\d s", terminal.shown), phase
        terminal.wait_for("you > ")
        terminal.type("What is the capital of Japan?\n")
        terminal.wait_for(r"\nbot > .*Tokyo.*  \d+\.\d s")
        httpx.post(f"{page}/sandbox/messages", json={"text": "Is the sky blue?"}, trust_env=False).raise_for_status()
        terminal.wait_for(r"page > Is the sky blue\?")
        terminal.wait_for(r"bot to “Is the sky blue\?” > \S+")
        assert len(re.findall(r"bot > ", terminal.shown)) == 1, "only what answers the terminal is its own answer"

        exports = dict(re.findall(r"export ([A-Z_]+)=(\S+)", terminal.shown))
        settings = environment | {name: shlex.split(value)[0] for name, value in exports.items()}
        smoke = _beside(settings, "smoke.py")
        assert smoke.returncode == 0, smoke.stdout + smoke.stderr
        row = _asked(folder, "What is the capital of Japan?")
        message = f"{row['channel_id']}/{row['message_id']}"
        replay = _beside(settings, "replay.py", "--mode", "deliver", "--id", message, "--yes")
        assert replay.returncode == 0, replay.stdout + replay.stderr
        terminal.wait_for(r"(?s)Tokyo.*bot > .*Tokyo")

        terminal.type("half a li")
        # Python's readline notices a signal that comes while it takes a key only with the next key.
        terminal.wait_for("half a li")
        time.sleep(0.2)
        terminal.process.send_signal(signal.SIGINT)
        assert terminal.wait_for_end() == 0, terminal.shown
        assert "Traceback" not in terminal.shown
        assert "To begin afresh: make demo FRESH=1" in terminal.shown
    assert not _processes_of(folder)

    (tmp_path / "messages.txt").write_text("A second start\n")
    with serve(ScriptedModel(models=["mine"]).app) as model:
        arguments = ["--messages", str(tmp_path / "messages.txt"), "--model-url", model.url]
        done = subprocess.run(
            [sys.executable, "-m", "pipeline", "demo", *arguments],
            env=environment,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=200,
            check=False,
        )
    assert done.returncode == 0, done.stdout + done.stderr
    assert done.stdout.startswith("┏"), "a file's result begins with its table"
    assert _asked(folder, "A second start")["model_name"] == "mine"
    assert _asked(folder, "What is the capital of Japan?")["delivery_status"] == "sent"


def _asked(folder: Path, question: str) -> dict[str, Any]:
    """The first row of a question in silver, which is there some seconds after its answer."""
    until = time.monotonic() + 60
    while time.monotonic() < until:
        rows: list[dict[str, Any]] = DeltaTable(str(folder / "silver")).to_pyarrow_table().to_pylist()
        found = [row for row in rows if row["user_message"] == question]
        if found:
            return found[0]
        time.sleep(0.5)
    raise AssertionError(f"{question} is not in silver")

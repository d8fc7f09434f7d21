"""Time the way from a fresh clone to the first answer in the browser, step by step, and name the longest step.

    python -m scripts.benches.programs.first_answer             # with what is installed here: clone, start, answer
    python -m scripts.benches.programs.first_answer --setup     # with `make setup` in the clone: some 3 GB

Exit code 0: answered; 1: a step failed.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated, NamedTuple

import requests
import typer

from pipeline.command import run_command
from pipeline.errors import RunFailed
from pipeline.terminal import say

ROOT = Path(__file__).resolve().parents[3]
_QUESTION = "What is the capital of Japan?"
_ANSWER_WITHIN = 60.0
_DONE = re.compile(r"^✓ (?P<name>.+?)\s+[\d.]+ s$")
_PAGE = re.compile(r"^Chat page: (?P<url>http\S+?)/?$")
_SETUP_SAYS = re.compile(r"^(?:setup: )?(?P<what>.+?)(?: \(.*)?(?: …)?$")
"""A line of `make setup` says what begins then."""


class TimedStep(NamedTuple):
    name: str
    seconds: float


class TimedSteps:
    """The steps so far. Each ends when the next begins."""

    def __init__(self, now: float) -> None:
        self.done: list[TimedStep] = []
        self._since = now

    def end(self, name: str, now: float) -> None:
        """The step that began when the last one ended is done."""
        self.done.append(TimedStep(name, now - self._since))
        self._since = now

    @property
    def seconds(self) -> float:
        return sum(step.seconds for step in self.done)

    def table(self) -> str:
        width = max(len(step.name) for step in self.done)
        rows = [f"{step.name:<{width}}  {step.seconds:7.1f} s" for step in self.done]
        longest = max(self.done, key=lambda step: step.seconds)
        return "\n".join(
            [
                *rows,
                f"{'in all':<{width}}  {self.seconds:7.1f} s",
                f"longest step: {longest.name}, {longest.seconds:.1f} s",
            ]
        )


def take_setup(steps: TimedSteps, lines: Iterator[str]) -> None:
    """Time `make setup` by its lines, each of which says what begins."""
    begun = "setup: virtual environment"
    for line in lines:
        steps.end(begun, time.monotonic())
        said = _SETUP_SAYS.match(line)
        begun = f"setup: {said['what'] if said else line}"
    steps.end(begun, time.monotonic())


def take_start(steps: TimedSteps, lines: Iterator[str]) -> str:
    """Time the demo's start by its phases. Returns the chat page's address. Raises RunFailed where the demo ends."""
    shown = []
    for line in lines:
        shown.append(line)
        if (phase := _DONE.match(line)) and phase["name"] != "ready":
            # Before its first phase it starts Python and imports itself.
            steps.end(f"start: {phase['name']}", time.monotonic())
        if page := _PAGE.match(line):
            return page["url"]
    raise RunFailed(f"the demo ended before its page was there: {' / '.join(shown[-3:]) or 'it said nothing'}")


def ask_on_page(steps: TimedSteps, url: str) -> str:
    """Open the page and ask there. Returns the answer. Raises RunFailed if none comes."""
    with requests.Session() as browser:
        browser.trust_env = False
        browser.get(f"{url}/", timeout=10).raise_for_status()
        steps.end("page: its first response", time.monotonic())
        browser.post(f"{url}/sandbox/messages", json={"text": _QUESTION}, timeout=10).raise_for_status()
        until = time.monotonic() + _ANSWER_WITHIN
        while time.monotonic() < until:
            if sent := browser.get(f"{url}/sandbox/sent", timeout=10).json():
                steps.end("page: the first answer", time.monotonic())
                return str(sent[0]["text"])
            time.sleep(0.02)
    raise RunFailed(f"no answer came within {_ANSWER_WITHIN:.0f} s")


@contextmanager
def _process(command: Sequence[str], folder: Path, environment: Mapping[str, str]) -> Iterator[subprocess.Popen[str]]:
    """A process whose input stays open for the block, and which has a while to end after it."""
    process = subprocess.Popen(
        list(command), cwd=folder, env=dict(environment), stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    try:
        yield process
    finally:
        if process.stdin is not None:
            process.stdin.close()
        try:
            process.wait(40)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def _lines(process: subprocess.Popen[str]) -> Iterator[str]:
    for line in process.stdout or ():
        yield line.rstrip()


def main(
    setup: Annotated[
        bool, typer.Option("--setup", help="Install everything in the clone, as a stranger does.")
    ] = False,
) -> None:
    steps = TimedSteps(time.monotonic())
    with tempfile.TemporaryDirectory(prefix="fresh-clone-") as folder:
        clone = Path(folder, "clone")
        subprocess.run(["git", "clone", "-q", "--no-local", str(ROOT), str(clone)], check=True)
        steps.end("clone", time.monotonic())
        environment = {k: v for k, v in os.environ.items() if not k.startswith(("PIPELINE_", "OPENAI_", "TELEGRAM_"))}
        environment |= {"XDG_STATE_HOME": folder, "PYTHONPATH": str(clone)}
        python = sys.executable
        if setup:
            with _process(["make", "setup"], clone, environment) as making:
                take_setup(steps, _lines(making))
            if making.returncode != 0:
                raise RunFailed("make setup failed: see above")
            python = str(clone / ".venv" / "bin" / "python")
        with _process([python, "-m", "pipeline", "demo"], clone, environment) as demo:
            answer = ask_on_page(steps, take_start(steps, _lines(demo)))
    say(f"{steps.table()}\n{_QUESTION} {answer}")


if __name__ == "__main__":
    run_command("first_answer", lambda: typer.run(main))

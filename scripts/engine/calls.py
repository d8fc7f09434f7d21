"""Calls of the engine's command line."""

from __future__ import annotations

import os
import signal
import subprocess
from collections.abc import Sequence
from enum import StrEnum
from pathlib import Path

from pipeline.errors import OperatorError
from pipeline.redaction import scrub

PROJECT = Path(__file__).resolve().parents[2]
POLICY_PACK = "infra/policy"
_ANSWER_WITHIN = 120.0
"""Seconds for the answer to a question, which may come from a backend far away."""


class StackError(OperatorError):
    """The engine can't work: what is missing, and how to fix it."""


class Verb(StrEnum):
    PREVIEW = "preview"
    UP = "up"
    DESTROY = "destroy"


def command_line(verb: Verb, stack: str, *, protect: bool, yes: bool, more: Sequence[str] = ()) -> list[str]:
    """The engine's command. `protect`: the stack protects what holds data. `more`: further arguments."""
    command = ["pulumi", verb.value, "--stack", stack]
    if verb is not Verb.DESTROY:
        command += ["--policy-pack", POLICY_PACK]
    elif protect:
        # Without it the engine refuses to remove anything.
        command += ["--exclude-protected"]
    # A preview has no such option, since it asks nothing.
    if yes and verb is not Verb.PREVIEW:
        command += ["--yes"]
    return [*command, *more]


def ask(*arguments: str) -> tuple[str, str]:
    """The engine's answer to a question, and, if it refuses, the reason in one line. Raises StackError."""
    environment = {**os.environ, "PULUMI_SKIP_UPDATE_CHECK": "true"}
    try:
        done = subprocess.run(
            ["pulumi", *arguments, "--non-interactive"],
            cwd=PROJECT,
            env=environment,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=_ANSWER_WITHIN,
            check=False,
        )
    except subprocess.TimeoutExpired:
        finding = f"`pulumi {arguments[0]}` did not answer within {_ANSWER_WITHIN:.0f} s"
        raise StackError(f"{finding}: check the network and the engine's backend") from None
    if done.returncode == 0:
        return done.stdout, ""
    lines = [line.strip() for line in done.stderr.splitlines() if line.strip()]
    reason = next((line for line in lines if line.startswith("error:")), lines[0] if lines else "")
    return done.stdout, scrub(reason.removeprefix("error:").strip()) or f"exit code {done.returncode}"


def run(command: Sequence[str]) -> bool:
    """Run the engine to its end, with this terminal. True if it succeeded."""
    # At Ctrl-C the terminal signals the engine too, which then ends in order. If we left first, we would orphan it.
    interrupt = signal.signal(signal.SIGINT, lambda *_: None)
    engine = subprocess.Popen(command, cwd=PROJECT)
    terminate = signal.signal(signal.SIGTERM, lambda *_: engine.terminate())
    try:
        return engine.wait() == 0
    finally:
        signal.signal(signal.SIGINT, interrupt)
        signal.signal(signal.SIGTERM, terminate)

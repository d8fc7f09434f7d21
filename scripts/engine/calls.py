"""Calls of the engine's command line."""

from __future__ import annotations

import os
import signal
import subprocess
from collections.abc import Sequence
from enum import StrEnum
from pathlib import Path

from infra import engine
from pipeline.errors import OperatorError

PROJECT = engine.PROJECT
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
    try:
        return engine.ask(*arguments, within=_ANSWER_WITHIN, folder=PROJECT)
    except subprocess.TimeoutExpired:
        finding = f"`pulumi {arguments[0]}` did not answer within {_ANSWER_WITHIN:.0f} s"
        raise StackError(f"{finding}: check the network and the engine's backend") from None


def run(command: Sequence[str], event_log: Path) -> bool:
    """Run the engine to its end, with this terminal. True if it succeeded. `event_log`: the file for its events."""
    # At Ctrl-C the terminal signals the engine too, which then ends in order. If we left first, we would orphan it.
    interrupt = signal.signal(signal.SIGINT, lambda *_: None)
    # The environment, since an engine that has no such option then passes it over.
    options = {"PULUMI_DEBUG_COMMANDS": "true", "PULUMI_OPTION_EVENT_LOG": str(event_log)}
    process = subprocess.Popen(command, cwd=PROJECT, env=os.environ | options)
    terminate = signal.signal(signal.SIGTERM, lambda *_: process.terminate())
    try:
        return process.wait() == 0
    finally:
        signal.signal(signal.SIGINT, interrupt)
        signal.signal(signal.SIGTERM, terminate)

"""Measure what people notice: the latency of one message, a burst of messages, and fast answers beside slow ones.

A real `pipeline run` over a simulated Telegram and a scripted model of 0.2 s. Called by `make bench`.
"""

from __future__ import annotations

import statistics
import tempfile
import time
from collections.abc import Iterable
from pathlib import Path
from typing import Annotated

import typer
from rich.table import Table

from pipeline.terminal import terminal
from tests.support.world import Job, World, wait_until, world

_MODEL_SECONDS = 0.2


def main(
    single: Annotated[int, typer.Option(help="Messages sent one after the other.")] = 20,
    burst: Annotated[int, typer.Option(help="Messages sent at once, each in its own chat.")] = 1000,
    slow_percent: Annotated[int, typer.Option(help="Percentage of a second burst that takes 20 s.")] = 2,
) -> None:
    grid = Table("measure", "seconds", "", title=f"over a model of {_MODEL_SECONDS} s")
    with tempfile.TemporaryDirectory() as folder, world(Path(folder) / "lake") as surroundings:
        surroundings.rule(contains="slow", latency=20.0)
        surroundings.model.latency = _MODEL_SECONDS
        began = time.monotonic()
        job = surroundings.serving(surroundings.run("--send-rate", "10000"))
        grid.add_row("start until serving", f"{time.monotonic() - began:.1f}", "")
        latencies = [_one(surroundings, job, number) - _MODEL_SECONDS for number in range(single)]
        grid.add_row("one message, beyond the model", f"{statistics.median(latencies):.2f}", _spread(latencies))
        grid.add_row(f"burst of {burst}, last reply", f"{_burst(surroundings, job, burst, 'burst'):.1f}", "")
        slow = burst * slow_percent // 100
        for number in range(slow):
            surroundings.say(f"slow {number}", chat_id=900_000 + number)
        others = _burst(surroundings, job, burst - slow, "others")
        grid.add_row(f"{burst - slow} others, {slow} taking 20 s", f"{others:.1f}", "")
        wait_until(lambda: len(surroundings.table("silver")) == single + 2 * burst, 120, lambda: job.log)
        grid.add_row("end after SIGTERM", f"{job.terminate():.1f}", "")
    terminal().print(grid)


def _one(surroundings: World, job: Job, number: int) -> float:
    # People write at irregular times, so messages must not be in step with the micro-batches.
    time.sleep(1.5 + 0.13 * (number % 10))
    began, before = time.monotonic(), len(surroundings.sent())
    surroundings.say(f"single {number}", chat_id=number + 1)
    wait_until(lambda: len(surroundings.sent()) > before, 30, lambda: job.log)
    return time.monotonic() - began


def _burst(surroundings: World, job: Job, count: int, text: str) -> float:
    began, before = time.monotonic(), len(surroundings.sent())
    surroundings.burst(count, chats=count, text=text)
    wait_until(lambda: len(surroundings.sent()) >= before + count, 300, lambda: job.log)
    return time.monotonic() - began


def _spread(values: Iterable[float]) -> str:
    ordered = sorted(values)
    return f"{ordered[0]:.2f} to {ordered[-1]:.2f}"


if __name__ == "__main__":
    typer.run(main)

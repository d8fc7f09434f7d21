"""How a batch is distributed over executors: from how many questions on, in how many jobs, and in which chunks."""

from __future__ import annotations

import math
from typing import NamedTuple

from pipeline.platform.executors import Executors

WORTHWHILE_ROUNDS = 4
"""A batch goes to the executors if the driver would need more than this many rounds of calls for it. Measured: a job's
own time is half of a call's, and an answer waits for the others of its chunk."""
_MOST_ROUNDS = 4
"""Rounds of calls in one chunk. More would save time between jobs, but answers come when their chunk ends."""


class Layout(NamedTuple):
    """How the executors are used: `jobs` at once, each with a chunk of its own and this many `threads`."""

    jobs: int
    threads: int


def threshold(distribute_above: int | None, concurrency: int, *, has_executors: bool) -> int | None:
    """The number of questions above which a batch goes to the executors; None for never."""
    if distribute_above is None and has_executors:
        return WORTHWHILE_ROUNDS * concurrency
    return distribute_above


def layout(executors: Executors, concurrency: int) -> Layout:
    """`concurrency`: calls at once on each executor. All jobs together never make more.

    Where an executor runs several tasks at once, one place is left to the stream, whose tasks would wait for a chunk.
    """
    calls = concurrency * max(1, executors.count)
    jobs = executors.slots - 1 if executors.slots > executors.count else executors.slots
    jobs = min(max(1, jobs), calls)
    return Layout(jobs, calls // jobs)


def chunk_size(questions: int, layout: Layout) -> int:
    """How many of the waiting questions the next job gets: whole rounds, fewer at the end, so that all end together."""
    rounds = math.ceil(questions / layout.threads)
    return min(_MOST_ROUNDS, math.ceil(rounds / layout.jobs)) * layout.threads

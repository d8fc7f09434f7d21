"""On which CPU Python's threads are while a run is under way."""

from __future__ import annotations

import contextlib
import os
import sys
from collections.abc import Iterator
from pathlib import Path

_THREADS = Path("/proc/self/task")
_STATE = Path("/proc/thread-self/stat")


@contextlib.contextmanager
def one_cpu() -> Iterator[None]:
    """Keep all threads of this process on one CPU meanwhile. Where that can't be done, nothing is changed.

    Only one of them runs Python at a time. On several CPUs each change from one thread to the next wakes another CPU
    and fills its caches again: under traffic that took a fifth of the time. Other processes keep theirs, but those
    begun meanwhile have ours: so begin with this when Spark's is there.
    """
    if sys.platform != "linux" or len(allowed := os.sched_getaffinity(0)) < 2:
        yield
        return
    _place({_chosen(allowed)})
    try:
        yield
    finally:
        _place(allowed)


def _chosen(allowed: set[int]) -> int:
    """The CPU that the kernel chose for this thread, since it knows which is free, and which is fast.

    Field 39 of https://man7.org/linux/man-pages/man5/proc_pid_stat.5.html; the first after the name is the third.
    """
    try:
        current = int(_STATE.read_text().rpartition(")")[2].split()[39 - 3])
    except (OSError, ValueError, IndexError):
        current = -1
    return current if current in allowed else min(allowed)


def _place(cpus: set[int]) -> None:
    """Move all threads. A thread that one begins goes where that one is."""
    assert sys.platform == "linux"
    with contextlib.suppress(OSError):
        placed = set[int]()
        # Again, for those that were begun meanwhile.
        while new := {int(thread.name) for thread in _THREADS.iterdir()} - placed:
            for thread in new:
                with contextlib.suppress(ProcessLookupError):
                    os.sched_setaffinity(thread, cpus)
            placed |= new

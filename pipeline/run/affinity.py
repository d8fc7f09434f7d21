"""On which CPU Python's threads are while a run is under way."""

from __future__ import annotations

import contextlib
import os
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

from pipeline.run.threads.background import start_thread

_THREADS = Path("/proc/self/task")
_STATE = Path("/proc/thread-self/stat")
_CHOOSE_EVERY = 10.0
_CHOOSE_WITHIN = 0.05
"""Seconds."""
_MOST_ROUNDS = 10


@contextlib.contextmanager
def one_cpu() -> Iterator[None]:
    """Keep all threads of this process on one CPU meanwhile. Where that can't be done, nothing is changed.

    Only one of them runs Python at a time. On several CPUs each change from one thread to the next wakes another CPU
    and fills its caches again: under traffic that took a fifth of the time. Other processes keep theirs, but those
    begun meanwhile have ours: so begin with this when Spark's is there.

    The kernel chooses which. Now and then it may choose again, since another program may be bound to the same one,
    such as a second run.
    """
    allowed = _allowed()
    if len(allowed) < 2:
        yield
        return
    ended = threading.Event()

    def choose_again() -> None:
        while not ended.wait(_CHOOSE_EVERY):
            _place(allowed)
            ended.wait(_CHOOSE_WITHIN)
            _place({_chosen(allowed)})

    _place({_chosen(allowed)})
    chooser = None
    try:
        with contextlib.suppress(RuntimeError):  # the machine has no thread left now
            chooser = start_thread("affinity", choose_again)
        yield
    finally:
        ended.set()
        if chooser is not None:
            chooser.join()
        _place(allowed)


def _allowed() -> set[int]:
    """The CPUs on which this thread may be; none where nobody can say."""
    if sys.platform == "linux":
        with contextlib.suppress(OSError):
            return os.sched_getaffinity(0)
    return set()


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
    placed = set[int]()
    # Again, for those that were begun meanwhile.
    for _ in range(_MOST_ROUNDS):
        with contextlib.suppress(OSError):
            new = {int(thread.name) for thread in _THREADS.iterdir()} - placed
            if not new:
                return
            for thread in new:
                with contextlib.suppress(OSError):  # it has ended, or it is not allowed
                    os.sched_setaffinity(thread, cpus)
            placed |= new

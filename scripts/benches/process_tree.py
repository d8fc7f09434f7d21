"""CPU time and memory of a process and all below it, as Linux tells them in /proc."""

from __future__ import annotations

import os
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from pipeline.errors import OperatorError

_PROC = Path("/proc")
_SAMPLED_EACH = 0.2
"""Seconds."""


class NoProcesses(OperatorError):
    """This machine does not tell what its processes use."""


@dataclass(frozen=True)
class CpuTime:
    """Seconds, of the JVMs and of everything else."""

    python: float = 0.0
    jvm: float = 0.0

    def __sub__(self, before: CpuTime) -> CpuTime:
        return CpuTime(self.python - before.python, self.jvm - before.jvm)


@dataclass(frozen=True)
class _Process:
    pid: int
    parent: int
    name: str
    seconds: float
    resident: int
    """Bytes."""


def require_processes(proc: Path = _PROC) -> None:
    """NoProcesses on a system without /proc."""
    if not (proc / "self" / "stat").exists():
        raise NoProcesses("CPU time and memory are read from /proc, which this system lacks: run it on Linux")


def cpu_time(root: int, proc: Path = _PROC) -> CpuTime:
    """CPU time so far of `root` and all below it; of those that ended, where their parent has waited for them."""
    found = _tree(root, proc)
    jvm = sum(process.seconds for process in found if process.name == "java")
    return CpuTime(sum(process.seconds for process in found) - jvm, jvm)


def resident_mib(root: int, proc: Path = _PROC) -> float:
    return sum(process.resident for process in _tree(root, proc)) / 2**20


class PeakMemory:
    """The highest resident memory seen so far. Any thread may read it."""

    def __init__(self) -> None:
        self.mib = 0.0


@contextmanager
def peak_memory(root: int) -> Iterator[PeakMemory]:
    """Watch the memory of `root` and all below it until the block ends, five times a second."""
    peak, ended = PeakMemory(), threading.Event()

    def watch() -> None:
        while True:
            peak.mib = max(peak.mib, resident_mib(root))
            if ended.wait(_SAMPLED_EACH):
                return

    thread = threading.Thread(target=watch, name="peak-memory", daemon=True)
    thread.start()
    try:
        yield peak
    finally:
        ended.set()
        thread.join()


def _tree(root: int, proc: Path) -> list[_Process]:
    processes = {process.pid: process for process in _processes(proc)}
    children: dict[int, list[int]] = {}
    for process in processes.values():
        children.setdefault(process.parent, []).append(process.pid)
    found, frontier = [], [root] if root in processes else []
    while frontier:
        pid = frontier.pop()
        found.append(processes[pid])
        frontier += children.get(pid, [])
    return found


def _processes(proc: Path) -> Iterator[_Process]:
    ticks, page = os.sysconf("SC_CLK_TCK"), os.sysconf("SC_PAGE_SIZE")
    for folder in proc.glob("[0-9]*"):
        try:
            text = (folder / "stat").read_text()
        except OSError:  # it has ended meanwhile
            continue
        # The name is in brackets and may hold some; the fields after it are numbered from 3 in proc(5).
        name, _, rest = text.partition("(")[2].rpartition(")")
        fields = rest.split()
        seconds = sum(map(int, fields[11:15])) / ticks
        yield _Process(int(folder.name), int(fields[1]), name, seconds, int(fields[21]) * page)

"""The machine and the versions that a benchmark ran on."""

from __future__ import annotations

import importlib.metadata
import os
import platform
import re
from datetime import UTC, datetime
from pathlib import Path

from pydantic import BaseModel

import pipeline

_PACKAGES = ("pyspark", "delta-spark", "openai", "aiogram", "requests")


class BenchMachine(BaseModel):
    processor: str
    cores: int
    """Those that this process may use."""
    memory_gib: float
    system: str
    date: str
    versions: dict[str, str]

    @property
    def line(self) -> str:
        versions = ", ".join(f"{name} {version}" for name, version in self.versions.items())
        return (
            f"{self.date}: {self.cores} cores ({self.processor}), {self.memory_gib:.0f} GiB, {self.system}; {versions}"
        )


def this_machine() -> BenchMachine:
    return BenchMachine(
        processor=_first(Path("/proc/cpuinfo"), r"model name\s*: (.+)") or platform.machine(),
        cores=len(os.sched_getaffinity(0)),
        memory_gib=int(_first(Path("/proc/meminfo"), r"MemTotal:\s*(\d+) kB") or 0) / 2**20,
        system=f"{platform.system()} {platform.release().partition('-')[0]}",
        date=datetime.now(UTC).date().isoformat(),
        versions={
            "telegram-lakehouse": pipeline.__version__,
            "Python": platform.python_version(),
            **{package: importlib.metadata.version(package) for package in _PACKAGES},
        },
    )


def _first(file: Path, pattern: str) -> str | None:
    found = re.search(pattern, file.read_text())
    return " ".join(found[1].split()) if found else None

from __future__ import annotations

import os
import subprocess
import sys
import time
from pathlib import Path

import pytest

from scripts.benches.process_tree import (
    CpuTime,
    NoProcesses,
    cpu_time,
    peak_memory,
    require_processes,
    resident_mib,
)


def _process(proc: Path, pid: int, parent: int, name: str, ticks: int, pages: int = 0) -> None:
    folder = proc / str(pid)
    folder.mkdir()
    fields = ["S", str(parent), *["0"] * 9, str(ticks), "0", "0", "0", *["0"] * 6, str(pages), "0"]
    (folder / "stat").write_text(f"{pid} ({name}) {' '.join(fields)}\n")


def test_a_tree_is_a_process_and_all_below_it_with_its_jvms_apart(tmp_path: Path) -> None:
    tick, page = os.sysconf("SC_CLK_TCK"), os.sysconf("SC_PAGE_SIZE")
    _process(tmp_path, 10, 1, "python", 3 * tick, pages=2**20 // page)
    _process(tmp_path, 11, 10, "java", 5 * tick, pages=2**21 // page)
    _process(tmp_path, 12, 11, "a (b) c", 7 * tick)
    _process(tmp_path, 20, 1, "java", 100 * tick, pages=2**20 // page)
    assert cpu_time(10, tmp_path) == CpuTime(python=10.0, jvm=5.0)
    assert resident_mib(10, tmp_path) == 3.0
    assert cpu_time(99, tmp_path) == CpuTime()


def test_time_used_is_the_difference_of_two_readings() -> None:
    assert CpuTime(5.0, 3.0) - CpuTime(1.0, 2.0) == CpuTime(4.0, 1.0)


def test_a_real_process_has_used_time_and_memory_also_of_a_child_that_has_ended() -> None:
    busy = "import time\nuntil = time.process_time() + 0.3\nwhile time.process_time() < until: pass\n"
    parent = f"import subprocess, sys\nsubprocess.run([sys.executable, '-c', {busy!r}])\nprint('done', flush=True)\n"
    wait = "sys.stdin.read()"
    with subprocess.Popen(
        [sys.executable, "-c", parent + wait], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout is not None
        with peak_memory(process.pid) as peak:
            process.stdout.readline()
            used = cpu_time(process.pid)
            while peak.mib == 0:
                time.sleep(0.01)
        process.communicate("")
    assert used.python >= 0.25
    assert used.jvm == 0
    assert 1 < peak.mib < 500


def test_a_system_without_proc_is_refused_with_a_way_out(tmp_path: Path) -> None:
    with pytest.raises(NoProcesses, match="run it on Linux"):
        require_processes(tmp_path)

"""The landing is listed when it changes, and each file is opened once."""

from __future__ import annotations

import os
from pathlib import Path

from pipeline.storage.landing import Landing
from pipeline.watch.sources.landing import LandingTail
from tests.support.updates import raw_update


def test_lines_come_once_and_the_files_that_wait_are_known(tmp_path: Path) -> None:
    landing = Landing(tmp_path, 42)
    tail = LandingTail(tmp_path)
    path = landing.land([raw_update(1), raw_update(2)])
    assert path is not None
    lines = tail.look()
    assert [line.file for line in lines or ()] == [path.name] * 2
    assert tail.waiting == [path.name]
    assert tail.look() is None
    landing.finish([path.name])
    assert tail.look() == []
    assert tail.waiting == []


def test_ticks_and_unfinished_files_do_not_count(tmp_path: Path) -> None:
    Landing(tmp_path, 42).tick()
    (tmp_path / ".1-1-1.jsonl.tmp").write_text("half")
    (tmp_path / "_done").mkdir()
    assert LandingTail(tmp_path).look() is None


def test_a_second_change_at_the_same_time_of_the_clock_is_noticed(tmp_path: Path) -> None:
    tail = LandingTail(tmp_path, clock=lambda: tmp_path.stat().st_mtime_ns)
    (tmp_path / "5-1-1.jsonl").write_text("a\n")
    changed = tmp_path.stat().st_mtime_ns
    tail.look()
    (tmp_path / "6-2-2.jsonl").write_text("b\n")
    os.utime(tmp_path, ns=(changed, changed))
    assert [line.text for line in tail.look() or ()] == ["b"]


def test_a_folder_that_is_not_there_has_nothing_new(tmp_path: Path) -> None:
    assert LandingTail(tmp_path / "none").look() is None


def test_of_a_backlog_only_the_latest_files_are_opened(tmp_path: Path) -> None:
    for seq in range(1, 301):
        (tmp_path / f"{seq}-{seq}-{seq}.jsonl").write_text(f"{seq}\n")
    tail = LandingTail(tmp_path)
    assert [line.text for line in tail.look() or ()] == [str(seq) for seq in range(201, 301)]
    assert len(tail.waiting) == 300

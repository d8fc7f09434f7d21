"""Durable writes."""

import os
import stat
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from pipeline.storage.durable import DurableFolder, on_volume, write_durably


def test_a_file_is_written_whole_and_replaced_whole(tmp_path: Path) -> None:
    path = tmp_path / "file.json"
    for content in (b"first", b"second"):
        write_durably(path, content)
        assert path.read_bytes() == content
    assert [entry.name for entry in tmp_path.iterdir()] == ["file.json"]


def test_the_content_is_synced_before_the_file_is_visible_and_its_name_after(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen: list[tuple[str, bool]] = []
    fsync = os.fsync

    def record_and_fsync(descriptor: int) -> None:
        kind = "folder" if stat.S_ISDIR(os.fstat(descriptor).st_mode) else "file"
        seen.append((kind, (tmp_path / "x").exists()))
        fsync(descriptor)

    monkeypatch.setattr(os, "fsync", record_and_fsync)
    write_durably(tmp_path / "x", b"1")
    assert seen == [("file", False), ("folder", True)]


def test_on_a_volume_a_file_is_written_with_one_put_under_its_own_name(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: Any) -> None:
        raise OSError("a volume renames by copying, and has no fsync")

    monkeypatch.setattr("pipeline.storage.durable.on_volume", lambda _: True)
    monkeypatch.setattr(os, "rename", fail)
    monkeypatch.setattr(os, "fsync", fail)
    monkeypatch.setattr(os, "utime", fail)
    for content in (b"first", b"second"):
        write_durably(tmp_path / "x", content, modified_at=1.0)
        assert (tmp_path / "x").read_bytes() == content
    assert [path.name for path in tmp_path.iterdir()] == ["x"]


@pytest.mark.parametrize(
    ("path", "expected"),
    [("/Volumes/c/s/v/x", True), ("/volumes/x", False), ("/data/Volumes/x", False), ("Volumes/x", False), ("/", False)],
)
def test_a_volume_is_recognised_by_its_path(path: str, expected: bool) -> None:
    assert on_volume(Path(path)) is expected


def test_a_folder_that_stays_open_is_closed_with_its_last_user(tmp_path: Path) -> None:
    opened = Path("/proc/self/fd")
    before = len(list(opened.iterdir()))
    folder = DurableFolder(tmp_path)
    for name in ("first", "second"):
        folder.write(name, b"1" * 100_000)
    assert len(list(opened.iterdir())) == before + 1
    del folder
    assert len(list(opened.iterdir())) == before
    assert sorted((path.name, path.stat().st_size) for path in tmp_path.iterdir()) == [
        ("first", 100_000),
        ("second", 100_000),
    ]


def test_a_write_that_fails_leaves_the_former_file_and_nothing_open(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    opened = Path("/proc/self/fd")
    write_durably(tmp_path / "x", b"before")
    before = len(list(opened.iterdir()))

    def full(*_: Any) -> int:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "write", full)
    with pytest.raises(OSError, match="No space left"):
        write_durably(tmp_path / "x", b"after")
    assert (tmp_path / "x").read_bytes() == b"before"
    assert len(list(opened.iterdir())) == before


def test_a_thread_that_is_late_can_still_write_while_its_process_exits(tmp_path: Path) -> None:
    program = """
import atexit, pathlib, sys
from pipeline.storage.durable import DurableFolder
atexit.register(lambda: folder.write("late", b"1"))
folder = DurableFolder(pathlib.Path(sys.argv[1]))
"""
    subprocess.run([sys.executable, "-c", program, str(tmp_path)], check=True, capture_output=True, timeout=60)
    assert (tmp_path / "late").read_bytes() == b"1"

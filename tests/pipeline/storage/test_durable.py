"""Durable writes."""

import os
import stat
from pathlib import Path
from typing import Any

import pytest

from pipeline.storage.durable import on_volume, write_durably


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
    monkeypatch.setattr(Path, "rename", fail)
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

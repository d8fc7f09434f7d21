"""The storage's folders, its owner, and durable writes."""

import os
import stat
from pathlib import Path
from typing import Any

import pytest

from pipeline.storage.durable import on_volume, write_durably
from pipeline.storage.places import Storage, StorageError
from pipeline.tables import BRONZE, QUARANTINE, SILVER


@pytest.fixture
def storage(tmp_path: Path) -> Storage:
    root = tmp_path / "lake"
    return Storage(root, root / "landing", root / "journal", tmp_path / "elsewhere", "a/bronze", "c.s.silver", "a/q")


def test_preparing_makes_the_folders_and_leaves_nothing_else(storage: Storage) -> None:
    storage.prepare()
    storage.prepare()
    assert sorted(path.name for path in storage.root.iterdir()) == ["journal", "landing"]
    assert storage.checkpoints.is_dir()


def test_each_table_has_its_place(storage: Storage) -> None:
    assert [storage.table(table) for table in (BRONZE, SILVER, QUARANTINE)] == ["a/bronze", "c.s.silver", "a/q"]


def test_a_storage_that_is_no_folder_is_said_in_one_line(storage: Storage) -> None:
    storage.root.write_text("a file")
    with pytest.raises(StorageError, match=r"^PIPELINE_STORAGE .*lake is not writable \(.+\): give ") as caught:
        storage.prepare()
    assert "\n" not in str(caught.value)


def test_a_storage_that_refuses_writing_is_said_in_one_line(storage: Storage, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: Any, **__: Any) -> None:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr("pipeline.storage.places.write_durably", refuse)
    with pytest.raises(StorageError, match=r"is not writable \(Permission denied\)"):
        storage.prepare()


def test_a_storage_belongs_to_the_bot_that_claimed_it(storage: Storage) -> None:
    storage.prepare()
    assert storage.bot_id is None
    storage.claim(42)
    storage.claim(42)
    assert storage.bot_id == 42
    with pytest.raises(StorageError, match="belongs to bot 42, the token is bot 43's"):
        storage.claim(43)
    assert storage.bot_id == 42


@pytest.mark.parametrize("content", ["", "{", "[]", "{}", "7"])
def test_an_owner_that_cannot_be_read_is_not_overwritten(storage: Storage, content: str) -> None:
    storage.prepare()
    owner = storage.root / "bot.json"
    owner.write_text(content)
    with pytest.raises(StorageError, match=r"bot\.json can't be read"):
        storage.claim(42)
    assert owner.read_text() == content
    assert storage.bot_id is None


def test_a_file_is_written_whole_and_replaced_whole(tmp_path: Path) -> None:
    path = tmp_path / "file.json"
    for content in (b"first", b"second"):
        write_durably(path, content)
        assert path.read_bytes() == content
    assert [entry.name for entry in tmp_path.iterdir()] == ["file.json"]


def test_content_is_forced_to_disk_before_it_is_visible_and_its_name_after(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen: list[tuple[str, bool]] = []
    fsync = os.fsync

    def noting(descriptor: int) -> None:
        kind = "folder" if stat.S_ISDIR(os.fstat(descriptor).st_mode) else "file"
        seen.append((kind, (tmp_path / "x").exists()))
        fsync(descriptor)

    monkeypatch.setattr(os, "fsync", noting)
    write_durably(tmp_path / "x", b"1")
    assert seen == [("file", False), ("folder", True)]


def test_on_a_volume_a_file_is_one_put_under_its_own_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def not_there(*_: Any) -> None:
        raise OSError("a volume renames by copying, and has no fsync")

    monkeypatch.setattr("pipeline.storage.durable.on_volume", lambda _: True)
    monkeypatch.setattr(Path, "rename", not_there)
    monkeypatch.setattr(os, "fsync", not_there)
    monkeypatch.setattr(os, "utime", not_there)
    for content in (b"first", b"second"):
        write_durably(tmp_path / "x", content, modified_at=1.0)
        assert (tmp_path / "x").read_bytes() == content
    assert [path.name for path in tmp_path.iterdir()] == ["x"]


@pytest.mark.parametrize(
    ("path", "expected"),
    [("/Volumes/c/s/v/x", True), ("/volumes/x", False), ("/data/Volumes/x", False), ("Volumes/x", False), ("/", False)],
)
def test_a_volume_is_known_by_its_path(path: str, expected: bool) -> None:
    assert on_volume(Path(path)) is expected

"""The storage's folders and its owner."""

from pathlib import Path
from typing import Any

import pytest

from pipeline.storage.places import Storage, StorageError
from pipeline.tables import TABLES


@pytest.fixture
def storage(tmp_path: Path) -> Storage:
    root = tmp_path / "lake"
    return Storage(
        root, root / "landing", root / "journal", tmp_path / "elsewhere", "a/bronze", "c.s.silver", "a/q", "a/f"
    )


def test_preparing_creates_the_folders_and_leaves_nothing_else(storage: Storage) -> None:
    storage.prepare()
    storage.prepare()
    assert sorted(path.name for path in storage.root.iterdir()) == ["journal", "landing"]
    assert storage.checkpoints.is_dir()


def test_each_table_has_its_place(storage: Storage) -> None:
    assert [storage.table(table) for table in TABLES] == ["a/bronze", "c.s.silver", "a/q", "a/f"]


def test_a_storage_that_is_not_a_folder_is_reported_in_one_line(storage: Storage) -> None:
    storage.root.write_text("a file")
    with pytest.raises(StorageError, match=r"^PIPELINE_STORAGE .*lake is not writable \(.+\): give ") as caught:
        storage.prepare()
    assert "\n" not in str(caught.value)


def test_a_storage_that_refuses_writing_is_reported_in_one_line(
    storage: Storage, monkeypatch: pytest.MonkeyPatch
) -> None:
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
def test_an_owner_file_that_cannot_be_read_is_not_overwritten(storage: Storage, content: str) -> None:
    storage.prepare()
    owner = storage.root / "bot.json"
    owner.write_text(content)
    with pytest.raises(StorageError, match=r"bot\.json can't be read"):
        storage.claim(42)
    assert owner.read_text() == content
    assert storage.bot_id is None

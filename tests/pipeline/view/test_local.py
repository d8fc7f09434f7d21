"""The data of a local run."""

from __future__ import annotations

import dataclasses
import sys
from pathlib import Path

import pytest

from pipeline.settings import RunSettings
from pipeline.storage.places import Storage
from pipeline.tables import QUARANTINE, SILVER
from pipeline.view.data import NotReadableHere, ViewError
from pipeline.view.local import LocalView


@pytest.fixture(name="storage")
def _storage(tmp_path: Path) -> Storage:
    storage = RunSettings(storage=tmp_path / "lake").places
    storage.prepare()
    return storage


def test_a_table_of_a_catalog_is_not_readable_and_the_folders_are(storage: Storage) -> None:
    view = LocalView(dataclasses.replace(storage, silver="main.bot.silver"))
    view.land("1-1-1.jsonl", b"{}")
    assert view.listed_files() == ["1-1-1.jsonl"]
    assert view.row_count(QUARANTINE) == 0
    for ask in (view.require_tables, lambda: view.row_count(SILVER)):
        with pytest.raises(NotReadableHere, match=r"^PIPELINE_SILVER is a table of a catalog: give --stack"):
            ask()


def test_without_the_engine_for_local_tables_the_extra_to_install_is_named(
    storage: Storage, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "deltalake", None)
    with pytest.raises(NotReadableHere, match=r'deltalake is missing: install "telegram-lakehouse\[local\]"$'):
        LocalView(storage).row_count(SILVER)


def test_a_file_that_was_taken_back_or_never_landed_is_gone(storage: Storage) -> None:
    view = LocalView(storage)
    view.land("1-1-1.jsonl", b"{}")
    for _ in range(2):
        view.take_back("1-1-1.jsonl")
    assert view.listed_files() == []


def test_a_file_of_the_storage_that_can_not_be_read_is_named(storage: Storage) -> None:
    view = LocalView(storage)
    assert view.record() is None
    (storage.root / "record.json").mkdir()
    with pytest.raises(ViewError, match=r"record.json can't be read \(Is a directory\): run as the storage's owner$"):
        view.record()


def test_a_storage_of_no_bot_says_how_to_get_one(storage: Storage) -> None:
    with pytest.raises(ViewError, match="the storage belongs to no bot yet: let the pipeline run once"):
        LocalView(storage).bot_id()

"""A storage is read while it is written, each source by itself, and cheaply."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import pytest

from pipeline.replies.reply import PartState
from pipeline.settings import StorageSettings
from pipeline.watch.hub import Hub
from pipeline.watch.reader import Reader
from pipeline.watch.sources.tables import TableTail
from tests.support.replies import answered, part
from tests.support.watched import WatchedStorage, full


class Shown:
    """What the page shows after each look. Time passes from look to look."""

    def __init__(self, storage: WatchedStorage) -> None:
        self.hub = Hub()
        self.reader = Reader(storage.places, self.hub)
        self._now = 1000.0

    def look(self) -> dict[str, Any]:
        self._now += 11.0
        self.reader.look(self._now)
        return {event.type: json.loads(event.data) for event in self.hub.listen(lambda _: None)[0]}

    def statuses(self) -> dict[str, str]:
        return {line["text"][:20]: line["status"] for line in self.look()["messages"]["changed"]}


@pytest.fixture
def storage(tmp_path: Path) -> WatchedStorage:
    return WatchedStorage(tmp_path / "lake")


def test_a_storage_that_does_not_exist_yet_shows_nothing_and_no_failure(tmp_path: Path) -> None:
    hub = Hub()
    reader = Reader(StorageSettings(storage=tmp_path / "none").places, hub)
    reader.look(1.0)
    shown = {event.type: json.loads(event.data) for event in hub.listen(lambda _: None)[0]}
    assert shown["run"]["state"] == "none"
    assert shown["run"]["failures"] == []
    assert shown["messages"]["changed"] == []


def test_a_message_is_followed_from_the_landing_to_silver(storage: WatchedStorage) -> None:
    shown = Shown(storage)
    storage.serves()
    seq = storage.accepts("Who waits?")
    assert shown.statuses() == {"Who waits?": "accepted"}
    storage.journal.record(answered(part("x", PartState.SENDING), seq=seq, text="Who waits?"))
    assert shown.statuses() == {"Who waits?": "sending"}
    storage.stores("Who waits?", seq=seq)
    assert shown.statuses() == {"Who waits?": "sent"}
    details = shown.hub.details(str(seq))
    assert details is not None
    assert details["rows"]["silver"][0]["llm_response"] == "hello"


def test_all_of_a_storage_is_shown(tmp_path: Path) -> None:
    shown = Shown(full(tmp_path / "lake")).look()
    assert shown["run"]["bot"] == "our_bot"
    assert shown["warnings"][0]["text"] == "the model fails, reason: 503: busy"
    assert [reply["text"] for reply in shown["replies"]["replies"]] == ["Who waits?"]
    assert {line["status"] for line in shown["messages"]["changed"]} == {
        "sent", "unknown", "edit", "quarantined", "accepted", "landed",
    }  # fmt: skip
    stages = {stage["name"]: stage["count"] for stage in shown["stages"]}
    assert (stages["bronze"], stages["silver"], stages["quarantine"], stages["feedback"]) == (6, 5, 1, 1)
    assert stages["journal"] == 1
    votes = [line["vote"] for line in shown["messages"]["changed"] if line["vote"]]
    assert votes == ["up"]


def test_a_source_that_fails_is_named_and_hides_no_other(
    storage: WatchedStorage, monkeypatch: pytest.MonkeyPatch
) -> None:
    shown = Shown(storage)
    storage.stores("In the tables")
    broken = storage.places.journal / f"{1:015d}.json"
    broken.write_text("damaged")
    page = shown.look()
    assert [failure["source"] for failure in page["run"]["failures"]] == ["journal"]
    assert [line["text"] for line in page["messages"]["changed"]] == ["In the tables"]
    broken.unlink()
    assert shown.look()["run"]["failures"] == []


def test_what_was_counted_is_added_to_and_not_read_again(
    storage: WatchedStorage, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole: list[str] = []
    read = TableTail._whole

    def counted(tail: TableTail) -> Any:
        whole.append(tail.name)
        return read(tail)

    monkeypatch.setattr(TableTail, "_whole", counted)
    shown = Shown(storage)
    storage.stores("one")
    shown.look()
    for text in ("two", "three"):
        storage.stores(text)
        page = shown.look()
    silver = next(stage for stage in page["stages"] if stage["name"] == "silver")
    assert silver["count"] == 3
    assert silver["values"] == [{"name": "sent", "count": 3}]
    assert silver["rate"] == 2
    assert sorted(whole) == ["bronze", "silver"]


def test_a_storage_that_is_emptied_under_the_page_is_read_anew(storage: WatchedStorage) -> None:
    shown = Shown(storage)
    storage.stores("before")
    shown.look()
    shutil.rmtree(storage.places.silver)
    shutil.rmtree(storage.places.bronze)
    shown.look()
    storage.stores("after")
    assert shown.statuses()["after"] == "sent"


def test_nothing_in_the_storage_is_changed(tmp_path: Path) -> None:
    storage = full(tmp_path / "lake")
    before = {path: path.stat().st_mtime_ns for path in sorted((tmp_path / "lake").rglob("*"))}
    shown = Shown(storage)
    shown.look()
    shown.look()
    assert {path: path.stat().st_mtime_ns for path in sorted((tmp_path / "lake").rglob("*"))} == before

"""The statements of a view mean the same to Spark, whose SQL a warehouse speaks, as to the engine of a local run."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from pyspark.sql import SparkSession

from pipeline.settings import RunSettings
from pipeline.storage.places import Storage
from pipeline.tables import BRONZE, QUARANTINE, SILVER
from pipeline.view.data import ViewError
from pipeline.view.local import LocalView, with_values
from pipeline.view.query import Query
from pipeline.view.rows import MessageKey, Selection
from tests.support.delta_rows import append

NOON = datetime(2026, 1, 2, 12, tzinfo=UTC)
HOUR = timedelta(hours=1)


class SparkView(LocalView):
    """A local storage whose tables Spark is asked for, as a warehouse would be."""

    def __init__(self, storage: Storage, spark: SparkSession) -> None:
        super().__init__(storage)
        self.spark = spark
        self.names = {name: f"delta.`{getattr(storage, name)}`" for name in (BRONZE.name, SILVER.name, QUARANTINE.name)}

    def ask(self, query: Query) -> list[dict[str, Any]]:
        # Values are written into the text: with Delta's extension this Spark binds no parameters.
        frame = self.spark.sql(with_values(query, query.sql(self.names)))
        return [row.asDict() for row in frame.collect()]


def _bronze(number: int, **more: Any) -> dict[str, Any]:
    raw = json.dumps({"update_id": number, "message": {"text": f"it's {number}: :most"}})
    return {
        "bot_id": 42, "update_id": number, "chat_id": -7, "message_id": number, "seq": number,
        "received_at": NOON + number * HOUR, "disposition": "answer", "source_file": f"{number}.jsonl", "raw": raw,
        **more,
    }  # fmt: skip


def _silver(number: int, delivery: str, later: int = 0, **more: Any) -> dict[str, Any]:
    at = NOON + number * HOUR
    return {
        "bot_id": 42, "update_id": number, "channel_id": -7, "message_id": number, "seq": number + 100 * later,
        "user_message": "?", "llm_response": "!", "answer_status": "answered", "delivery_status": delivery,
        "received_at": at + later * HOUR, "answered_at": at, "processed_at": at + later * HOUR, "batch_id": later,
        **more,
    }  # fmt: skip


@pytest.fixture(name="storage")
def _storage(tmp_path: Path) -> Storage:
    storage = RunSettings(storage=tmp_path / "lake").places
    storage.prepare()
    append(BRONZE, Path(storage.bronze), *(_bronze(n) for n in range(1, 5)), _bronze(2, origin="replay:a"),
           _bronze(2, origin="replay:b", disposition="chat_not_allowed"), _bronze(5, disposition="edit"))  # fmt: skip
    append(
        SILVER,
        Path(storage.silver),
        _silver(1, "unknown"),
        _silver(1, "sent", later=9, origin="replay:x"),
        _silver(2, "sent"),
        _silver(3, "unknown", answer_status="fallback", origin="probe:p"),
        _silver(3, "dead", answer_status="fallback", error="it's odd"),
    )
    append(QUARANTINE, Path(storage.quarantine), {"source_file": "9.jsonl", "raw": "x"})
    return storage


def _answers(view: LocalView) -> list[Any]:
    """The answer to every statement."""
    choices = [
        Selection(messages=((-7, 1), (-7, 3), (-7, 99))),
        Selection(delivery=("unknown", "dead"), answer=("fallback",)),
        Selection(since=NOON + 2 * HOUR, until=NOON + 3 * HOUR),
    ]
    return [
        *(view.latest_rows(choice, 10) for choice in choices),
        view.latest_rows(choices[0], 1),
        view.updates([MessageKey(42, n, -7, n) for n in (1, 2, 8)]),
        view.accepted(["replay:a", "replay:b"]),
        view.reply_to("probe:p"),
        view.reply_to("it's none"),
        view.oldest_unanswered(NOON),
        view.oldest_unanswered(NOON + 9 * HOUR),
        view.unread_files(),
        view.counts(SILVER, "delivery_status"),
        view.row_count(QUARANTINE),
        view.unknown_replies(10),
    ]


def test_each_statement_gives_the_right_answer(storage: Storage) -> None:
    for name in ("3.jsonl", "9.jsonl", "7-injected-x.jsonl", "6-1-1.jsonl", "8-tick.jsonl", "_smoke-1"):
        (storage.landing / name).touch()
    named, poor, timed, one, updates, known, probe, none, oldest, nothing, unread, counts, bad, unsure = _answers(
        LocalView(storage)
    )
    assert [(row.message_id, row.delivery_status, row.versions) for row in named] == [(1, "sent", 2), (3, "dead", 1)]
    assert named[0].first_received_at == NOON + HOUR
    assert [row.message_id for row in poor] == [3]
    assert [row.message_id for row in timed] == [2]
    assert [row.message_id for row in one] == [1]
    assert {key.message_id: update["message"]["text"] for key, update in updates.items()} == {
        1: "it's 1: :most",
        2: "it's 2: :most",
    }
    assert known == {"replay:a"}
    assert probe.delivery_status == "unknown"
    assert none is None
    # A replay has a row of its own to wait for.
    assert (oldest, nothing) == (NOON + 2 * HOUR, None)
    assert unread == ["6-1-1.jsonl", "7-injected-x.jsonl"]
    # A replay was sent, and a probe does not count.
    assert (counts, bad, unsure) == ({"unknown": 2, "sent": 2, "dead": 1}, 1, (0, []))


@pytest.mark.spark
def test_spark_answers_every_statement_the_same(storage: Storage, spark: SparkSession) -> None:
    (storage.landing / "3.jsonl").touch()
    (storage.landing / "6.jsonl").touch()
    assert _answers(SparkView(storage, spark)) == _answers(LocalView(storage))


def test_missing_tables_are_empty_and_tables_of_another_version_are_reported(tmp_path: Path) -> None:
    storage = RunSettings(storage=tmp_path / "lake").places
    storage.prepare()
    view = LocalView(storage)
    assert view.oldest_unanswered(NOON) is None
    append(type(SILVER)("silver", "", SILVER.columns[:2]), Path(storage.silver))
    with pytest.raises(ViewError, match=r"the tables can't be queried \(.*: let the current version run on them once$"):
        view.reply_to("probe:p")

"""The data of a deployment, read through the real SDK from a workspace on loopback."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from pipeline.platform.databricks import WaitLimits, sign_in
from pipeline.tables import QUARANTINE, SILVER
from pipeline.view.data import DataView, ViewError
from pipeline.view.rows import Selection
from pipeline.view.warehouse import WarehouseView
from tests.support.deployed import Deployed, deployed

NOON = datetime(2026, 1, 2, 12, tzinfo=UTC)


@pytest.fixture(name="deployment")
def _deployment(tmp_path: Path) -> Iterator[Deployed]:
    with deployed(tmp_path) as deployment:
        yield deployment


@pytest.fixture(name="view")
def _view(deployment: Deployed, monkeypatch: pytest.MonkeyPatch) -> DataView:
    monkeypatch.setenv("DATABRICKS_TOKEN", deployment.environment()["DATABRICKS_TOKEN"])
    outputs = deployment.outputs
    return WarehouseView(
        sign_in(outputs.host, waits=WaitLimits(request=10, retries=5)),
        warehouse_id=outputs.warehouse_id,
        tables={"bronze": outputs.bronze, "silver": outputs.silver, "quarantine": outputs.quarantine},
        landing=outputs.landing,
        storage=outputs.storage,
    )


def silver(deployment: Deployed, number: int, delivery: str, origin: str | None = None) -> None:
    at = NOON + timedelta(minutes=number)
    deployment.add("silver", {
        "bot_id": 42, "update_id": number, "message_id": number, "seq": number, "channel_id": 7, "received_at": at,
        "answer_status": "answered", "delivery_status": delivery, "answered_at": at, "processed_at": at, "batch_id": 1,
        "origin": origin,
    })  # fmt: skip


def test_numbers_and_times_come_back_as_such_though_the_api_gives_text(deployment: Deployed, view: DataView) -> None:
    for number in range(5):
        silver(deployment, number, "unknown")
    silver(deployment, 1, "sent", "replay:x")
    silver(deployment, 9, "unknown", "probe:y")
    assert view.counts(SILVER, "delivery_status") == {"unknown": 6, "sent": 1}
    assert view.row_count(QUARANTINE) == 0
    total, latest = view.unknown_replies(2)
    assert total == 4
    assert [(reply.message_id, reply.received_at) for reply in latest] == [
        (4, NOON + timedelta(minutes=4)),
        (3, NOON + timedelta(minutes=3)),
    ]
    assert [row.message_id for row in view.latest_rows(Selection(since=NOON + timedelta(minutes=3)), 10)] == [3, 4]


def test_a_file_is_landed_once_and_taken_back_once_however_often_it_is_asked_for(
    deployment: Deployed, view: DataView
) -> None:
    deployment.takes = "nothing"
    for _ in range(2):
        view.land("1-injected-a.jsonl", b"{}\n")
    assert (view.listed_files(), view.unread_files()) == (["1-injected-a.jsonl"], ["1-injected-a.jsonl"])
    for _ in range(2):
        view.take_back("1-injected-a.jsonl")
    assert view.listed_files() == []


def test_a_query_that_fails_is_one_line(deployment: Deployed, view: DataView) -> None:
    deployment.workspace.statements.fails_with = "[DENIED] no SELECT\non lake.bot.silver"
    with pytest.raises(ViewError, match=r"^a query failed \(\[DENIED\] no SELECT\): check the tables and the caller's"):
        view.row_count(SILVER)


def test_the_storage_says_whose_it_is_and_what_its_run_does(deployment: Deployed, view: DataView) -> None:
    assert view.bot_id() == 42
    record = view.record()
    assert record is not None
    assert record.state == "serving"
    deployment.workspace.files.files.clear()
    assert view.record() is None
    with pytest.raises(ViewError, match="the storage belongs to no bot yet"):
        view.bot_id()

"""The demo's tables in one line."""

from __future__ import annotations

from pathlib import Path

from pipeline.demo.summary import summary
from pipeline.settings import RunSettings
from pipeline.tables import BRONZE, SILVER
from tests.support.delta_rows import append


def test_it_says_what_each_stage_holds(tmp_path: Path) -> None:
    places = RunSettings(storage=tmp_path / "lake").places
    places.prepare()
    append(BRONZE, Path(places.bronze), *({"disposition": what, "source_file": "1"} for what in ("answer", "edit")))
    append(SILVER, Path(places.silver), {"delivery_status": "sent", "answer_status": "answered"})
    assert summary(places.root) == "2 in bronze, 1 in silver, 0 in the journal, lag 0 s"


def test_a_storage_that_cannot_be_read_is_no_error(tmp_path: Path) -> None:
    assert summary(tmp_path / "gone") == "the tables can't be read now (ViewError)"

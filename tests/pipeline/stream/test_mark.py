"""The storage's mark."""

import json
from pathlib import Path

import pytest

from pipeline.stream import checkpoint as mark
from pipeline.stream.checkpoint import Mark, MarkFile


def test_a_mark_keeps_what_each_of_its_writers_noted(tmp_path: Path) -> None:
    file = MarkFile(tmp_path / "query.json")
    assert file.read() is None
    file.note_synced({"bronze": 3})
    file.note_query("query-1", tmp_path / "landing")
    file.note_synced({"bronze": 4, "silver": 2})
    expected = Mark(query_id="query-1", landing=(tmp_path / "landing").as_posix(), synced={"bronze": 4, "silver": 2})
    assert file.read() == MarkFile(tmp_path / "query.json").read() == expected


def test_a_mark_is_not_written_again_without_a_change(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = MarkFile(tmp_path / "query.json")
    file.note_synced({"bronze": 3})
    monkeypatch.setattr(mark, "write_durably", lambda *_: pytest.fail("it was written"))
    file.note_synced({"bronze": 3})


@pytest.mark.parametrize("content", [b"", b"[]", b'{"query_id": 3}'])
def test_a_mark_that_cannot_be_read_names_no_query(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "query.json").write_bytes(content)
    assert MarkFile(tmp_path / "query.json").read() == Mark()


def test_a_mark_of_the_release_before_is_read(tmp_path: Path) -> None:
    content = {"query_id": "q", "landing": "/lake/landing", "batch_id": 4, "synced": {"bronze": 3}}
    (tmp_path / "query.json").write_text(json.dumps(content))
    assert MarkFile(tmp_path / "query.json").read() == Mark(query_id="q", landing="/lake/landing", synced={"bronze": 3})

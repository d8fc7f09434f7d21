"""The run's record."""

import os
from pathlib import Path

import pytest

from pipeline.storage.record import Record, Recorder, read_record


def saved(recorder: Recorder, root: Path) -> Record:
    recorder.save()
    record = read_record(root)
    assert record is not None
    return record


@pytest.fixture
def recorder(tmp_path: Path) -> Recorder:
    return Recorder(tmp_path)


def test_a_new_run_says_who_it_is(recorder: Recorder, tmp_path: Path) -> None:
    record = saved(recorder, tmp_path)
    assert (record.state, record.pid, record.landed, record.problems) == ("starting", os.getpid(), 0, {})
    assert record.started_at is not None
    assert record.said_at is not None
    assert record.said_at >= record.started_at


def test_what_is_set_and_landed_is_in_the_record(recorder: Recorder, tmp_path: Path) -> None:
    recorder.set(state="serving", bot_id=42, batch_id=7)
    recorder.landed(3)
    recorder.landed(2)
    record = saved(recorder, tmp_path)
    assert (record.state, record.bot_id, record.batch_id, record.landed) == ("serving", 42, 7, 5)
    assert record.landed_at is not None


def test_a_problem_is_there_since_it_began_until_it_ends(recorder: Recorder, tmp_path: Path) -> None:
    recorder.report("model", "down")
    since = saved(recorder, tmp_path).problems["model"].since
    recorder.report("model", "still down")
    recorder.report("telegram", "refused")
    record = saved(recorder, tmp_path)
    assert {service: problem.reason for service, problem in record.problems.items()} == {
        "model": "down",
        "telegram": "refused",
    }
    assert record.problems["model"].since == since
    recorder.report("model", None)
    recorder.report("model", None)
    record = saved(recorder, tmp_path)
    assert list(record.problems) == ["telegram"]
    assert record.last_error is not None
    assert record.last_error.reason == "telegram: refused"
    assert record.conflict_at is None


def test_another_poller_is_noted_and_remembered_by_the_next_run(recorder: Recorder, tmp_path: Path) -> None:
    recorder.report("intake", "409 Conflict: terminated by other getUpdates request")
    before = saved(recorder, tmp_path)
    assert before.conflict_at is not None
    after = saved(Recorder(tmp_path), tmp_path)
    assert (after.conflict_at, after.last_error, after.problems) == (before.conflict_at, before.last_error, {})


def test_it_is_written_only_if_something_changed_or_if_asked_to(recorder: Recorder, tmp_path: Path) -> None:
    first = saved(recorder, tmp_path)
    assert saved(recorder, tmp_path) == first
    recorder.save(always=True)
    again = read_record(tmp_path)
    assert again is not None
    assert again.said_at != first.said_at


def test_a_change_that_could_not_be_written_is_written_later(
    recorder: Recorder, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    saved(recorder, tmp_path)
    recorder.set(state="serving")
    with monkeypatch.context() as patched:
        patched.setattr("pipeline.storage.record.write_durably", lambda *_: (_ for _ in ()).throw(OSError(28, "full")))
        with pytest.raises(OSError, match="full"):
            recorder.save()
    assert saved(recorder, tmp_path).state == "serving"


@pytest.mark.parametrize("content", [None, "", "{", "[]", '{"pid": "x"}'])
def test_a_record_that_is_missing_or_damaged_is_none(tmp_path: Path, content: str | None) -> None:
    if content is not None:
        (tmp_path / "record.json").write_text(content)
    assert read_record(tmp_path) is None
    assert saved(Recorder(tmp_path), tmp_path).last_error is None

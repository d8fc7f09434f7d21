"""The reply journal on disk."""

import errno
import functools
import json
import os
import stat
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from pydantic import BaseModel

from pipeline.errors import OperatorError
from pipeline.messages.answer import AnswerStatus
from pipeline.messages.origin import Probe, Replay, StoredAnswer
from pipeline.replies import journal as journal_module
from pipeline.replies.journal import Journal, read_journal
from pipeline.replies.reply import PartState, Reply
from pipeline.storage.durable import DurableFolder
from pipeline.storage.places import StorageError
from pipeline.storage.segments import sealed, segment_name
from tests.support.replies import NOON, accepted, answer, answered, part
from tests.support.replies import question as new_question
from tests.support.waiting import eventually

DONE = part("hello", PartState.SENT, 1)


_WRITE = DurableFolder.write


def test_a_recorded_state_is_there_after_a_restart(tmp_path: Path) -> None:
    one, other = accepted(seq=1), accepted(seq=2)
    journal = Journal(tmp_path / "journal")
    journal.record(one, other)
    later = one.with_answer(answer(), answered().parts)
    journal.record(later)
    for found in (journal, Journal(tmp_path / "journal"), read_journal(tmp_path / "journal")):
        replies = found.replies() if isinstance(found, Journal) else found.replies
        assert replies == {one.key: later, other.key: other}
    assert journal.get(one.key) == later
    assert journal.get("none") is None


def test_the_state_is_on_disk_before_record_returns(tmp_path: Path) -> None:
    journal = Journal(tmp_path)
    for seq in range(1, 4):
        journal.record(accepted(seq=seq))
        assert len(read_journal(tmp_path).replies) == seq


def test_finished_replies_are_the_terminal_ones_in_order_of_arrival(tmp_path: Path) -> None:
    journal = Journal(tmp_path)
    late, early = answered(DONE, seq=2), answered(DONE, seq=1)
    journal.record(late, early, accepted(seq=3))
    assert (journal.finished(), journal.finished_count) == ([early, late], 2)
    assert Journal(tmp_path).finished() == [early, late]


def test_what_is_finished_is_kept_until_it_is_forgotten(tmp_path: Path) -> None:
    journal = Journal(tmp_path)
    one, other = answered(DONE, seq=1), answered(DONE, seq=2)
    journal.record(one, other)
    journal.forget([one.key])
    for found in (journal, Journal(tmp_path)):
        assert (found.replies(), found.finished()) == ({other.key: other}, [other])


def test_forgetting_nothing_writes_nothing(tmp_path: Path) -> None:
    journal = Journal(tmp_path)
    journal.forget([])
    assert list(tmp_path.iterdir()) == []


def many_segments(folder: Path) -> Journal:
    journal = Journal(folder)
    for seq in range(600):
        journal.record(accepted(seq=seq % 7))
    journal.forget(["no such reply"])
    return journal


def test_many_segments_become_one_with_the_same_content(tmp_path: Path) -> None:
    journal = many_segments(tmp_path)
    before = read_journal(tmp_path)
    journal.compact()
    assert len(list(tmp_path.glob("*.json"))) == 1
    assert read_journal(tmp_path) == before
    journal.record(accepted(seq=99))
    assert len(Journal(tmp_path).replies()) == len(before.replies) + 1


def test_a_crash_between_compacting_and_removing_the_old_segments_changes_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    journal = many_segments(tmp_path)
    journal.forget(["42:0:7:100"])
    before = read_journal(tmp_path)
    monkeypatch.setattr(Path, "unlink", lambda *_, **__: None)
    journal.compact()
    assert len(list(tmp_path.glob("*.json"))) > 600
    assert read_journal(tmp_path) == before
    assert "42:0:7:100" not in Journal(tmp_path).replies()


@pytest.mark.parametrize("step", [0, 1, 2, 3, 4, 300, 604, 605])
def test_a_crash_at_any_step_of_compacting_changes_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, step: int
) -> None:
    journal = many_segments(tmp_path)
    before = read_journal(tmp_path)
    steps = iter(range(10_000))

    def crashing(do: Callable[..., Any]) -> Callable[..., Any]:
        def step_of(*arguments: Any, **keywords: Any) -> Any:
            if next(steps) >= step:
                raise KeyboardInterrupt
            return do(*arguments, **keywords)

        return step_of

    with monkeypatch.context() as patched:
        # The steps: the unfinished file, its rename, and the removal of each old segment.
        for module, name in ((os, "open"), (os, "fsync"), (os, "rename"), (os, "unlink")):
            patched.setattr(module, name, crashing(getattr(module, name)))
        if step < 605:
            with pytest.raises(KeyboardInterrupt):
                journal.compact()
        else:
            journal.compact()
    assert read_journal(tmp_path) == before
    assert read_by_old_release(tmp_path) == before.replies
    again = Journal(tmp_path)
    assert again.replies() == before.replies
    again.record(accepted(seq=99))
    assert len(read_journal(tmp_path).replies) == len(before.replies) + 1


def test_few_segments_are_left_alone(tmp_path: Path) -> None:
    journal = Journal(tmp_path)
    journal.record(accepted())
    journal.compact()
    assert [path.name for path in tmp_path.iterdir()] == ["000000000000001.json"]


def test_an_unfinished_file_of_a_crash_does_not_count(tmp_path: Path) -> None:
    Journal(tmp_path).record(accepted())
    (tmp_path / ".000000000000002.json.tmp").write_text('{"replies": [')
    assert list(Journal(tmp_path).replies()) == ["42:1:7:101"]


def test_a_segment_from_before_replies_had_an_origin_is_read(tmp_path: Path) -> None:
    question = (
        '{"bot_id":42,"update_id":1,"chat_id":7,"message_id":101,"seq":1,"chat_type":"private","chat_title":null,'
        '"topic_id":null,"author_signature":null,"text":"hi","command":null,"received_at":"2026-01-02T12:00:00Z"}'
    )
    reply = '{"question":' + question + ',"chat_id":7,"answer":null,"parts":[],"delivered_at":null}'
    record = '{"snapshot":false,"replies":[' + reply + '],"settlements":[],"forgotten":[],"released":[]}'
    (tmp_path / "000000000000001.json").write_text(record)
    assert Journal(tmp_path).get("42:1:7:101") == Reply.accepted(new_question())


def test_a_segment_from_before_questions_had_an_author_is_read_and_the_author_of_a_later_one_is_kept(
    tmp_path: Path,
) -> None:
    earlier, later = accepted(seq=1), accepted(seq=2, author_id=99)
    without = earlier.model_dump(mode="json")
    del without["question"]["author_id"]
    record = json.dumps({"replies": [without]}).encode()
    (tmp_path / segment_name(1)).write_bytes(sealed(1, [record]))
    Journal(tmp_path).record(later)
    found = Journal(tmp_path).replies()
    assert {key: reply.question.author_id for key, reply in found.items()} == {earlier.key: None, later.key: 99}
    assert found[earlier.key] == earlier


def test_what_an_earlier_release_was_about_to_write_to_silver_is_finished_and_may_be_there(tmp_path: Path) -> None:
    named = {"query_id": "q", "batch_id": 3, "keys": [answered(DONE, seq=1).key]}
    written_by_old_release(
        tmp_path,
        1,
        _OldRecord(replies=[answered(DONE, seq=1), answered(DONE, seq=2)]),
        _OldRecord(settlements=[named]),
        _OldRecord(forgotten=[answered(DONE, seq=2).key], released=[("q", 2)]),
    )
    assert Journal(tmp_path).finished() == [answered(DONE, seq=1)]


def test_an_injected_message_is_read_as_it_was_written(tmp_path: Path) -> None:
    stored = StoredAnswer(text="да", status=AnswerStatus.FIXED, prompt_tokens=3, answered_at=NOON)
    origins = (None, Probe(id="p"), Replay(id="r", mode="answer"), Replay(id="s", mode="deliver", answer=stored))
    replies = [accepted(origin=origin) for origin in origins]
    Journal(tmp_path).record(*replies)
    assert Journal(tmp_path).replies() == {reply.key: reply for reply in replies}
    assert len(read_journal(tmp_path).replies) == 4


def test_a_segment_that_cannot_be_read_is_reported_in_one_line_and_not_skipped(tmp_path: Path) -> None:
    Journal(tmp_path).record(accepted())
    (tmp_path / "000000000000002.json").write_text("{")
    for read in (Journal, read_journal):
        with pytest.raises(StorageError, match=r"000000000000002\.json can't be read") as caught:
            read(tmp_path)
        assert "\n" not in str(caught.value)


def segment(folder: Path, number: int) -> Path:
    return folder / f"{number:015d}.json"


def refusal(folder: Path) -> str:
    """How both readers refuse a journal."""
    lines = set()
    for read in (Journal, read_journal):
        with pytest.raises(StorageError) as caught:
            read(folder)
        lines.add(str(caught.value))
    (line,) = lines
    assert "\n" not in line
    assert line.endswith(": restore it from a backup, since it says which replies were sent")
    return line


@pytest.fixture
def five(tmp_path: Path) -> Path:
    """A journal of five segments, each with two records."""
    journal = Journal(tmp_path)
    for number in range(5):
        journal._waiting = [
            journal_module._Waiting(record := journal_module._Record(), record.model_dump_json().encode())
        ]
        journal.record(accepted(seq=number))
    assert len(list(tmp_path.iterdir())) == 5
    return tmp_path


@pytest.mark.parametrize("number", [1, 3, 5])
def test_an_empty_segment_is_refused(five: Path, number: int) -> None:
    segment(five, number).write_bytes(b"")
    assert f"{number:015d}.json can't be read (it is empty)" in refusal(five)


@pytest.mark.parametrize("number", [1, 2, 4])
def test_a_missing_segment_is_refused(five: Path, number: int) -> None:
    segment(five, number).unlink()
    assert f"{number:015d}.json is missing" in refusal(five)


@pytest.mark.parametrize("number", [1, 3, 5])
def test_a_segment_cut_at_the_end_of_a_line_is_refused(five: Path, number: int) -> None:
    lines = segment(five, number).read_bytes().splitlines()
    segment(five, number).write_bytes(b"\n".join(lines[:-1]))
    assert "its records are not those that were written" in refusal(five)


def test_a_segment_under_the_number_of_another_is_refused(five: Path) -> None:
    segment(five, 6).write_bytes(segment(five, 2).read_bytes())
    assert "000006.json can't be read (its first line is that of another segment)" in refusal(five)
    segment(five, 5).rename(segment(five, 6))
    assert "000006.json can't be read (its first line is that of another segment)" in refusal(five)


def test_what_a_power_cut_brings_back_of_removed_segments_is_passed_over_and_removed(tmp_path: Path) -> None:
    journal = many_segments(tmp_path)
    before = read_journal(tmp_path)
    kept = {number: segment(tmp_path, number).read_bytes() for number in (3, 4, 77, 600)}
    journal.compact()
    (snapshot,) = tmp_path.iterdir()
    for number, content in kept.items():
        segment(tmp_path, number).write_bytes(content)
    segment(tmp_path, 5).write_bytes(b"")
    assert read_journal(tmp_path) == before
    assert len(list(tmp_path.iterdir())) == 6
    again = Journal(tmp_path)
    assert again.replies() == before.replies
    assert list(tmp_path.iterdir()) == [snapshot]
    again.record(accepted(seq=99))
    assert len(Journal(tmp_path).replies()) == len(before.replies) + 1


def test_a_gap_after_a_snapshot_is_refused(tmp_path: Path) -> None:
    journal = many_segments(tmp_path)
    journal.compact()
    for seq in (101, 102):
        journal.record(accepted(seq=seq))
    segment(tmp_path, 603).unlink()
    assert "000603.json is missing" in refusal(tmp_path)
    segment(tmp_path, 602).unlink()
    assert "000603.json is missing" in refusal(tmp_path)


class _OldRecord(BaseModel):
    """A record as the release before segments had a first line reads it."""

    snapshot: bool = False
    replies: list[Reply] = []
    settlements: list[dict[str, Any]] = []
    forgotten: list[str] = []
    released: list[tuple[str, int]] = []


def read_by_old_release(folder: Path) -> dict[str, Reply]:
    replies: dict[str, Reply] = {}
    for path in sorted(folder.glob("*.json")):
        for record in [_OldRecord.model_validate_json(line) for line in path.read_bytes().splitlines()]:
            if record.snapshot:
                replies.clear()
            replies |= {reply.key: reply for reply in record.replies}
            for key in record.forgotten:
                replies.pop(key, None)
    return replies


def written_by_old_release(folder: Path, number: int, *records: _OldRecord) -> None:
    segment(folder, number).write_bytes(b"\n".join(record.model_dump_json().encode() for record in records))


def test_the_release_before_reads_what_this_one_wrote(tmp_path: Path) -> None:
    journal = many_segments(tmp_path)
    assert read_by_old_release(tmp_path) == journal.replies()
    journal.compact()
    journal.record(answered(seq=3))
    assert read_by_old_release(tmp_path) == journal.replies()


def test_segments_of_both_releases_make_one_journal(tmp_path: Path) -> None:
    written_by_old_release(tmp_path, 1, _OldRecord(replies=[accepted(seq=1)]), _OldRecord(replies=[accepted(seq=2)]))
    Journal(tmp_path).record(accepted(seq=3))
    written_by_old_release(tmp_path, 3, _OldRecord(replies=[answered(seq=1)], forgotten=[accepted(seq=2).key]))
    Journal(tmp_path).record(accepted(seq=4))
    expected = [answered(seq=1), accepted(seq=3), accepted(seq=4)]
    assert Journal(tmp_path).replies() == {reply.key: reply for reply in expected}
    segment(tmp_path, 3).unlink()
    assert "000003.json is missing" in refusal(tmp_path)


def test_a_question_of_a_release_without_languages_is_read(tmp_path: Path) -> None:
    question = accepted(seq=1).model_dump(mode="json")
    del question["question"]["language"]
    segment(tmp_path, 1).write_text(json.dumps({"replies": [question]}))
    assert Journal(tmp_path).replies() == {accepted(seq=1).key: accepted(seq=1)}


def test_a_snapshot_of_the_release_before_is_one(tmp_path: Path) -> None:
    written_by_old_release(tmp_path, 7, _OldRecord(snapshot=True, replies=[accepted(seq=1)]))
    written_by_old_release(tmp_path, 3, _OldRecord(replies=[accepted(seq=2)]))
    journal = Journal(tmp_path)
    assert list(journal.replies().values()) == [accepted(seq=1)]
    assert [path.name for path in tmp_path.iterdir()] == [segment(tmp_path, 7).name]


def test_a_journal_that_is_compacted_while_it_is_read_has_no_gap(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    journal = many_segments(tmp_path)
    before = read_journal(tmp_path)
    listings = iter([[*range(1, 300), *range(400, 602)], [602]])
    monkeypatch.setattr(journal_module, "segment_numbers", lambda _: next(listings, [602]))
    journal.compact()
    assert read_journal(tmp_path) == before


def test_a_journal_that_is_no_longer_ours_is_not_written(tmp_path: Path) -> None:
    def taken() -> None:
        raise OperatorError("taken over")

    journal = Journal(tmp_path, lambda: None)
    journal.record(accepted(seq=1))
    journal.confirm = taken
    before = {path: path.read_bytes() for path in tmp_path.iterdir()}
    with pytest.raises(OperatorError, match=r"^taken over$"):
        journal.record(answered(seq=1))
    journal._numbers = list(range(1000))
    with pytest.raises(OperatorError, match=r"^taken over$"):
        journal.compact()
    assert {path: path.read_bytes() for path in tmp_path.iterdir()} == before
    assert journal.get(accepted(seq=1).key) == accepted(seq=1)


def test_a_segment_of_another_run_is_never_replaced(tmp_path: Path) -> None:
    frozen, successor = Journal(tmp_path), Journal(tmp_path)
    successor.record(accepted(seq=1))
    before = segment(tmp_path, 1).read_bytes()
    with pytest.raises(StorageError, match=r"000001\.json was written by another pipeline: stop one of them$"):
        frozen.record(accepted(seq=2))
    assert segment(tmp_path, 1).read_bytes() == before


def test_a_write_that_failed_after_its_file_was_there_is_written_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    journal = Journal(tmp_path)

    def written_but_failed(folder: DurableFolder, name: str, content: bytes) -> None:
        _WRITE(folder, name, content)
        raise OSError(errno.EIO, "Input/output error")

    with monkeypatch.context() as patched:
        patched.setattr(DurableFolder, "write", written_but_failed)
        with pytest.raises(OSError, match="Input/output error") as caught:
            journal.record(accepted(seq=1))
    assert caught.value.errno == errno.EIO
    journal.record(accepted(seq=2))
    assert list(Journal(tmp_path).replies().values()) == [accepted(seq=2)]


def test_an_error_that_nobody_foresaw_makes_no_record_seem_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    journal = Journal(tmp_path)
    monkeypatch.setattr(DurableFolder, "write", lambda *_: 1 / 0)
    with pytest.raises(OSError, match="ZeroDivisionError"):
        journal.record(accepted())
    assert journal.replies() == {}


def test_a_journal_that_is_not_there_is_empty(tmp_path: Path) -> None:
    assert read_journal(tmp_path / "none").replies == {}


def test_a_write_that_fails_is_an_error_and_leaves_the_state_as_it_was(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    journal = Journal(tmp_path)
    journal.record(accepted())

    def full(folder: DurableFolder, name: str, content: bytes) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    with monkeypatch.context() as patched:
        patched.setattr(DurableFolder, "write", full)
        with pytest.raises(OSError, match="No space left"):
            journal.record(answered())
    assert journal.get("42:1:7:101") == accepted()
    journal.record(answered())
    assert Journal(tmp_path).get("42:1:7:101") == answered()


class HeldDisk:
    """The first write waits until it is let go, so that others queue up behind it."""

    def __init__(self) -> None:
        self.writing, self.go_on = threading.Event(), threading.Event()
        self.writes = 0

    def write(self, folder: DurableFolder, name: str, content: bytes) -> None:
        self.writes += 1
        self.writing.set()
        assert self.go_on.wait(5)
        _WRITE(folder, name, content)


@pytest.fixture
def held_disk(monkeypatch: pytest.MonkeyPatch) -> HeldDisk:
    disk = HeldDisk()

    def write(folder: DurableFolder, name: str, content: bytes) -> None:
        disk.write(folder, name, content)

    monkeypatch.setattr(DurableFolder, "write", write)
    return disk


def in_threads(journal: Journal, disk: HeldDisk, *replies: Reply) -> list[tuple[str, Exception | None]]:
    """Record the first reply, and while its write is held the others; what became of each."""
    outcomes: list[tuple[str, Exception | None]] = []

    def record(reply: Reply) -> None:
        try:
            journal.record(reply)
        except Exception as error:
            outcomes.append((reply.key, error))
        else:
            outcomes.append((reply.key, None))

    def is_queued(number: int) -> bool:
        return len(journal._waiting) + len(outcomes) == number

    threads = [threading.Thread(target=record, args=(reply,)) for reply in replies]
    threads[0].start()
    assert disk.writing.wait(5)
    for number, thread in enumerate(threads[1:], 1):
        thread.start()
        eventually(functools.partial(is_queued, number))
    disk.go_on.set()
    for thread in threads:
        thread.join(5)
    return outcomes


def test_records_that_wait_for_a_write_share_the_next_one(tmp_path: Path, held_disk: HeldDisk) -> None:
    replies = [accepted(seq=seq) for seq in range(1, 9)]
    outcomes = in_threads(Journal(tmp_path), held_disk, *replies)
    assert sorted(outcomes) == sorted((reply.key, None) for reply in replies)
    assert held_disk.writes == 2
    assert read_journal(tmp_path).replies == {reply.key: reply for reply in replies}


def test_whose_record_is_written_goes_on_at_once_and_waits_for_no_other_write(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    writes, places = threading.Semaphore(0), threading.Semaphore(0)

    def write(folder: DurableFolder, name: str, content: bytes) -> None:
        writes.release()
        assert places.acquire(timeout=5)
        _WRITE(folder, name, content)

    monkeypatch.setattr(DurableFolder, "write", write)
    journal, recorded = Journal(tmp_path), list[int]()

    def record(*numbers: int) -> None:
        for number in numbers:
            journal.record(accepted(seq=number))
            recorded.append(number)

    threads = [threading.Thread(target=record, args=(0,), daemon=True)]
    threads += [threading.Thread(target=record, args=(number, 100 + number), daemon=True) for number in range(1, 9)]
    threads += [threading.Thread(target=record, args=(200,), daemon=True)]
    threads[0].start()
    assert writes.acquire(timeout=5)
    for thread in threads[1:-1]:
        thread.start()
    eventually(lambda: len(journal._waiting) == 8)
    places.release()
    assert writes.acquire(timeout=5)
    threads[-1].start()
    eventually(lambda: len(journal._waiting) == 1)
    places.release()
    assert writes.acquire(timeout=5), "the third write, which is held"
    eventually(lambda: sorted(recorded) == list(range(9)))
    for _ in range(9):
        places.release()
    for thread in threads:
        thread.join(5)
    assert len(recorded) == 18
    assert len(list(tmp_path.iterdir())) <= 5
    assert len(read_journal(tmp_path).replies) == 18


def test_a_record_that_cannot_be_written_never_makes_another_seem_written(tmp_path: Path, held_disk: HeldDisk) -> None:
    bad = accepted("lone surrogate: \ud800", seq=2)
    outcomes = in_threads(Journal(tmp_path), held_disk, accepted(seq=1), bad, accepted(seq=3), accepted(seq=4))
    seem_written = {key for key, error in outcomes if error is None}
    assert seem_written - {bad.key} == set(read_journal(tmp_path).replies) - {bad.key}
    assert accepted(seq=1).key in seem_written


def test_what_a_write_left_that_failed_is_still_its_own_after_another_failure(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    journal = Journal(tmp_path)

    def fail(*_: Any) -> int:
        raise OSError(5, "Input/output error")

    with monkeypatch.context() as patched:
        # The first leaves its segment, since only the sync of the folder fails; the second leaves nothing.
        fsync = os.fsync
        patched.setattr(os, "fsync", lambda each: fail() if stat.S_ISDIR(os.fstat(each).st_mode) else fsync(each))
        with pytest.raises(OSError, match="Input/output"):
            journal.record(accepted(seq=1))
        patched.setattr(os, "write", fail)
        with pytest.raises(OSError, match="Input/output"):
            journal.record(accepted(seq=2))
    journal.record(accepted(seq=3))
    assert [reply.question.seq for reply in read_journal(tmp_path).replies.values()] == [3]

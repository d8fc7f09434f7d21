"""The journal is read segment by segment, beside the run that writes it."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from pipeline.replies import journal as journals
from pipeline.replies.journal import Journal
from pipeline.replies.reply import PartState
from pipeline.watch.sources.journal import JournalTail
from tests.support.replies import accepted, answered, part


def _seqs(tail: JournalTail) -> list[int]:
    change = tail.look()
    return [] if change is None else sorted(reply.question.seq for reply, _ in change.replies)


def test_each_change_comes_once_with_its_time(tmp_path: Path) -> None:
    journal = Journal(tmp_path)
    journal.record(accepted(seq=1), accepted(seq=2))
    tail = JournalTail(tmp_path)
    assert _seqs(tail) == [1, 2]
    assert tail.look() is None
    done = answered(part("x", PartState.SENT, 5), seq=2)
    journal.record(done)
    change = tail.look()
    assert change is not None
    [(reply, recorded_at)] = change.replies
    assert reply == done
    assert recorded_at == pytest.approx((tmp_path / f"{2:015d}.json").stat().st_mtime)
    journal.forget([done.key])
    assert _seqs(tail) == []
    assert [reply.question.seq for reply in tail.replies.values()] == [1]


def test_a_journal_that_does_not_exist_yet_is_read_once_it_does(tmp_path: Path) -> None:
    folder = tmp_path / "journal"
    tail = JournalTail(folder)
    assert _seqs(tail) == []
    Journal(folder).record(accepted(seq=1))
    assert _seqs(tail) == [1]


def test_a_compaction_between_two_looks_loses_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(journals, "_COMPACT_ABOVE", 3)
    journal = Journal(tmp_path)
    tail = JournalTail(tmp_path)
    journal.record(accepted(seq=1))
    tail.look()
    for seq in range(2, 8):
        journal.record(accepted(seq=seq))
    journal.compact()
    journal.record(accepted(seq=8))
    assert set(_seqs(tail)) >= {8}
    assert sorted(reply.question.seq for reply in tail.replies.values()) == list(range(1, 9))


def test_a_journal_that_was_put_in_its_place_is_read_whole(tmp_path: Path) -> None:
    folder = tmp_path / "journal"
    journal = Journal(folder)
    for seq in (1, 2, 3):
        journal.record(accepted(seq=seq))
    tail = JournalTail(folder)
    tail.look()
    shutil.rmtree(folder)
    Journal(folder).record(accepted(seq=9))
    assert _seqs(tail) == [9]
    assert [reply.question.seq for reply in tail.replies.values()] == [9]

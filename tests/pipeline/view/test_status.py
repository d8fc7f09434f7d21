"""What `pipeline status` says of a storage, without Spark and without disturbing a run."""

from __future__ import annotations

import dataclasses
import errno
import json
from datetime import date
from pathlib import Path
from typing import Any

import pytest

from pipeline.errors import OperatorError
from pipeline.messages.origin import Probe, Replay
from pipeline.replies.journal import Journal
from pipeline.replies.reply import PartState
from pipeline.settings import RunSettings
from pipeline.storage.landing import Landing
from pipeline.storage.places import Storage
from pipeline.storage.record import Recorder, Spending
from pipeline.tables import BRONZE, FEEDBACK, QUARANTINE, SILVER
from pipeline.view.status import print_status, status_of
from tests.support.delta_rows import append
from tests.support.replies import NOON, accepted, answered, part
from tests.support.updates import raw_update


@pytest.fixture
def storage(tmp_path: Path) -> Storage:
    places = RunSettings(storage=tmp_path / "lake").places
    places.prepare()
    return places


def _silver(message_id: int, delivery: str, error: str | None = None, origin: str | None = None) -> dict[str, Any]:
    return {
        "channel_id": 7, "message_id": message_id, "received_at": NOON, "answer_status": "answered",
        "delivery_status": delivery, "error": error, "origin": origin,
    }  # fmt: skip


def test_a_new_storage_holds_nothing(storage: Storage) -> None:
    status = status_of(storage)
    assert (status.running, status.landing_files, status.lag_seconds) == (False, 0, 0.0)
    assert (status.bronze, status.silver, status.quarantine, status.journal) == ({}, {}, 0, {})
    assert status.unknown_count == 0


def test_a_missing_storage_is_named(tmp_path: Path) -> None:
    with pytest.raises(OperatorError, match=r"gone does not exist: give the storage of a run$"):
        status_of(RunSettings(storage=tmp_path / "gone").places)


def test_a_storage_in_a_folder_that_is_closed_to_this_user_is_not_said_to_be_missing(
    storage: Storage, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(_: Path) -> bool:
        raise PermissionError(errno.EACCES, "Permission denied")

    monkeypatch.setattr(Path, "is_dir", refuse)
    with pytest.raises(OperatorError, match=r"can't be read \(Permission denied\): run as the storage's owner$"):
        status_of(storage)


def test_every_stage_is_counted_and_replies_in_silver_do_not_count_as_open(storage: Storage) -> None:
    journal = Journal(storage.journal)
    in_silver = answered(part("x", PartState.SENT, 1), seq=1)
    lost = answered(part("x", PartState.UNKNOWN, None, "no response"), seq=2, message_id=102)
    journal.record(in_silver, lost, accepted(seq=3), answered("to send", seq=4))
    journal.forget([in_silver.key])
    append(SILVER, Path(storage.silver), _silver(101, "sent"), _silver(90, "unknown", "the process ended"))
    append(
        BRONZE,
        Path(storage.bronze),
        *({"disposition": what, "source_file": "1-1-1.jsonl"} for what in ("answer", "edit", "edit")),
    )
    append(QUARANTINE, Path(storage.quarantine), {"source_file": "1-1-1.jsonl"})
    status = status_of(storage)
    assert status.bronze == {"edit": 2, "answer": 1}
    assert status.silver == {"sent": 1, "unknown": 1}
    assert status.quarantine == 1
    assert status.journal == {"unknown": 1, "accepted": 1, "answered": 1}
    assert status.unknown_count == 2
    assert {(u.message_id, u.reason) for u in status.unknown} == {(102, "no response"), (90, "the process ended")}


def test_a_reply_is_no_longer_unknown_once_a_replay_has_sent_it_and_a_probes_never_is(storage: Storage) -> None:
    Journal(storage.journal).record(
        answered(part("x", PartState.UNKNOWN), seq=1, origin=Probe(id="p", deliver=True)),
        answered(part("x", PartState.UNKNOWN), seq=2, origin=Replay(id="r", mode="answer")),
    )
    append(
        SILVER,
        Path(storage.silver),
        _silver(90, "unknown"),
        _silver(90, "sent", origin="replay:a"),
        _silver(91, "unknown"),
        _silver(91, "unknown", origin="replay:b"),
        _silver(92, "unknown", origin="probe:c"),
    )
    assert sorted(u.message_id for u in status_of(storage).unknown) == [91, 91, 102]


def test_the_lag_is_the_age_of_the_oldest_file_that_no_table_has(storage: Storage) -> None:
    landing = Landing(storage.landing, 42)
    landing.land([raw_update(1)])
    landing.tick()
    assert status_of(storage).landing_files == 1
    assert 0 <= (status_of(storage).lag_seconds or -1) < 60
    append(
        BRONZE,
        Path(storage.bronze),
        *({"disposition": "answer", "source_file": path.name} for path in landing.waiting()),
    )
    assert status_of(storage).lag_seconds == 0.0


def test_a_run_is_shown_with_the_services_that_fail(storage: Storage, capsys: pytest.CaptureFixture[str]) -> None:
    recorder = Recorder(storage.root)
    recorder.set(state="serving", bot_username="our_bot")
    recorder.report("model", "503 busy [bold]")
    recorder.save()
    status = status_of(storage)
    assert status.running
    print_status(status)
    said = capsys.readouterr().out
    assert "@our_bot" in said
    assert said.count("model: 503 busy [bold], ") == 2
    recorder.set(state="stopped")
    recorder.save()
    assert not status_of(storage).running


@pytest.mark.parametrize(
    ("spending", "shown"),
    [
        (
            Spending(day=date(2026, 11, 26), tokens=1234, tokens_a_day=0, price=None, price_a_month=0),
            ["tokens 1234 on 2026-11-26 (UTC)"],
        ),
        (
            Spending(day=date(2026, 11, 26), tokens=1234, tokens_a_day=5000, price=1.239, price_a_month=20),
            ["tokens 1234 of 5000 on 2026-11-26 (UTC)", "price USD 1.24 of 20.00 in 2026-11 (UTC)"],
        ),
    ],
)
def test_what_was_spent_is_shown_beside_its_ceilings(
    storage: Storage, capsys: pytest.CaptureFixture[str], spending: Spending, shown: list[str]
) -> None:
    recorder = Recorder(storage.root)
    recorder.save()
    print_status(status_of(storage))
    assert "tokens" not in capsys.readouterr().out
    recorder.set(spending=spending)
    recorder.save()
    status = status_of(storage)
    print_status(status)
    lines = [" ".join(line.split()) for line in capsys.readouterr().out.splitlines()]
    assert [line for line in lines if line.startswith(("tokens", "price"))] == shown
    assert json.loads(status.model_dump_json())["run"]["spending"]["tokens"] == 1234


def test_votes_are_counted_by_the_latest_press_of_each_user_and_a_checks_are_not(
    storage: Storage, capsys: pytest.CaptureFixture[str]
) -> None:
    assert status_of(storage).feedback == {}
    rows = [_silver(90, "sent"), _silver(91, "sent"), _silver(92, "withheld", origin="probe:p")]
    append(
        SILVER,
        Path(storage.silver),
        *({**row, "bot_id": 42, "update_id": row["message_id"], "reply_message_ids": [5]} for row in rows),
    )
    assert status_of(storage).feedback == {}
    presses = [(90, 1, "down"), (90, 1, "up"), (90, 2, "up"), (91, 1, "down"), (92, 1, "down")]
    append(
        FEEDBACK,
        Path(storage.feedback),
        *(
            {
                "bot_id": 42, "update_id": seq, "seq": seq, "channel_id": 7, "message_id": 5, "vote": vote,
                "question_update_id": asked, "question_message_id": asked, "author_id": author,
            }
            for seq, (asked, author, vote) in enumerate(presses)
        ),
    )  # fmt: skip
    status = status_of(storage)
    assert status.feedback == {"up": 2, "down": 1}
    print_status(status)
    assert "feedback    3  (2 up, 1 down)" in capsys.readouterr().out


HOSTILE = "\x1b]0;owned\x07\x9b2J\u202e[bold]"


@pytest.mark.parametrize("as_json", [False, True])
def test_nothing_that_came_from_outside_steers_the_terminal(
    storage: Storage, capsys: pytest.CaptureFixture[str], as_json: bool
) -> None:
    recorder = Recorder(storage.root)
    recorder.set(state="serving", bot_username=f"bot{HOSTILE}")
    recorder.report("model", f"503 {HOSTILE}")
    recorder.save()
    Journal(storage.journal).record(answered(part("x", PartState.UNKNOWN, None, f"no response {HOSTILE}")))
    append(SILVER, Path(storage.silver), _silver(90, f"sent{HOSTILE}"))
    status = status_of(storage)
    print_status(status, as_json=as_json)
    said = capsys.readouterr().out
    assert said.count("owned") >= 4
    assert all(line.isprintable() for line in said.split("\n"))
    if as_json:
        assert json.loads(said)["run"]["bot_username"] == f"bot{HOSTILE}"
    else:
        assert said.count("[bold]") == said.count("owned")


def test_an_unknown_reply_is_named_as_a_replay_takes_it(storage: Storage, capsys: pytest.CaptureFixture[str]) -> None:
    append(SILVER, Path(storage.silver), _silver(90, "unknown", "the process ended"))
    print_status(status_of(storage))
    assert f"  7/90 of {NOON:%Y-%m-%d %H:%M:%S}: the process ended\n" in capsys.readouterr().out


def test_tables_of_a_catalog_are_shown_as_not_readable_here(
    storage: Storage, capsys: pytest.CaptureFixture[str]
) -> None:
    named = dataclasses.replace(storage, bronze="main.bot.bronze", silver="main.bot.silver", quarantine="main.bot.bad")
    Landing(named.landing, 42).land([raw_update(1)])
    Journal(named.journal).record(answered(part("x", PartState.UNKNOWN, None, "no response")))
    status = status_of(named)
    assert (status.bronze, status.silver, status.answers, status.quarantine) == (None, None, None, None)
    assert status.feedback is None
    # A committed file stays where it is until the next micro-batch: its age says nothing.
    assert (status.landing_files, status.lag_seconds, status.unknown_count) == (1, None, 1)
    print_status(status)
    said = capsys.readouterr().out
    assert said.count("not readable here") == 6
    assert "1 file to read, lag unknown" in said
    assert "1 in the journal; silver is not readable here" in said

"""The landing folder."""

import json
import os
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import pytest

from pipeline.errors import OperatorError
from pipeline.messages.origin import Probe, Replay
from pipeline.storage.done import file_seq
from pipeline.storage.landing import Landing, injected_file, is_injected, is_tick
from pipeline.telegram.update import Update, read_line
from tests.support.updates import Json, raw_update

DAY = 24 * 3600.0
START = 1_800_000_000.0


class Clock:
    def __init__(self) -> None:
        self.seconds = START

    def __call__(self) -> float:
        return self.seconds


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def landing(tmp_path: Path, clock: Clock) -> Landing:
    return Landing(tmp_path, 42, clock)


def lines(path: Path | None) -> list[Json]:
    assert path is not None
    return [json.loads(line) for line in path.read_text().splitlines()]


def test_updates_are_landed_in_order_in_one_file_named_by_seq_and_ids(landing: Landing, tmp_path: Path) -> None:
    updates = [raw_update(12), raw_update(11), raw_update(15)]
    path = landing.land(updates)
    first = int(START * 1e6)
    assert path == tmp_path / f"{first}-11-15.jsonl"
    assert lines(path) == [
        {"seq": first + i, "bot_id": 42, "received_at": "2027-01-15T08:00:00+00:00", "update": update}
        for i, update in enumerate(updates)
    ]
    assert file_seq(path.name) == first
    assert landing.waiting() == [path]
    assert not is_tick(path.name)


def test_an_empty_poll_lands_no_file(landing: Landing, tmp_path: Path) -> None:
    assert landing.land([]) is None
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("odd", ["text", None, {"message": {}}, {"update_id": "7"}, {"update_id": -3}, [1]])
def test_a_value_that_is_not_an_update_is_landed_too(landing: Landing, odd: object) -> None:
    assert [line["update"] for line in lines(landing.land([odd]))] == [odd]


def test_seq_increases_even_if_the_clock_stands_still_or_goes_back(
    landing: Landing, tmp_path: Path, clock: Clock
) -> None:
    seqs = [line["seq"] for _ in range(3) for line in lines(landing.land([raw_update(), raw_update()]))]
    clock.seconds -= 3600
    seqs += [line["seq"] for line in lines(landing.land([raw_update()]))]
    again = Landing(tmp_path, 42, clock)
    seqs += [line["seq"] for line in lines(again.land([raw_update()]))]
    assert seqs == sorted(set(seqs))


def test_a_restart_right_after_a_full_file_continues_above_it(tmp_path: Path, clock: Clock) -> None:
    last = lines(Landing(tmp_path, 42, clock).land([raw_update(i) for i in range(100)]))[-1]["seq"]
    assert lines(Landing(tmp_path, 42, clock).land([raw_update(100)]))[0]["seq"] > last


def test_a_failed_write_leaves_no_file_that_the_stream_would_read(
    landing: Landing, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(*_: str, **__: int) -> None:
        raise OSError("gone")

    with monkeypatch.context() as patched:
        patched.setattr(os, "rename", broken)
        with pytest.raises(OSError, match="gone"):
            landing.land([raw_update()])
        with pytest.raises(OSError, match="gone"):
            landing.tick()
    assert landing.waiting() == []


def test_updates_that_a_former_run_landed_are_recognised(tmp_path: Path, clock: Clock) -> None:
    former = Landing(tmp_path, 42, clock)
    seen = [raw_update(10), raw_update(11), "no update"]
    former.land(seen)
    assert former.unseen(seen) == seen, "only files of former runs are searched"
    landing = Landing(tmp_path, 42, clock)
    reordered = dict(reversed(seen[0].items()))  # type: ignore[attr-defined]
    assert landing.unseen([reordered, seen[1], raw_update(12)]) == [raw_update(12)]


def test_the_same_number_with_another_content_is_new(tmp_path: Path, clock: Clock) -> None:
    Landing(tmp_path, 42, clock).land([raw_update(10)])
    other = raw_update(10, kind="channel_post")
    assert Landing(tmp_path, 42, clock).unseen([other]) == [other]


@pytest.mark.parametrize("moved_before_start", [True, False])
def test_finished_files_are_searched_as_well(tmp_path: Path, clock: Clock, moved_before_start: bool) -> None:
    former = Landing(tmp_path, 42, clock)
    path = former.land([raw_update(10)])
    assert path is not None
    landing = Landing(tmp_path, 42, clock) if not moved_before_start else None
    former.finish([path.name])
    landing = landing or Landing(tmp_path, 42, clock)
    assert landing.unseen([raw_update(10)]) == []


@pytest.mark.parametrize(("hours", "unseen"), [(47, []), (49, [raw_update(10)])])
def test_updates_are_recognised_for_two_days(tmp_path: Path, clock: Clock, hours: int, unseen: list[Json]) -> None:
    Landing(tmp_path, 42, clock).land([raw_update(10)])
    clock.seconds += hours * 3600
    assert Landing(tmp_path, 42, clock).unseen([raw_update(10)]) == unseen


def test_a_damaged_line_of_a_former_run_hides_no_other(tmp_path: Path, clock: Clock) -> None:
    path = Landing(tmp_path, 42, clock).land([raw_update(10), raw_update(11)])
    assert path is not None
    path.write_text('{"seq": 1, "upd\n[]\n' + path.read_text().splitlines()[1] + "\n")
    assert Landing(tmp_path, 42, clock).unseen([raw_update(10), raw_update(11)]) == [raw_update(10)]


def test_finished_files_move_out_of_the_listed_folder(landing: Landing, tmp_path: Path) -> None:
    path = landing.land([raw_update()])
    assert path is not None
    content = path.read_text()
    landing.finish([path.name, "1-2-3.jsonl"])
    assert landing.waiting() == []
    assert (tmp_path / "_done" / "2027-01-15" / path.name).read_text() == content
    landing.finish([path.name])


def test_a_file_that_is_removed_while_it_is_finished_does_not_stop_the_others(
    landing: Landing, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    removed, other = tmp_path / "1-injected-x.jsonl", landing.land([raw_update()])
    removed.touch()
    rename = Path.rename

    def rename_after_removal(path: Path, target: Path) -> Path:
        removed.unlink(missing_ok=True)
        return rename(path, target)

    monkeypatch.setattr(Path, "rename", rename_after_removal)
    assert other is not None
    landing.finish([removed.name, other.name])
    assert landing.waiting() == []


def test_a_tick_is_a_line_without_an_update_and_is_removed_when_finished(landing: Landing, tmp_path: Path) -> None:
    landing.tick()
    (tick,) = landing.waiting()
    assert is_tick(tick.name)
    assert json.loads(tick.read_text()) == {"seq": file_seq(tick.name), "tick": "start"}
    landing.finish([tick.name])
    assert list(tmp_path.rglob("*.jsonl")) == []


def test_a_file_is_read_in_the_lines_that_the_stream_sees(landing: Landing, tmp_path: Path) -> None:
    (tmp_path / "1-1-1.jsonl").write_bytes(b"one\xff\r\n\ntwo")
    assert landing.read("1-1-1.jsonl") == ["one\ufffd\r", "", "two"]
    assert landing.read("2-1-1.jsonl") is None


def test_finished_files_are_removed_after_a_week(landing: Landing, tmp_path: Path, clock: Clock) -> None:
    for days in (0, 1, 8):
        clock.seconds = START + days * DAY
        path = landing.land([raw_update()])
        assert path is not None
        landing.finish([path.name])
    landing.keep_house()
    assert sorted(day.name for day in (tmp_path / "_done").iterdir()) == ["2027-01-16", "2027-01-23"]


REPLAY = Replay(id="r-1", mode="answer")
NOW = datetime.fromtimestamp(START, UTC)


def test_an_injected_file_holds_envelopes_with_their_origin_in_order() -> None:
    file = injected_file([(REPLAY, raw_update(12)), (Probe(id="p"), raw_update(13))], 42, NOW)
    seq = int(START * 1e6)
    assert [json.loads(line) for line in file.content.decode().splitlines()] == [
        {
            "seq": seq + i,
            "bot_id": 42,
            "received_at": "2027-01-15T08:00:00+00:00",
            "update": raw_update(12 + i),
            "origin": origin,
        }
        for i, origin in enumerate(
            ({"kind": "replay", "id": "r-1", "mode": "answer"}, {"kind": "probe", "id": "p", "deliver": False})
        )
    ]
    assert (file_seq(file.name), is_injected(file.name)) == (seq, True)
    read = [read_line(line, 42) for line in file.content.decode().splitlines()]
    assert isinstance(read[0], Update)
    assert read[0].origin == REPLAY


def test_two_writers_at_the_same_time_write_two_files() -> None:
    names = {injected_file([(Probe(id=name), raw_update())], 42, NOW).name for name in ("a", "b")}
    assert len(names) == 2


def test_an_injected_file_changes_neither_the_numbering_nor_the_search_for_repolled_updates(
    tmp_path: Path, clock: Clock
) -> None:
    ahead = datetime.fromtimestamp(START + 3600, UTC)
    file = injected_file([(REPLAY, raw_update(10))], 42, ahead)
    (tmp_path / file.name).write_bytes(file.content)
    # Nor does one that its writer named like a file of the intake's.
    (tmp_path / f"{int(START * 1e6)}-10-10.jsonl").write_bytes(file.content)
    landing = Landing(tmp_path, 42, clock)
    assert landing.unseen([raw_update(10)]) == [raw_update(10)]
    path = landing.land([raw_update(10)])
    assert path is not None
    assert file_seq(path.name) < file_seq(file.name)
    assert not is_injected(path.name)


def test_a_finished_injected_file_moves_and_expires_like_others(landing: Landing, tmp_path: Path, clock: Clock) -> None:
    file = injected_file([(REPLAY, raw_update(10))], 42, NOW)
    (tmp_path / file.name).write_bytes(file.content)
    assert [path.name for path in landing.waiting()] == [file.name]
    landing.finish([file.name])
    assert [path.name for path in tmp_path.glob("_done/*/*")] == [file.name]
    clock.seconds += 9 * DAY
    landing.keep_house()
    assert list(tmp_path.rglob("*.jsonl")) == []


def test_hidden_files_and_folders_are_not_waiting(landing: Landing, tmp_path: Path) -> None:
    for name in (".1-1-1.jsonl.tmp", "_x.jsonl"):
        (tmp_path / name).write_text("x")
    (tmp_path / "folder").mkdir()
    assert landing.waiting() == []


def test_files_of_a_run_are_numbered_from_its_first_seq_above_all_former_ones(
    landing: Landing, tmp_path: Path, clock: Clock
) -> None:
    former = landing.land([raw_update()])
    assert former is not None
    clock.seconds -= 3600
    later = Landing(tmp_path, 42, clock)
    path = later.land([raw_update()])
    assert path is not None
    assert file_seq(former.name) < later.first_seq <= file_seq(path.name)


@pytest.mark.parametrize(
    ("name", "seq"), [("17-1-2.jsonl", 17), ("17-tick.jsonl", 17), ("x.jsonl", 0), ("²-x.jsonl", 0), ("", 0)]
)
def test_a_files_seq_is_the_first_part_of_its_name(name: str, seq: int) -> None:
    assert file_seq(name) == seq


def test_a_landing_that_is_no_longer_ours_is_not_changed(landing: Landing, tmp_path: Path) -> None:
    def taken() -> None:
        raise OperatorError("taken over")

    landed = landing.land([raw_update(1)])
    assert landed is not None
    landing.confirm = taken
    changes: list[Callable[[], object]] = [
        lambda: landing.land([raw_update(2)]),
        landing.tick,
        lambda: landing.finish([landed.name]),
    ]
    for change in changes:
        with pytest.raises(OperatorError, match="taken over"):
            change()
    assert list(tmp_path.rglob("*.jsonl")) == [landed]

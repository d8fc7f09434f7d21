"""Finished landing files, and their packs."""

from __future__ import annotations

import contextlib
import json
import os
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest

from pipeline.errors import OperatorError
from pipeline.storage import done
from pipeline.storage.done import DoneFiles, PolledFile
from pipeline.storage.landing import Landing
from tests.support.updates import Json, raw_update

START = 1_800_000_000.0  # 2027-01-15T08:00:00Z
HOUR = 3600.0
DAY = "2027-01-15"


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


@pytest.fixture
def files(tmp_path: Path) -> DoneFiles:
    return DoneFiles(tmp_path, pause=lambda: None)


def nothing() -> None:
    pass


def finished(landing: Landing, *polls: list[Json]) -> list[Path]:
    paths = [path for poll in polls if (path := landing.land(poll))]
    landing.finish(path.name for path in paths)
    return paths


def packed_lines(folder: Path) -> list[str]:
    lines = []
    for path in sorted(folder.glob("_done/*/*.zip")):
        with zipfile.ZipFile(path) as pack:
            lines += [line for name in pack.namelist() for line in pack.read(name).decode().splitlines()]
    return lines


def singles(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.glob("_done/*/*.jsonl"))


def ids(lines: list[str]) -> list[int]:
    return [json.loads(line)["update"]["update_id"] for line in lines]


def test_an_hour_that_is_over_becomes_one_archive_with_a_member_for_a_hundred_lines(
    landing: Landing, files: DoneFiles, tmp_path: Path, clock: Clock
) -> None:
    paths = []
    for i in range(250):
        clock.seconds = START + i
        paths += finished(landing, [raw_update(i + 1)])
    content = [path.read_text() for path in sorted((tmp_path / "_done" / DAY).iterdir())]
    assert files.pack(START + HOUR + 601, nothing)
    assert singles(tmp_path) == []
    (pack,) = (tmp_path / "_done" / DAY).iterdir()
    assert pack.name == "2027-01-15T08.zip"
    with zipfile.ZipFile(pack) as archive:
        first, last = int(START * 1e6), int((START + 249) * 1e6)
        assert archive.namelist() == [
            f"{first}-1-100.jsonl",
            f"{first + 100_000_000}-101-200.jsonl",
            f"{first + 200_000_000}-201-250.jsonl",
        ]
        assert archive.comment == str(last).encode()
        assert b"".join(map(archive.read, archive.namelist())).decode() == "".join(content)
    assert not files.pack(START + HOUR + 601, nothing)


@pytest.mark.parametrize(("later", "packed"), [(0.0, False), (HOUR + 599, False), (HOUR + 601, True)])
def test_an_hour_is_packed_ten_minutes_after_it_is_over(
    landing: Landing, files: DoneFiles, tmp_path: Path, later: float, packed: bool
) -> None:
    finished(landing, [raw_update(1)])
    assert files.pack(START + later, nothing) is packed
    assert bool(packed_lines(tmp_path)) is packed


def test_a_step_packs_one_hour_the_oldest_first(
    landing: Landing, files: DoneFiles, tmp_path: Path, clock: Clock
) -> None:
    for hour in range(3):
        clock.seconds = START + hour * HOUR
        finished(landing, [raw_update(hour)])
    now = START + 4 * HOUR
    for hour in range(3):
        assert ids(packed_lines(tmp_path)) == list(range(hour))
        assert files.pack(now, nothing)
    assert not files.pack(now, nothing)


def test_files_of_the_future_are_packed_when_their_day_is_over(
    landing: Landing, files: DoneFiles, tmp_path: Path, clock: Clock
) -> None:
    finished(landing, [raw_update(1)])
    (single,) = (tmp_path / "_done" / DAY).iterdir()
    single.rename(single.with_name(f"{10**18}-1-1.jsonl"))
    assert not files.pack(START + HOUR, nothing)
    assert files.pack(START + 17 * HOUR, nothing)
    assert ids(packed_lines(tmp_path)) == [1]


@pytest.mark.parametrize("packed_first", [True, False])
def test_updates_in_a_pack_are_recognised(
    landing: Landing, files: DoneFiles, tmp_path: Path, clock: Clock, packed_first: bool
) -> None:
    seen = [[raw_update(10), raw_update(11)], [raw_update(12)], [{"no": "id"}], [raw_update(900_000)], [raw_update(13)]]
    finished(landing, *seen)
    clock.seconds += 2 * HOUR
    again = None if packed_first else Landing(tmp_path, 42, clock)
    assert files.pack(clock.seconds, nothing)
    again = again or Landing(tmp_path, 42, clock)
    other = raw_update(11, kind="channel_post")
    assert again.unseen([*(update for poll in seen for update in poll), other]) == [other]


def test_updates_of_a_pack_are_recognised_for_two_days(
    landing: Landing, files: DoneFiles, tmp_path: Path, clock: Clock
) -> None:
    finished(landing, [raw_update(10)])
    assert files.pack(START + 2 * HOUR, nothing)
    clock.seconds = START + 48 * HOUR
    assert Landing(tmp_path, 42, clock).unseen([raw_update(10)]) == []
    clock.seconds = START + 50 * HOUR
    assert Landing(tmp_path, 42, clock).unseen([raw_update(10)]) == [raw_update(10)]


def test_a_run_continues_above_the_last_file_that_was_joined_to_others(
    landing: Landing, files: DoneFiles, tmp_path: Path, clock: Clock
) -> None:
    clock.seconds = START + HOUR - 1
    last = finished(landing, [raw_update(1)], [raw_update(2)])[-1]
    assert files.pack(START + 2 * HOUR, nothing)
    clock.seconds = START
    path = Landing(tmp_path, 42, clock).land([raw_update(3)])
    assert path is not None
    assert done.file_seq(path.name) > done.file_seq(last.name)


def test_files_that_come_to_a_packed_hour_are_added_to_its_pack(
    landing: Landing, files: DoneFiles, tmp_path: Path, clock: Clock
) -> None:
    finished(landing, [raw_update(1)])
    late = landing.land([raw_update(2)])
    assert late is not None
    assert files.pack(START + 2 * HOUR, nothing)
    landing.finish([late.name])
    assert files.pack(START + 2 * HOUR, nothing)
    assert ids(packed_lines(tmp_path)) == [1, 2]
    assert singles(tmp_path) == []
    clock.seconds += 2 * HOUR
    assert Landing(tmp_path, 42, clock).unseen([raw_update(1), raw_update(2)]) == []


class Killed(Exception):
    pass


@pytest.mark.parametrize("name", ["fsync", "rename", "unlink"])
@pytest.mark.parametrize("after", range(5))
def test_a_kill_at_any_moment_loses_no_line_and_packs_none_twice(
    landing: Landing,
    files: DoneFiles,
    tmp_path: Path,
    clock: Clock,
    monkeypatch: pytest.MonkeyPatch,
    name: str,
    after: int,
) -> None:
    finished(landing, [raw_update(1)])
    assert files.pack(START + 2 * HOUR, nothing)
    finished(landing, [raw_update(2)], [raw_update(3)], [raw_update(4)])
    calls = 0

    def dying(real: Callable[..., object]) -> Callable[..., object]:
        def call(*given: object, **options: object) -> object:
            nonlocal calls
            calls += 1
            if calls > after:
                raise Killed
            return real(*given, **options)

        return call

    with monkeypatch.context() as patched:
        patched.setattr(os if name == "fsync" else Path, name, dying(getattr(os if name == "fsync" else Path, name)))
        with contextlib.suppress(Killed):
            files.pack(START + 2 * HOUR, nothing)
    clock.seconds += 2 * HOUR
    assert Landing(tmp_path, 42, clock).unseen([raw_update(i) for i in range(1, 5)]) == []
    while files.pack(START + 2 * HOUR, nothing):
        pass
    assert ids(packed_lines(tmp_path)) == [1, 2, 3, 4]
    assert singles(tmp_path) == []


def test_a_step_takes_a_bounded_number_of_files(
    landing: Landing, files: DoneFiles, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(done, "_MOST_FILES", 2)
    finished(landing, *([raw_update(i)] for i in range(1, 6)))
    steps = 0
    while files.pack(START + 2 * HOUR, nothing):
        steps += 1
    assert steps == 3
    assert ids(packed_lines(tmp_path)) == [1, 2, 3, 4, 5]


def test_between_groups_of_files_other_threads_get_a_pause(landing: Landing, tmp_path: Path) -> None:
    pauses: list[None] = []
    finished(landing, *([raw_update(i)] for i in range(1, 202)))
    assert DoneFiles(tmp_path, pause=lambda: pauses.append(None)).pack(START + 2 * HOUR, nothing)
    assert len(pauses) == 6


def test_what_is_not_the_intakes_keeps_its_name_and_is_not_joined(
    landing: Landing, files: DoneFiles, tmp_path: Path
) -> None:
    first, _ = finished(landing, [raw_update(1)], [raw_update(2)])
    injected = f"{done.file_seq(first.name) + 1}-injected-x.jsonl"
    (tmp_path / "_done" / DAY / injected).write_text("{}")
    (tmp_path / "_done" / DAY / "notes.jsonl").write_text("by hand\n")
    while files.pack(START + 2 * HOUR, nothing):
        pass
    with zipfile.ZipFile(tmp_path / "_done" / DAY / "2027-01-15T08.zip") as pack:
        assert sorted(pack.namelist()) == [f"{done.file_seq(first.name)}-1-2.jsonl", injected]
    with zipfile.ZipFile(tmp_path / "_done" / DAY / "1970-01-01T00.zip") as pack:
        assert pack.read("notes.jsonl") == b"by hand\n"


def test_a_file_of_a_name_that_the_pack_has_with_other_lines_is_kept_beside_it(
    landing: Landing, files: DoneFiles, tmp_path: Path
) -> None:
    (path,) = finished(landing, [raw_update(1)])
    assert files.pack(START + 2 * HOUR, nothing)
    (tmp_path / "_done" / DAY / path.name).write_text("edited\n")
    assert files.pack(START + 2 * HOUR, nothing)
    assert packed_lines(tmp_path)[1:] == ["edited"]


def test_files_whose_ids_are_far_apart_or_that_have_none_are_not_joined(landing: Landing, files: DoneFiles) -> None:
    finished(landing, [raw_update(1)], [raw_update(5000)], [{"no": "id"}], [{"id": "none"}], [raw_update(5001)])
    assert files.pack(START + 2 * HOUR, nothing)
    members, _ = files.files(0)
    assert [(file.lowest, file.highest) for file in members] == [(1, 1), (5000, 5000), (0, 0), (5001, 5001)]


@pytest.mark.parametrize("content", [b"", b"no archive", b"PK\x05\x06" + b"\0" * 10])
def test_a_damaged_pack_is_put_aside_and_stops_nothing(
    landing: Landing, files: DoneFiles, tmp_path: Path, clock: Clock, content: bytes
) -> None:
    finished(landing, [raw_update(1)])
    pack = tmp_path / "_done" / DAY / "2027-01-15T08.zip"
    pack.write_bytes(content)
    clock.seconds += 2 * HOUR
    assert Landing(tmp_path, 42, clock).unseen([raw_update(1), raw_update(2)]) == [raw_update(2)]
    assert files.pack(START + 2 * HOUR, nothing)
    assert ids(packed_lines(tmp_path)) == [1]
    assert pack.with_name(f"{pack.name}.damaged").read_bytes() == content
    assert not files.pack(START + 2 * HOUR, nothing)


def test_a_file_that_can_not_be_read_stays_and_hinders_no_other_hour(
    landing: Landing, files: DoneFiles, tmp_path: Path, clock: Clock
) -> None:
    finished(landing, [raw_update(1)])
    (single,) = (tmp_path / "_done" / DAY).iterdir()
    single.unlink()
    single.mkdir()
    clock.seconds += HOUR
    finished(landing, [raw_update(2)])
    assert files.pack(START + 3 * HOUR, nothing)
    assert ids(packed_lines(tmp_path)) == [2]
    assert not files.pack(START + 3 * HOUR, nothing)


def test_a_storage_that_is_no_longer_ours_is_not_packed(landing: Landing, files: DoneFiles, tmp_path: Path) -> None:
    def taken() -> None:
        raise OperatorError("taken over")

    finished(landing, [raw_update(1)])
    with pytest.raises(OperatorError, match="taken over"):
        files.pack(START + 2 * HOUR, taken)
    assert packed_lines(tmp_path) == []
    assert len(singles(tmp_path)) == 1


def test_only_the_packs_of_the_time_that_is_asked_for_are_opened(
    landing: Landing, files: DoneFiles, tmp_path: Path, clock: Clock
) -> None:
    for hour in range(3):
        clock.seconds = START + hour * HOUR
        finished(landing, [raw_update(hour + 1)])
        assert files.pack(clock.seconds + 2 * HOUR, nothing)
    found, newest = files.files((START + HOUR) * 1e6)
    assert [file.lowest for file in found] == [2, 3]
    assert newest == found[-1].seq
    assert files.files(0)[0][0] == PolledFile(1, 1, int(START * 1e6))


def test_a_file_that_expired_has_no_text(files: DoneFiles) -> None:
    assert files.text(PolledFile(1, 1, int(START * 1e6))) == ""


def test_on_a_volume_several_files_are_read_at_once(
    landing: Landing, files: DoneFiles, tmp_path: Path, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(done, "on_volume", lambda path: True)
    finished(landing, *([raw_update(i)] for i in range(1, 251)))
    assert files.pack(START + 2 * HOUR, nothing)
    assert ids(packed_lines(tmp_path)) == list(range(1, 251))
    assert singles(tmp_path) == []
    assert len(files.files(0)[0]) == 3

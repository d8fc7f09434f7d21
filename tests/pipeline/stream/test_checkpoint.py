"""What a checkpoint's folder says."""

import json
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from pipeline.stream.checkpoint import Checkpoint, Mark


def _write(path: Path, size: int = 1) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(b"x" * size)


def test_a_missing_checkpoint_is_not_oversized(tmp_path: Path) -> None:
    assert not Checkpoint(tmp_path / "silver").oversized


@pytest.mark.parametrize(("size", "oversized"), [(8_000_000, False), (8_000_001, True)])
def test_a_checkpoint_is_oversized_beyond_a_size_of_its_largest_log_file(
    tmp_path: Path, size: int, oversized: bool
) -> None:
    _write(tmp_path / "sources" / "0" / "9.compact", size)
    _write(tmp_path / "sources" / "0" / "10")
    assert Checkpoint(tmp_path).oversized is oversized


def test_discarding_removes_all_of_it(tmp_path: Path) -> None:
    _write(tmp_path / "silver" / "commits" / "0")
    Checkpoint(tmp_path / "silver").discard()
    assert list(tmp_path.iterdir()) == []


# Whether it can be continued


def _whole(folder: Path, landing: Path, last: int = 5) -> Checkpoint:
    """A checkpoint as Spark leaves it."""
    _write(folder / "metadata")
    (folder / "metadata").write_text(json.dumps({"id": "query-1"}))
    for number in range(last + 1):
        for log in ("offsets", "commits", "sources/0"):
            _write(folder / log / str(number))
            _write(folder / log / f".{number}.crc")
        line = {"path": f"file://{landing.as_posix().replace(' ', '%20')}/{number}-1-1.jsonl", "batchId": number}
        (folder / "sources" / "0" / str(number)).write_text(f"v1\n{json.dumps(line)}\n")
    return Checkpoint(folder)


def _mark(landing: Path, query_id: str = "query-1") -> Mark:
    return Mark(query_id=query_id, landing=landing.as_posix())


@pytest.fixture
def landing(tmp_path: Path) -> Path:
    return tmp_path / "my lake" / "landing"


@pytest.fixture
def checkpoint(tmp_path: Path, landing: Path) -> Checkpoint:
    return _whole(tmp_path / "checkpoints" / "silver", landing)


def test_the_checkpoint_that_the_storage_used_last_is_continued(checkpoint: Checkpoint, landing: Path) -> None:
    assert checkpoint.fault(_mark(landing), landing) is None


def test_a_whole_checkpoint_from_before_there_were_marks_is_continued(checkpoint: Checkpoint, landing: Path) -> None:
    assert checkpoint.fault(None, landing) is None


@pytest.mark.parametrize("marked", [False, True])
def test_no_checkpoint_is_no_fault(tmp_path: Path, landing: Path, marked: bool) -> None:
    mark = _mark(landing) if marked else None
    assert Checkpoint(tmp_path / "silver").fault(mark, landing) is None
    (tmp_path / "silver").mkdir()
    assert Checkpoint(tmp_path / "silver").fault(mark, landing) is None


@pytest.mark.parametrize("killed_in", ["before the offsets", "before the commit"])
def test_what_a_kill_leaves_behind_is_no_fault(checkpoint: Checkpoint, landing: Path, killed_in: str) -> None:
    (checkpoint.folder / "commits" / "5").unlink()
    if killed_in == "before the offsets":
        (checkpoint.folder / "offsets" / "5").unlink()
    _write(checkpoint.folder / "offsets" / ".6.0b1a.tmp", 0)
    assert checkpoint.fault(_mark(landing), landing) is None


def test_an_older_checkpoint_of_the_same_query_is_continued(checkpoint: Checkpoint, landing: Path) -> None:
    # Spark then reads some files again, which are recognised.
    for log in ("offsets", "commits", "sources/0"):
        for number in (4, 5):
            (checkpoint.folder / log / str(number)).unlink()
    assert checkpoint.fault(_mark(landing), landing) is None


def test_a_checkpoint_that_is_not_the_last_one_of_the_storage_is_not_continued(
    checkpoint: Checkpoint, landing: Path
) -> None:
    assert (
        checkpoint.fault(_mark(landing, query_id="query-0"), landing) == "it is not the one that this storage used last"
    )
    assert checkpoint.fault(_mark(Path("/old/landing")), landing) == "the storage was moved or copied"
    assert checkpoint.fault(None, Path("/new/landing")) == "the storage was moved or copied"


def _replace(folder: Path) -> None:
    shutil.rmtree(folder)
    folder.write_bytes(b"x")


_DAMAGE: list[tuple[Callable[[Path], object], str]] = [
    (lambda folder: shutil.rmtree(folder / "sources"), "its log of the files that were read is missing"),
    (lambda folder: shutil.rmtree(folder / "offsets"), "it lacks micro-batches that are committed"),
    (lambda folder: (folder / "offsets" / "5").write_bytes(b""), "its file 5 in offsets is empty"),
    (lambda folder: (folder / "commits" / "5").write_bytes(b""), "its file 5 in commits is empty"),
    (lambda folder: (folder / "sources" / "0" / "5").write_bytes(b""), "its file 5 in 0 is empty"),
    (lambda folder: (folder / "metadata").write_bytes(b""), "its metadata can't be read"),
    (lambda folder: (folder / "metadata").write_bytes(b"[]"), "its metadata can't be read"),
    (lambda folder: (folder / "metadata").unlink(), "its metadata can't be read"),
    (_replace, "it is not a folder"),
]


@pytest.mark.parametrize(("damage", "fault"), _DAMAGE)
def test_a_damaged_checkpoint_is_not_continued_and_can_be_set_aside(
    checkpoint: Checkpoint, landing: Path, damage: Callable[[Path], object], fault: str
) -> None:
    damage(checkpoint.folder)
    assert checkpoint.fault(None, landing) == fault
    checkpoint.set_aside()
    assert not checkpoint.folder.exists()
    assert checkpoint.aside.exists()
    assert checkpoint.fault(None, landing) is None


def test_only_the_last_checkpoint_that_was_set_aside_is_kept(tmp_path: Path, landing: Path) -> None:
    for last in (3, 4):
        _whole(tmp_path / "silver", landing, last).set_aside()
    assert [path.name for path in tmp_path.iterdir()] == ["silver.set-aside"]
    assert max(path.name for path in (tmp_path / "silver.set-aside" / "offsets").glob("?")) == "4"


def test_files_of_the_checkpoint_may_vanish_and_have_any_name(tmp_path: Path) -> None:
    _write(tmp_path / "offsets" / "not-a-number")
    _write(tmp_path / "offsets" / "\u0664")
    (tmp_path / "offsets" / "7").mkdir()
    (tmp_path / "sources" / "0").mkdir(parents=True)
    (tmp_path / "sources" / "0" / "3").symlink_to(tmp_path / "gone")
    checkpoint = Checkpoint(tmp_path)
    assert not checkpoint.oversized
    assert checkpoint.fault(None, tmp_path) is None

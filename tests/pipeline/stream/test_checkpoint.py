"""What a checkpoint's folder says."""

from pathlib import Path

import pytest

from pipeline.stream.checkpoint import Checkpoint


def _write(path: Path, size: int = 1) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(b"x" * size)


def test_a_missing_checkpoint_has_planned_and_committed_nothing(tmp_path: Path) -> None:
    checkpoint = Checkpoint(tmp_path / "silver")
    assert (checkpoint.planned, checkpoint.has_commits, checkpoint.oversized) == (-1, False, False)


def test_the_highest_planned_batch_counts_whatever_its_number_of_digits(tmp_path: Path) -> None:
    for name in ("9", "10", ".10.crc", "metadata"):
        _write(tmp_path / "offsets" / name)
    assert Checkpoint(tmp_path).planned == 10


def test_a_planned_batch_is_not_committed(tmp_path: Path) -> None:
    _write(tmp_path / "offsets" / "0")
    _write(tmp_path / "commits" / ".0.crc")
    assert not Checkpoint(tmp_path).has_commits
    _write(tmp_path / "commits" / "0")
    assert Checkpoint(tmp_path).has_commits


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

"""When the tables of a local disk are compacted, and what happens if that fails."""

from __future__ import annotations

from pathlib import Path

import pytest

from pipeline.errors import OperatorError
from pipeline.stream.compaction import (
    DAY,
    ENOUGH,
    KEPT_REPLACED,
    RETRY_AFTER,
    TOO_MANY,
    Compaction,
    is_due,
    vacuum_is_due,
)

NOW = 1_800_000_000.0


class Table:
    def __init__(self, name: str, small_files: int = 0, *, is_local: bool = True) -> None:
        self.name = name
        self.small_files = small_files
        self.is_local = is_local
        self.calls: list[str] = []
        self.failure: Exception | None = None

    def compact(self) -> None:
        self._call("compact")
        self.small_files = 0

    def vacuum(self) -> None:
        self._call("vacuum")

    def expire_log(self) -> None:
        self.calls.append("expire")

    def _call(self, name: str) -> None:
        self.calls.append(name)
        if self.failure is not None:
            raise self.failure

    @property
    def changes(self) -> list[str]:
        return [call for call in self.calls if call != "expire"]


@pytest.fixture
def record(tmp_path: Path) -> Path:
    return tmp_path / "compaction.json"


@pytest.fixture
def compaction(record: Path) -> Compaction:
    return Compaction(record)


@pytest.mark.parametrize(
    ("small_files", "quiet", "due"),
    [
        (ENOUGH - 1, True, False),
        (ENOUGH, True, True),
        (ENOUGH, False, False),
        (TOO_MANY - 1, False, False),
        (TOO_MANY, False, True),
    ],
)
def test_a_table_is_compacted_in_a_quiet_moment_or_when_it_can_wait_no_longer(
    small_files: int, quiet: bool, due: bool
) -> None:
    assert is_due(small_files, quiet=quiet) is due


def test_a_step_compacts_one_table_the_one_with_most_small_files_first(compaction: Compaction) -> None:
    few, many, none = Table("bronze", ENOUGH), Table("silver", ENOUGH + 1), Table("quarantine")
    steps = [compaction.step([few, many, none], NOW, quiet=True) for _ in range(3)]
    assert steps == ["silver", "bronze", None]
    assert (few.changes, many.changes, none.changes) == (["compact"], ["compact"], [])


def test_each_step_shortens_the_logs(compaction: Compaction) -> None:
    tables = [Table("bronze"), Table("silver")]
    compaction.step(tables, NOW, quiet=False)
    assert [table.calls for table in tables] == [["expire"], ["expire"]]


def test_a_table_that_the_platform_compacts_is_left_alone(compaction: Compaction) -> None:
    table = Table("bronze", TOO_MANY, is_local=False)
    assert compaction.step([table], NOW, quiet=True) is None
    assert table.calls == []


@pytest.mark.parametrize(
    ("compacted", "vacuumed", "due"),
    [
        (0.0, -DAY + 1, False),
        (0.0, -DAY, True),
        (-DAY / 2, -DAY, True),
        (-DAY - KEPT_REPLACED + 1, -DAY, True),
        (-DAY - KEPT_REPLACED, -DAY, False),
        (-9 * DAY, -5 * DAY, False),
    ],
)
def test_a_vacuum_is_due_daily_as_long_as_there_is_something_to_remove(
    compacted: float, vacuumed: float, due: bool
) -> None:
    assert vacuum_is_due(NOW, NOW + compacted, NOW + vacuumed) is due


def test_a_compacted_table_is_vacuumed_a_day_later_in_a_quiet_moment_also_over_restarts(record: Path) -> None:
    table = Table("bronze")
    assert Compaction(record).step([table], NOW, quiet=True) is None
    table.small_files = ENOUGH
    assert Compaction(record).step([table], NOW, quiet=True) == "bronze"
    assert Compaction(record).step([table], NOW + DAY - 1, quiet=True) is None
    assert Compaction(record).step([table], NOW + DAY, quiet=False) is None
    assert table.changes == ["compact"]
    assert Compaction(record).step([table], NOW + DAY, quiet=True) == "bronze"
    for days in (2, 3, 9):
        assert Compaction(record).step([table], NOW + days * DAY, quiet=True) is None
    assert table.changes == ["compact", "vacuum"]


def test_a_table_whose_vacuum_is_of_the_future_is_vacuumed(record: Path) -> None:
    table = Table("bronze", ENOUGH)
    Compaction(record).step([table], NOW + 300 * DAY, quiet=True)
    assert Compaction(record).step([table], NOW, quiet=True) == "bronze"
    assert Compaction(record).step([table], NOW + 1, quiet=True) is None
    assert table.changes == ["compact", "vacuum"]


@pytest.mark.parametrize("content", ["", "{", "[]", '{"compacted": {}}', '{"compacted": {"a": "x"}, "vacuumed": {}}'])
def test_a_record_that_can_not_be_read_counts_as_none(record: Path, content: str) -> None:
    record.write_text(content)
    table = Table("bronze", ENOUGH)
    assert Compaction(record).step([table], NOW, quiet=True) == "bronze"
    assert Compaction(record).step([table], NOW + DAY, quiet=True) == "bronze"
    assert table.changes == ["compact", "vacuum"]


def test_what_fails_is_tried_again_after_ten_minutes_and_does_not_hinder_the_others(compaction: Compaction) -> None:
    bad, good = Table("bronze", TOO_MANY), Table("silver", ENOUGH)
    bad.failure = OSError("no space")
    assert [compaction.step([bad, good], NOW, quiet=True) for _ in range(3)] == ["bronze", "silver", None]
    assert compaction.step([bad, good], NOW + RETRY_AFTER - 1, quiet=True) is None
    assert bad.changes == ["compact"]
    bad.failure = None
    assert compaction.step([bad, good], NOW + RETRY_AFTER, quiet=True) == "bronze"
    assert bad.small_files == 0


def test_a_vacuum_that_fails_is_tried_again(compaction: Compaction) -> None:
    table = Table("bronze", ENOUGH)
    compaction.step([table], NOW, quiet=True)
    table.failure = RuntimeError("Spark")
    later = NOW + DAY
    compaction.step([table], later, quiet=True)
    assert compaction.step([table], later + 1, quiet=True) is None
    table.failure = None
    assert compaction.step([table], later + RETRY_AFTER, quiet=True) == "bronze"
    assert compaction.step([table], later + RETRY_AFTER + 1, quiet=True) is None


def test_a_storage_that_is_no_longer_ours_is_not_changed(record: Path) -> None:
    def taken() -> None:
        raise OperatorError("taken over")

    table = Table("bronze", TOO_MANY)
    with pytest.raises(OperatorError, match="taken over"):
        Compaction(record, taken).step([table], NOW, quiet=True)
    assert table.changes == []


def test_a_disk_that_is_full_does_not_stop_a_compaction(tmp_path: Path) -> None:
    table = Table("bronze", ENOUGH)
    compaction = Compaction(tmp_path / "missing" / "compaction.json")
    assert compaction.step([table], NOW, quiet=True) == "bronze"
    assert compaction.step([table], NOW + DAY, quiet=True) == "bronze"
    assert table.changes == ["compact", "vacuum"]

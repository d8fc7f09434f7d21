"""The command refuses what it can't show before it starts Spark."""

from __future__ import annotations

from pathlib import Path

import pytest

from pipeline.errors import OperatorError
from pipeline.tables import SILVER
from scripts.dashboard import __main__ as command


@pytest.fixture(autouse=True)
def _no_spark(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse() -> None:
        raise AssertionError("Spark was started")

    monkeypatch.setattr(command, "spark_session", refuse)


def test_a_folder_without_tables_is_refused(tmp_path: Path) -> None:
    with pytest.raises(OperatorError, match=r"--storage .* has no tables: give the storage of a run"):
        command.dashboard(tmp_path, tmp_path / "d.html")


def test_a_file_in_no_folder_is_refused(tmp_path: Path) -> None:
    (tmp_path / SILVER.name / "_delta_log").mkdir(parents=True)
    with pytest.raises(OperatorError, match=r"--out .* is in a folder that does not exist"):
        command.dashboard(tmp_path, tmp_path / "nowhere" / "d.html")

"""Pictures of terminals, taken of a real run."""

from __future__ import annotations

from pathlib import Path

import pytest

from scripts.pictures import runs

pytestmark = pytest.mark.e2e


def test_the_status_is_taken_beside_a_run_with_one_reply_of_unknown_outcome(tmp_path: Path) -> None:
    runs.take_status(tmp_path)
    shown = (tmp_path / "status.svg").read_text().replace("&#160;", " ")
    assert "pipeline status --storage /srv/bot" in shown
    assert "running, process" in shown
    assert "9  (8 sent, 1 unknown)" in shown
    assert str(tmp_path) not in shown

"""The choice between a deployment and a local run."""

from __future__ import annotations

from pathlib import Path

import pytest

from pipeline.errors import OperatorError
from pipeline.view.data import NotReadableHere
from pipeline.view.local import LocalView
from scripts.target.choice import require_one, view_of


@pytest.mark.parametrize(("stack", "local"), [("", False), ("prod", True)])
def test_exactly_one_of_the_two_is_needed(stack: str, local: bool) -> None:
    with pytest.raises(OperatorError, match=r"^--stack or --local is needed: "):
        require_one(stack, local)


def test_a_local_run_is_viewed_by_its_settings_and_its_tables_must_be_here(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PIPELINE_STORAGE", str(tmp_path))
    assert isinstance(view_of("", None, local=True), LocalView)
    monkeypatch.setenv("PIPELINE_SILVER", "lake.bot.silver")
    with pytest.raises(NotReadableHere):
        view_of("", None, local=True)

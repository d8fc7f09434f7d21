"""Each phase of a start has its seconds."""

from __future__ import annotations

import io
from itertools import count

import pytest
from rich.console import Console

from pipeline.demo.progress import Progress


def test_each_phase_that_is_done_is_a_line_with_its_seconds() -> None:
    console = Console(file=io.StringIO(), width=80)
    ticks = count(0.0, 1.5)
    progress = Progress(console, clock=lambda: next(ticks))
    with progress.phase("model: loading"):
        pass
    with pytest.raises(ValueError, match="no"), progress.phase("pipeline"):
        raise ValueError("no")
    progress.print_total()
    lines = console.file.getvalue().splitlines()  # type: ignore[attr-defined]
    assert len(lines) == 2
    assert lines[0].startswith("✓ model: loading  ")
    assert lines[1].startswith("✓ ready  ")
    assert all(line.endswith(" s") for line in lines)


def test_a_phase_under_way_shows_its_seconds_so_far() -> None:
    console = Console(file=io.StringIO(), width=80, force_terminal=True)
    seconds = iter([0.0, 0.0, *[7.0] * 1000])
    with Progress(console, clock=lambda: next(seconds)).phase("pipeline"):
        pass
    assert "pipeline …  7 s" in console.file.getvalue()  # type: ignore[attr-defined]

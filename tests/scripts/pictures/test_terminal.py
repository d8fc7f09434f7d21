"""A terminal as a picture."""

from __future__ import annotations

import re

import pytest

from scripts.pictures.terminal import terminal_svg


def test_a_picture_of_a_terminal_keeps_its_columns_whatever_the_script() -> None:
    svg = terminal_svg("│ 日本 │ x │\n│ 🎉   │ y │\n│ abcd │ z │\n", "make demo")
    places = {re.search(rf'x="([\d.]+)"[^>]*>&#160;{letter}', svg)[1] for letter in "xyz"}  # type: ignore[index]
    assert len(places) == 1


def test_it_shows_the_command_and_loads_nothing() -> None:
    svg = terminal_svg("done\n", "pipeline status")
    assert "pipeline&#160;status" in svg
    assert "done" in svg
    assert not re.search(r"@font-face|@import|<script|url\(['\"]?http", svg)


@pytest.mark.parametrize("columns", [60, 96])
def test_it_is_as_wide_as_its_columns(columns: int) -> None:
    width = float(re.search(r'viewBox="0 0 ([\d.]+)', terminal_svg("x", "y", columns))[1])  # type: ignore[index]
    assert width == pytest.approx(columns * 12.2, rel=0.05)

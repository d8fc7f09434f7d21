"""Lengths and slices in UTF-16 code units."""

import pytest

from pipeline.messages.utf16 import utf16_length, utf16_slice


@pytest.mark.parametrize(("text", "length"), [("", 0), ("aé漢", 3), ("🎉", 2), ("\ud800", 1), ("e\u0301", 2)])
def test_a_length_is_in_utf16_units(text: str, length: int) -> None:
    assert utf16_length(text) == length


def test_a_slice_in_utf16_units_replaces_half_a_character_at_its_edge() -> None:
    assert utf16_slice("a🎉b", 1, 2) == "🎉"
    assert utf16_slice("a🎉b", 3, 1) == "b"
    assert utf16_slice("a🎉b", 0, 2) == "a\ufffd"

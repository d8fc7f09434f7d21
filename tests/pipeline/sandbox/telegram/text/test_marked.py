"""The length of a text, and the white space around it."""

from pipeline.sandbox.telegram.text.html_style import parse_html
from pipeline.sandbox.telegram.text.marked import MarkedText, byte_offset, stripped, utf16_length


def test_a_character_beyond_the_basic_plane_counts_twice() -> None:
    """MessageEntity: offset and length are in UTF-16 code units."""
    assert utf16_length("a🎉é") == 4


def test_errors_of_markup_count_bytes() -> None:
    """Formatting options: the server's errors name a byte offset in UTF-8."""
    assert byte_offset("é🎉x", 2) == 6


def test_white_space_at_both_ends_is_removed_and_entities_move() -> None:
    """sendMessage: the text after entities parsing; the server trims it."""
    assert stripped(parse_html(" \n<b> x </b> ")) == MarkedText("x", [{"type": "bold", "offset": 0, "length": 1}])
    assert stripped(parse_html("<b>  </b>")) == MarkedText("", [])

"""Texts from outside, as tables and terminals can hold them."""

from __future__ import annotations

import json

import pytest

from pipeline.messages.text import printable, printable_json, storable

HOSTILE = "a\x1b[2Jb\x07c\x9b31md\x7fe\u202ef\u2066g\u2028h\rí\ud800j\x00k"


def test_what_steers_a_terminal_is_shown_instead() -> None:
    shown = printable(HOSTILE)
    assert shown == r"a\x1b[2Jb\x07c\x9b31md\x7fe\u202ef\u2066g\u2028h\x0dí\ud800j\x00k"
    assert shown.isprintable()


@pytest.mark.parametrize(
    "text", ["Grüße, 世界", "👩\u200d👩\u200d👧 🏴\U000e0067\U000e0062\U000e007f", "שלום \u200fעולם", ""]
)
def test_what_people_write_stays_as_it_is(text: str) -> None:
    assert printable(text) == text


def test_a_caller_keeps_the_characters_that_it_lays_out_itself() -> None:
    assert printable("one\ntwo\tthree\r", keep="\n\t") == "one\ntwo\tthree\\x0d"
    assert printable("one\ntwo") == "one\\x0atwo"


def test_json_keeps_its_meaning_and_holds_none_of_them() -> None:
    written = json.dumps({HOSTILE: [HOSTILE]}, ensure_ascii=False, indent=2)
    shown = printable_json(written)
    assert json.loads(shown) == {HOSTILE: [HOSTILE]}
    assert all(line.isprintable() for line in shown.split("\n"))


def test_what_no_table_can_hold_is_left_out() -> None:
    assert storable("a\ud800b\0c") == "a\ufffdbc"

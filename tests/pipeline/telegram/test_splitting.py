"""Splitting of long answers."""

import random
import re

import pytest

from pipeline.telegram.splitting import MAX_UNITS, split
from pipeline.telegram.utf16 import utf16_length


@pytest.mark.parametrize(("text", "parts"), [("", ()), (" \n ", ()), (" hi \n", ("hi",)), ("x" * 4096, ("x" * 4096,))])
def test_a_text_that_fits_is_one_part_without_white_space_around(text: str, parts: tuple[str, ...]) -> None:
    assert split(text) == parts


@pytest.mark.parametrize(
    ("text", "limit", "parts"),
    [
        ("one two.\n\nthree. four five", 17, ("one two.", "three. four five")),  # a paragraph before a later sentence
        ("first line\nsecond. third", 20, ("first line", "second. third")),
        ("One is it. Two is, three", 18, ("One is it.", "Two is, three")),
        ("Really?! Yes, it is so", 16, ("Really?!", "Yes, it is so")),
        ("第一句。第二句！第三", 8, ("第一句。第二句！", "第三")),
        ("alpha, beta gamma", 12, ("alpha,", "beta gamma")),
        ("alpha beta gamma", 12, ("alpha beta", "gamma")),
        ("a. bcdefghijklmnopqrst", 10, ("a. bcdefgh", "ijklmnopqr", "st")),  # a boundary too early is not used
        ("x" * 25, 10, ("x" * 10, "x" * 10, "x" * 5)),
        ("🎉" * 7, 6, ("🎉🎉🎉", "🎉🎉🎉", "🎉")),
    ],
)
def test_a_text_is_cut_where_a_reader_would(text: str, limit: int, parts: tuple[str, ...]) -> None:
    assert split(text, limit) == parts


@pytest.mark.parametrize("sign", ["👩‍🚀", "👍🏽", "e\u0301", "❤️"])
def test_a_sign_of_several_characters_stays_whole(sign: str) -> None:
    for before in range(20):
        parts = split("x" * before + sign + "y" * 20, 20)
        assert [sign in part for part in parts].count(True) == 1, before


def test_no_split_loses_a_character_or_exceeds_the_limit() -> None:
    chance = random.Random(7)
    signs = "ab. ,;!?\n漢。🎉\u200d\ufe0fe\u0301"
    for _ in range(300):
        limit = chance.choice([40, 64, 100])
        text = "".join(chance.choices(signs, k=chance.randrange(400)))
        parts = split(text, limit)
        assert all(0 < utf16_length(part) <= limit for part in parts)
        assert re.sub(r"\s", "", "".join(parts)) == re.sub(r"\s", "", text)


def test_a_very_long_answer_is_split_by_telegrams_limit() -> None:
    parts = split("A sentence of words. " * 1000)
    assert len(parts) == 6
    assert all(part.endswith("words.") and MAX_UNITS // 2 < utf16_length(part) <= MAX_UNITS for part in parts[:-1])

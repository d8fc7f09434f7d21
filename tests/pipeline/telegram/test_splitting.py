"""Splitting of long answers."""

import random
import re
import time

import pytest

from pipeline.messages.utf16 import utf16_length
from pipeline.telegram.splitting import MAX_UNITS, shortened, split


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


# Texts that are cut

NOTE = "(too long)"


@pytest.mark.parametrize(
    ("text", "kept"),
    [
        ("", ""),
        ("x" * 60, "x" * 60),  # three parts exactly
        ("x" * 61, "x" * 48 + "\n\n(too long)"),
        ("one two three. " * 9, "one two three. one two three. one two\n\n(too long)"),
        ("a\n\n" + "🎉" * 40, None),
    ],
)
def test_a_text_is_cut_to_a_number_of_parts_and_says_so(text: str, kept: str | None) -> None:
    cut = shortened(text, 3, NOTE, limit=20)
    assert kept is None or cut == kept
    assert len(split(cut, 20)) <= 3
    assert cut == text or cut.endswith(f"\n\n{NOTE}")


def test_any_text_is_cut_to_parts_that_telegram_takes_and_keeps_its_beginning() -> None:
    random_ = random.Random(7)
    for _ in range(300):
        pieces = ["word", ". ", "\n", "\n\n", " ", "🎉", "👨‍👩‍👧", "é", "。", "x" * 15]
        text = "".join(random_.choices(pieces, k=random_.randrange(200)))
        cut = shortened(text, 3, NOTE, limit=20)
        parts = split(cut, 20)
        assert len(parts) <= 3
        assert all(utf16_length(part) <= 20 for part in parts)
        assert cut == text or text.strip().startswith(cut.removesuffix(NOTE).rstrip())
        if len(split(text, 20)) <= 3:
            assert cut is text
        else:
            assert parts[-1].endswith(NOTE)


def test_a_text_of_many_megabytes_is_cut_without_being_read_to_its_end() -> None:
    text = "A sentence of a long answer. " * 400_000
    began = time.perf_counter()
    cut = shortened(text, 8, NOTE)
    assert time.perf_counter() - began < 1.0
    assert len(split(cut)) == 8
    assert 0.9 * 8 * MAX_UNITS < len(cut) < 8 * MAX_UNITS

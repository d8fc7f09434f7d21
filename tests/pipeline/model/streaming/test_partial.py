"""What is shown of an answer while it comes."""

import json
import time

import pytest

from pipeline.model.outcome import read_answer
from pipeline.model.streaming.partial import PartialAnswer, paired


def shown(content: str, size: int = 1) -> list[str]:
    """What is shown after each piece."""
    answer, texts = PartialAnswer(), []
    for start in range(0, len(content), size):
        answer.add(content[start : start + size])
        texts.append(answer.text)
    return texts


WHOLE = [
    '{"answer": "hello"}',
    ' \n{ "answer" : "hello" } ',
    '{"answer": "a \\"quoted\\" back\\\\slash, \\/ and\\ta tab\\nand a line"}',
    '{"answer": "\\u00e9\\ud83d\\ude00!"}',
    '{"answer": "é😀!"}',
    '{"answer": "lone \\ud83d end"}',
    '{"thought": "x, \\"answer\\": no", "list": [1, {"answer": "not this"}, "]"], "n": 1.5e3, "answer": "this"}',
    '{"answer": "first", "answer": "last"}',
    '{"n": true, "answer": "hi", "rest": null}',
    '{"an\\u0073wer": "escaped key"}',
    '```json\n{"answer": "fenced"}\n```',
    '```\n{"answer": "fenced"}\n```',
    "```\nplain in a fence\n```",
    "plain text",
    "  plain {not json} text",
    "`code` first",
    '{"answer": "   "}',
    '{"answer": "line\nin a string"}',
]


@pytest.mark.parametrize("size", [1, 2, 3, 5, 1000])
@pytest.mark.parametrize("content", WHOLE)
def test_in_the_end_it_is_the_answer_however_the_pieces_were_cut(content: str, size: int) -> None:
    assert (shown(content, size)[-1] or None) == read_answer(content)


@pytest.mark.parametrize(
    "content",
    [
        "",
        "   ",
        "[1]",
        "[x] is a list",
        "{",
        "{}",
        '{"answer": 7}',
        '{"other": "x"}',
        '{answer: "x"}',
        '{"answer": {"a": 1}}',
    ],
)
def test_what_may_be_no_answer_is_not_shown(content: str) -> None:
    assert set(shown(content)) <= {""}


def test_it_grows_by_whole_characters() -> None:
    texts = shown('{"answer": "a\\n\\ud83d\\ude00b"}')
    grown = list(dict.fromkeys(texts))
    # Half of a pair is shown as what it would be if nothing followed.
    assert grown == ["", "a", "a\n\ufffd".strip(), "a\n😀", "a\n😀b"]


@pytest.mark.parametrize("content", ['{"answer": "so far\\x and on"}', '{"answer": "so far\\u12G4 and on"}'])
def test_where_it_is_no_json_any_more_it_stands_still(content: str) -> None:
    assert shown(content)[-1] == "so far"


@pytest.mark.parametrize(
    ("content", "begun"), [('{"answer": "', False), ('{"answer": " \\n', False), ('{"answer": " x', True)]
)
def test_it_has_begun_with_its_first_word(content: str, begun: bool) -> None:
    answer = PartialAnswer()
    answer.add(content)
    assert answer.begun is begun


def test_two_halves_that_a_server_sent_apart_are_one_character() -> None:
    answer = PartialAnswer()
    for piece in ('{"answer": "', json.loads('"\\ud83d"'), json.loads('"\\ude00"')):
        answer.add(piece)
    assert answer.text == "😀"
    assert paired(json.loads('"\\ud83d"') + "x") == json.loads('"\\ud83d"') + "x"


@pytest.mark.parametrize(
    "content",
    [
        "\n" * 300_000,
        '{"x": "' + "\\\\" * 150_000,
        '{"answer": "' + "\\n" * 150_000,
        '{"' + "x" * 300_000,
        "{" + ", " * 150_000,
        '{"x": ' + "[" * 300_000,
        "`" * 300_000,
    ],
)
def test_the_time_it_takes_grows_with_the_length_only(content: str) -> None:
    answer, began = PartialAnswer(), time.process_time()
    for character in content:
        answer.add(character)
    assert time.process_time() - began < 5

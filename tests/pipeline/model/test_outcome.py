"""What to do after an attempt, and how an answer is read."""

import json
import time
from typing import Any

import pytest

from pipeline.model.outcome import (
    OUTAGES,
    SUSPICIOUS,
    Next,
    Outcome,
    Verdict,
    counts,
    is_json_answer,
    next_step,
    read_answer,
)


def step(verdict: Verdict, attempts: int, others_answered: bool) -> Next:
    return next_step(Outcome(verdict=verdict), attempts, 3, others_answered)


@pytest.mark.parametrize("others_answered", [True, False])
def test_an_answer_is_delivered_and_a_rejected_message_falls_back_at_once(others_answered: bool) -> None:
    assert step(Verdict.ANSWERED, 1, others_answered) is Next.DELIVER
    assert step(Verdict.REJECTED, 1, others_answered) is Next.FALL_BACK


@pytest.mark.parametrize("others_answered", [True, False])
@pytest.mark.parametrize("verdict", sorted(OUTAGES))
def test_an_outage_is_never_a_messages_fault(verdict: Verdict, others_answered: bool) -> None:
    assert {step(verdict, attempts, others_answered) for attempts in (0, 1, 3, 99)} == {Next.WAIT}


def test_the_outages_are_these() -> None:
    assert {"busy", "unreachable", "unauthorised"} == OUTAGES
    assert {"failing", "forbidden", "unknown_model"} == SUSPICIOUS


@pytest.mark.parametrize("others_answered", [True, False])
def test_an_unreadable_answer_is_asked_for_again_and_then_falls_back(others_answered: bool) -> None:
    steps = [step(Verdict.UNREADABLE, attempts, others_answered) for attempts in (1, 2, 3)]
    assert steps == [Next.ASK_AGAIN, Next.ASK_AGAIN, Next.FALL_BACK]


@pytest.mark.parametrize("verdict", sorted(SUSPICIOUS))
def test_a_failing_model_is_a_messages_fault_only_while_others_are_answered(verdict: Verdict) -> None:
    assert [step(verdict, n, True) for n in (1, 2, 3, 4)] == [
        Next.ASK_AGAIN, Next.ASK_AGAIN, Next.FALL_BACK, Next.FALL_BACK,
    ]  # fmt: skip
    assert {step(verdict, n, False) for n in (1, 2, 3, 99)} == {Next.WAIT}
    assert [counts(Outcome(verdict=verdict), others) for others in (True, False)] == [True, False]


@pytest.mark.parametrize(
    ("content", "answer"),
    [
        ('{"answer": "hi"}', "hi"),
        (' {"answer": " hi\\n", "mood": 1} ', "hi"),
        ('```json\n{"answer": "hi"}\n```', "hi"),
        ('```\n{"answer": "hi"}\n```', "hi"),
        ("```json {\"answer\": \"hi\"}```", "hi"),
        ('{"answer": "two\nlines"}', "two\nlines"),
        ("hi", "hi"),
        ("  hi\n", "hi"),
        ("[Note] hi", "[Note] hi"),
        ([{"type": "text", "text": '{"answer": "hi"}'}], "hi"),
        ([{"type": "reasoning", "text": "hm"}, {"type": "text", "text": "hi"}], "hi"),
        ([{"type": "text", "text": '{"answer": '}, {"type": "text", "text": '"hi"}'}], "hi"),
        ([{"type": "reasoning", "summary": []}], None),
        ([{"type": "text", "text": 7}, "hi"], None),
        ([], None),
        ("", None),
        (" \n\0 ", None),
        (None, None),
        (7, None),
        ({"answer": "hi"}, None),
        ('{"answer": "cut o', None),
        ('{"answer": ""}', None),
        ('{"answer": null}', None),
        ('{"answer": ["hi"]}', None),
        ('{"reply": "hi"}', None),
        ('["hi"]', None),
        ("{not json}", None),
        ('{"answer": "a\\ud800z"}', "a\ufffdz"),
        ("a\ud83d\0z", "a\ufffdz"),
        ('{"answer": "\\ud83c\\udf89"}', "🎉"),
    ],
)  # fmt: skip
def test_the_answer_is_read_from_what_servers_send(content: Any, answer: str | None) -> None:
    assert read_answer(content) == answer


@pytest.mark.parametrize(
    ("content", "as_asked"),
    [
        ('{"answer": "yes"}', True),
        ('```json\n{"answer": "yes"}\n```', True),
        ([{"type": "reasoning"}, {"type": "text", "text": '{"answer": "yes"}'}], True),
        ("yes", False),
        ('{"reply": "yes"}', False),
        ('{"answer": ', False),
        ("[1, 2]", False),
        (None, False),
    ],
)
def test_the_json_that_was_asked_for_is_distinguished_from_other_answers(content: Any, as_asked: bool) -> None:
    assert is_json_answer(content) is as_asked


@pytest.mark.parametrize("content", ["[" * 5000, '{"answer": ' + "[" * 5000, '{"a":' * 5000])
def test_an_answer_that_only_nests_is_unreadable_and_raises_nothing(content: str) -> None:
    assert read_answer(content) in (None, content)


def test_an_outcome_crosses_a_process_border() -> None:
    outcome = Outcome(verdict=Verdict.BUSY, reason="429", retry_after=1.5, prompt_tokens=2, seconds=0.25)
    assert Outcome.model_validate(json.loads(outcome.model_dump_json())) == outcome


@pytest.mark.parametrize("text", ["```" + "\n" * 400_000 + "x", "```" + "a" * 400_000, "`" * 400_000, "[" * 400_000])
def test_no_content_takes_long_to_read(text: str) -> None:
    began = time.perf_counter()
    read_answer(text)
    assert time.perf_counter() - began < 2.0


@pytest.mark.parametrize(
    ("text", "answer"),
    [
        ("```\nhi\n```", "hi"),
        ("```text hi```", "hi"),
        ('```json\n\n  {"answer": "hi"}\n```', "hi"),
        ("```hi```", None),
        ("``````", None),
        ("`````", "`````"),
        ("```hi", "```hi"),
    ],
)
def test_a_code_fence_is_taken_off(text: str, answer: str | None) -> None:
    assert read_answer(text) == answer

"""A question whose answer could not be read is not asked again alike."""

from __future__ import annotations

import json

import pytest
from pydantic import SecretStr

from pipeline.model.client import Model, ModelSettings
from pipeline.model.outcome import Verdict
from pipeline.model.unreadable import UnreadableAnswers, other_temperature
from pipeline.platform.credentials import ModelAccess
from tests.support.replies import request
from tests.support.wire import Received, response, wired

CUT_OFF = '{"answer": "the sk'


def test_a_question_is_remembered_until_it_is_answered() -> None:
    answers = UnreadableAnswers()
    answers.note(request("hi"), Verdict.UNREADABLE)
    assert (answers.has(request("hi")), answers.has(request("ho"))) == (True, False)
    answers.note(request("hi"), Verdict.BUSY)
    assert answers.has(request("hi")), "an attempt that brought no answer changes nothing"
    answers.note(request("hi"), Verdict.ANSWERED)
    assert not answers.has(request("hi"))


def test_only_the_latest_questions_are_remembered() -> None:
    answers = UnreadableAnswers()
    for number in range(2000):
        answers.note(request(str(number)), Verdict.UNREADABLE)
    assert sum(answers.has(request(str(number))) for number in range(2000)) == 1000
    assert answers.has(request("1999"))


@pytest.mark.parametrize(("before", "after"), [(None, 0.7), (0.0, 0.7), (1.2, 1.2)])
def test_asking_again_is_never_at_temperature_0(before: float | None, after: float) -> None:
    assert other_temperature(before) == after


def test_the_second_request_has_no_schema_and_a_temperature_and_the_next_question_is_asked_as_ever() -> None:
    def respond(received: Received) -> bytes:
        content = CUT_OFF if "response_format" in received.body else "Because of the air."
        return response("200 OK", json.dumps({"choices": [{"message": {"content": content}}]}))

    with wired(respond) as wire:
        model, access = Model(ModelSettings("m", temperature=0.0)), ModelAccess(wire.url, SecretStr("none"))
        outcomes = [model.ask(access, request("Why?")) for _ in range(2)]
        model.ask(access, request("Why?"))
        bodies = [received.body for received in wire.received]
        model.close()
    assert [outcome.verdict for outcome in outcomes] == [Verdict.UNREADABLE, Verdict.ANSWERED]
    assert outcomes[1].text == "Because of the air."
    assert ["response_format" in body for body in bodies] == [True, False, True]
    assert [body["temperature"] for body in bodies] == [0.0, 0.7, 0.0]


def test_a_server_without_schemas_is_known_by_its_refusal() -> None:
    def respond(received: Received) -> bytes:
        if "response_format" in received.body:
            return response("400 Bad Request", json.dumps({"error": {"message": "response_format: not supported"}}))
        return response("200 OK", json.dumps({"choices": [{"message": {"content": "hello"}}]}))

    with wired(respond) as wire:
        model = Model(ModelSettings("m"))
        before = model.takes_schema
        model.ask(ModelAccess(wire.url, SecretStr("none")), request("hi"))
        model.close()
    assert (before, model.takes_schema) == (True, False)

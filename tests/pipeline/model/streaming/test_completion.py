"""Answers that come while they are written, over HTTP."""

import itertools
import json
import threading
import time
from collections.abc import Callable, Iterator
from typing import Any

import httpcore
import pytest
from pydantic import SecretStr

from pipeline.model.client import Model, ModelSettings
from pipeline.model.outcome import Outcome, Verdict
from pipeline.model.streaming.completion import events
from pipeline.platform.credentials import ModelAccess
from pipeline.sandbox.models.rules import ScriptedRule
from pipeline.sandbox.models.scripted import ScriptedModel
from tests.pipeline.conftest import ModelServer
from tests.support.replies import request
from tests.support.waiting import eventually
from tests.support.wire import Received, response, wired

BEARER = "test-bearer"


class Follower:
    """A listener that notes what it is told, and stops after some words."""

    def __init__(self, stop_at: int | None = None, *, stopped: bool = False) -> None:
        self.texts: list[str] = []
        self.stop_at = stop_at
        self.stopped = stopped

    def words(self, so_far: Callable[[], str]) -> None:
        if text := so_far():
            self.texts.append(text)
        self.stopped = self.stopped or len(self.texts) == self.stop_at


@pytest.fixture
def model() -> Iterator[Model]:
    model = Model(ModelSettings("scripted", model_timeout=5.0, max_tokens=64))
    yield model
    model.close()


def facts(outcome: Outcome) -> dict[str, Any]:
    return outcome.model_dump(exclude={"seconds", "first_words"})


RULES = [
    ScriptedRule(answer="hello"),
    ScriptedRule(answer='a "quoted" line\nand 😀, é, \\ and /'),
    ScriptedRule(answer="x" * 3000, stream_piece=7),
    ScriptedRule(content='```json\n{"answer": "hi"}\n```'),
    ScriptedRule(content="plain words"),
    ScriptedRule(blocks=[{"type": "reasoning", "summary": []}, {"type": "text", "text": '{"answer": "hi"}'}]),
    ScriptedRule(blocks=[{"type": "reasoning", "summary": []}, {"type": "text", "text": "hi there"}]),
    ScriptedRule(content=""),
    ScriptedRule(content='{"answer": "cut', finish_reason="length"),
    ScriptedRule(content='{"other": "x"}'),
    ScriptedRule(empty_choices=True),
    ScriptedRule(body="{"),
    ScriptedRule(body="[]"),
    ScriptedRule(body='{"choices": [{"message": null}]}'),
    ScriptedRule(body="<html>"),
    ScriptedRule(refusal="I won't"),
    ScriptedRule(content="x", finish_reason="content_filter"),
    ScriptedRule(status=400, message="too long"),
    ScriptedRule(status=401),
    ScriptedRule(status=404, message="no such model"),
    ScriptedRule(status=429, retry_after=3),
    ScriptedRule(status=503),
    ScriptedRule(status=502, body="<html>bad gateway</html>"),
    ScriptedRule(drop=True),
    ScriptedRule(answer=f"my key is {BEARER}"),
    ScriptedRule(answer="hello", ignore_stream=True),
    ScriptedRule(refuse_stream=True),
    ScriptedRule(refuse_stream_options=True, stream_usage=True, times=1),
    ScriptedRule(refuse_response_format=True),
]


@pytest.mark.parametrize("rule", RULES)
def test_the_outcome_is_that_of_an_answer_that_comes_at_once(
    model: Model, model_server: ModelServer, scripted: ScriptedModel, rule: ScriptedRule
) -> None:
    # The form that the server takes is found out first, and then each form has its own script.
    access = model_server.access(BEARER)
    scripted.add_rule(rule)
    at_once = model.ask(access, request("hi"))
    follower = Follower()
    outcome = model.ask(access, request("hi"), follower)
    assert facts(outcome) | {"prompt_tokens": None, "completion_tokens": None} == facts(at_once) | {
        "prompt_tokens": None,
        "completion_tokens": None,
    }
    if outcome.verdict is Verdict.ANSWERED and not rule.refuse_stream_options:
        assert (outcome.prompt_tokens, outcome.completion_tokens) == (at_once.prompt_tokens, at_once.completion_tokens)
    if outcome.verdict is Verdict.ANSWERED and follower.texts:
        assert BEARER in follower.texts[-1] or follower.texts[-1] == outcome.text
        assert outcome.first_words is not None


def test_the_words_come_as_they_are_written(model: Model, model_server: ModelServer, scripted: ScriptedModel) -> None:
    scripted.add_rule(ScriptedRule(answer="one two three", stream_piece=4, stream_pause=0.03, latency=0.1))
    follower = Follower()
    outcome = model.ask(model_server.access(), request("hi"), follower)
    assert outcome.text == "one two three"
    assert list(dict.fromkeys(follower.texts)) == ["one", "one two", "one two thre", "one two three"]
    assert outcome.first_words is not None
    assert 0.1 <= outcome.first_words < outcome.seconds


def test_a_server_that_refuses_to_stream_is_not_asked_to_again(
    model: Model, model_server: ModelServer, scripted: ScriptedModel
) -> None:
    scripted.add_rule(ScriptedRule(refuse_stream_options=True))
    scripted.add_rule(ScriptedRule(refuse_stream=True))
    for _ in range(2):
        outcome = model.ask(model_server.access(), request("hi"), Follower())
        assert (outcome.text, outcome.first_words) == ("echo: hi", None)
    assert [call["status"] for call in scripted.calls] == [400, 400, 200, 200]


def test_a_server_that_takes_no_stream_options_streams_without_them(
    model: Model, model_server: ModelServer, scripted: ScriptedModel
) -> None:
    scripted.add_rule(ScriptedRule(refuse_stream_options=True))
    outcome = model.ask(model_server.access(), request("hi"), Follower())
    assert (outcome.text, outcome.completion_tokens) == ("echo: hi", None)
    assert scripted.calls[-1]["streamed"]
    model.ask(model_server.access(), request("hi"), Follower())
    assert len(scripted.calls) == 3


@pytest.mark.parametrize("after", [0, 1, 5])
def test_a_stream_that_breaks_is_a_connection_that_broke(
    model: Model, model_server: ModelServer, scripted: ScriptedModel, after: int
) -> None:
    scripted.add_rule(ScriptedRule(answer="a long answer to be cut", stream_cut=after, stream_pause=0.01))
    outcome = model.ask(model_server.access(), request("hi"), Follower())
    assert (outcome.verdict, outcome.reason, outcome.text) == ("failing", "the connection to the model broke", "")


# Stopping


def test_an_answer_that_is_stopped_is_what_was_written(
    model: Model, model_server: ModelServer, scripted: ScriptedModel
) -> None:
    scripted.add_rule(ScriptedRule(answer="word " * 200, stream_piece=5, stream_pause=0.02))
    follower = Follower(stop_at=6)
    outcome = model.ask(model_server.access(), request("hi"), follower)
    assert (outcome.verdict, outcome.reason) == ("stopped", "stopped by the person who asked")
    assert outcome.text == follower.texts[-1]
    assert outcome.text.startswith("word word")
    assert (outcome.model, outcome.prompt_tokens) == ("scripted", None)
    assert outcome.first_words is not None
    # The connection is closed, so that the model writes no further.
    eventually(lambda: scripted.calls[0]["finished_at"] is not None)
    assert outcome.seconds < 2


@pytest.mark.parametrize("silent_after", [b"", b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n\r\n"])
def test_a_stop_needs_no_further_word_of_the_model(silent_after: bytes) -> None:
    def respond(_: Received) -> Iterator[bytes]:
        if silent_after:
            yield silent_after
        time.sleep(1.5)
        yield b""

    with wired(respond) as wire:
        model, follower = Model(ModelSettings("m", model_timeout=5.0)), Follower()
        threading.Timer(0.1, lambda: setattr(follower, "stopped", True)).start()
        outcome = model.ask(ModelAccess(wire.url, SecretStr("none")), request("hi"), follower)
    assert (outcome.verdict, outcome.text) == ("stopped", "")
    assert outcome.seconds < 1.0


def test_what_is_stopped_before_it_begins_is_not_asked_and_costs_nothing(
    model: Model, model_server: ModelServer, scripted: ScriptedModel
) -> None:
    outcome = model.ask(model_server.access(), request("hi"), Follower(stopped=True))
    assert (outcome.verdict, outcome.prompt_tokens, outcome.completion_tokens) == ("stopped", 0, 0)
    assert scripted.calls == []


def test_no_part_of_a_key_is_left_at_the_end_of_what_was_stopped(
    model: Model, model_server: ModelServer, scripted: ScriptedModel
) -> None:
    scripted.add_rule(ScriptedRule(answer=f"it is {BEARER}!", stream_piece=1, stream_pause=0.001))
    outcome = model.ask(model_server.access(BEARER), request("hi"), Follower(stop_at=len("it is test-bea")))
    assert outcome.text == "it is"


# What servers do


def stream(*data: object, end: bytes = b"data: [DONE]\n\n") -> bytes:
    body = b"".join(b"data: " + json.dumps(each).encode() + b"\n\n" for each in data) + end
    return response("200 OK", body, "Content-Type: text/event-stream; charset=utf-8")


def delta(content: Any, **more: Any) -> dict[str, Any]:
    return {"model": "m", "choices": [{"index": 0, "delta": {"content": content}, **more}]}


def block(text: str) -> dict[str, str]:
    return {"type": "text", "text": text}


HI = json.dumps(delta("hi")).encode()
USAGE = {"choices": [], "usage": {"prompt_tokens": 3, "completion_tokens": 2}}


@pytest.mark.parametrize(
    ("answer", "verdict", "text"),
    [
        (stream(delta("he"), delta("llo"), USAGE), "answered", "hello"),
        (stream(delta("hello"), delta(None, finish_reason="stop"), end=b""), "answered", "hello"),
        (stream(delta("hello"), end=b""), "failing", "the connection to the model broke"),
        (stream(end=b""), "failing", "the connection to the model broke"),
        (stream(), "unreadable", "no choice in the completion"),
        (stream(7, "x", None, {}, {"choices": 7}, {"choices": [7]}, delta("hi")), "answered", "hi"),
        (stream({"choices": [{"delta": {"role": "assistant"}}]}, delta([block("hi")])), "answered", "hi"),
        (stream(delta("a "), delta([block("b"), {"type": "x"}, 7]), delta(" c")), "answered", "a b c"),
        (stream(delta("hel"), {"error": {"message": "out of memory", "code": 500}}), "failing", "500 out of memory"),
        (stream({"error": {"message": "too long", "code": 400}}), "rejected", "400 too long"),
        (stream({"error": {"message": "slow down", "code": "429"}}), "failing", "500 slow down"),
        (stream({"error": f"key {BEARER}"}), "failing", "500 key <credential>"),
        (stream(delta("x"), end=b"data: {broken\n\n"), "unreadable", "no completion: JSONDecodeError"),
        (response("200 OK", b": hello\n\nevent: x\r\nid: 1\r\ndata: " + HI + b"\r\n\r\ndata:[DONE]"), "answered", "hi"),
        (response("200 OK", b'\n {"choices": [{"message": {"content": "hi"}}]}', "Content-Type: text/event-stream"),
         "answered", "hi"),
        (stream(delta("hi"), end=b"data: [DONE]\n\n" + b"more"), "answered", "hi"),
    ],
)  # fmt: skip
def test_each_way_to_stream_is_read(answer: bytes, verdict: str, text: str) -> None:
    with wired(answer) as wire:
        outcome = Model(ModelSettings("m")).ask(ModelAccess(wire.url, SecretStr(BEARER)), request("hi"), Follower())
    assert (outcome.verdict.value, outcome.text or outcome.reason) == (verdict, text)


@pytest.mark.parametrize("status", [401, 403, 404, 429])
def test_what_was_written_before_a_stream_failed_is_not_free_of_charge(status: int) -> None:
    failure = {"error": {"message": "no more", "code": status}}
    for chunks, verdict, free in (([failure], None, True), ([delta("hel"), failure], "failing", False)):
        with wired(stream(*chunks)) as wire:
            outcome = Model(ModelSettings("m")).ask(ModelAccess(wire.url, SecretStr(BEARER)), request("hi"), Follower())
        assert outcome.free_of_charge is free
        assert verdict in (None, outcome.verdict)
        assert outcome.reason.startswith(f"{status}")


def test_a_stream_without_end_keeps_the_bounds_of_a_call() -> None:
    head = b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n\r\n"

    def forever(_: Received) -> Iterator[bytes]:
        yield head
        for number in itertools.count():
            time.sleep(0.01)
            yield b"data: " + json.dumps(delta(f"{number} ")).encode() + b"\n\n"

    def flood(_: Received) -> Iterator[bytes]:
        yield head
        while True:
            yield b"data: " + json.dumps(delta("x" * 50_000)).encode() + b"\n\n"

    there = "200 OK"
    for respond, verdict in ((forever, Verdict.FAILING), (flood, Verdict.UNREADABLE)):
        with wired(respond) as wire:
            model = Model(ModelSettings("m", model_timeout=0.5 if respond is forever else 20.0))
            began = time.monotonic()
            outcome = model.ask(ModelAccess(wire.url, SecretStr("none")), request(there), Follower())
        assert outcome.verdict is verdict, outcome
        assert time.monotonic() - began < 15


def test_a_server_that_leaves_the_connection_open_after_the_end_is_not_waited_for() -> None:
    def respond(_: Received) -> Iterator[bytes]:
        yield b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n\r\n"
        yield b"data: " + json.dumps(delta("hi")).encode() + b"\n\ndata: [DONE]\n\n"
        time.sleep(2)

    with wired(respond) as wire:
        outcome = Model(ModelSettings("m")).ask(ModelAccess(wire.url, SecretStr("none")), request("hi"), Follower())
    assert outcome.text == "hi"
    assert outcome.seconds < 1.5


def test_the_connection_is_used_again_after_a_stream(
    model: Model, model_server: ModelServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    made: list[str] = []
    connect = httpcore.SyncBackend.connect_tcp

    def counted(backend: httpcore.SyncBackend, host: str, *given: Any, **more: Any) -> httpcore.NetworkStream:
        made.append(host)
        return connect(backend, host, *given, **more)

    monkeypatch.setattr(httpcore.SyncBackend, "connect_tcp", counted)
    monkeypatch.setattr("pipeline.model.connections._REST_AFTER_STREAM", 0.0)
    for _ in range(3):
        model.ask(model_server.access(), request("hi"), Follower())
    assert len(made) == 1


def test_a_server_that_closes_the_connection_a_moment_after_a_stream_breaks_no_other_call() -> None:
    body = b"data: " + HI + b"\n\ndata: [DONE]\n\n"
    head = f"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nContent-Length: {len(body)}\r\n\r\n".encode()

    def respond(_: Received) -> Iterator[bytes]:
        yield head + body
        time.sleep(0.05)  # and then it closes, as llama.cpp does

    with wired(respond) as wire:
        model = Model(ModelSettings("m"))
        for _ in range(5):
            outcome = model.ask(ModelAccess(wire.url, SecretStr("none")), request("hi"), Follower())
            assert (outcome.verdict, outcome.text) == ("answered", "hi"), outcome.reason


@pytest.mark.parametrize("size", [1, 3, 1000])
def test_events_are_read_however_they_are_cut(size: int) -> None:
    body = b"data: a\ndata: b\n\n: comment\n\nevent: x\ndata:c\r\n\r\ndata\n\nretry: 5\ndata:  d"
    pieces = [body[start : start + size] for start in range(0, len(body), size)]
    assert list(events(pieces)) == [b"a\nb", b"c", b" d"]

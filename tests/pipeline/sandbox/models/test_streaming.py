"""The scripted model's streams, read by the openai client."""

from typing import Any

import httpx
import openai
import pytest

from pipeline.sandbox.models.rules import ScriptedRule
from tests.support.asking import ModelClient
from tests.support.waiting import eventually


def chunks(model: ModelClient, text: str = "hi", *, usage: bool = True, **more: Any) -> list[Any]:
    options: Any = {"stream_options": {"include_usage": True}} if usage else {}
    messages: Any = [{"role": "user", "content": text}]
    with openai.OpenAI(base_url=f"{model.url}/v1", api_key="k", max_retries=0, timeout=5) as client:
        return list(client.chat.completions.create(model="m", messages=messages, stream=True, **options, **more))


def content(given: list[Any]) -> list[Any]:
    return [chunk.choices[0].delta.content for chunk in given if chunk.choices and chunk.choices[0].delta.content]


def test_an_answer_comes_in_pieces_with_its_end_and_its_cost(model: ModelClient) -> None:
    given = chunks(model, "hello")
    assert content(given) == ["echo", ": he", "llo"]
    assert given[0].choices[0].delta.role == "assistant"
    assert given[-2].choices[0].finish_reason == "stop"
    whole = model.ask("hello").usage
    assert whole is not None
    assert given[-1].usage.completion_tokens == whole.completion_tokens
    assert [call["streamed"] for call in model.script.calls] == [True, False]
    first = model.script.calls[0]
    assert first["at"] <= first["first_at"] <= first["finished_at"]


def test_the_pieces_are_as_long_and_as_far_apart_as_the_rule_says(model: ModelClient) -> None:
    model.script.add_rule(ScriptedRule(answer="abcdef", stream_piece=2, stream_pause=0.05))
    assert content(chunks(model)) == ["ab", "cd", "ef"]
    call = model.script.calls[0]
    eventually(lambda: call["finished_at"] is not None)
    assert call["finished_at"] - call["first_at"] >= 0.1


def test_content_blocks_come_in_pieces_too(model: ModelClient) -> None:
    model.script.add_rule(
        ScriptedRule(blocks=[{"type": "reasoning", "summary": []}, {"type": "text", "text": "abcde"}])
    )
    assert content(chunks(model)) == [
        [{"type": "reasoning", "summary": []}],
        [{"type": "text", "text": "abcd"}],
        [{"type": "text", "text": "e"}],
    ]


def test_a_refusal_and_an_empty_list_of_choices_are_streamed(model: ModelClient) -> None:
    model.script.add_rule(ScriptedRule(refusal="no", times=1))
    assert [c.choices[0].delta.refusal for c in chunks(model, usage=False) if c.choices[0].delta.refusal] == ["no"]
    model.script.add_rule(ScriptedRule(empty_choices=True))
    assert [chunk.choices for chunk in chunks(model)] == [[]]


def test_the_cost_comes_only_where_it_is_asked_for_and_the_rule_has_it(model: ModelClient) -> None:
    assert all(chunk.usage is None for chunk in chunks(model, usage=False))
    model.script.add_rule(ScriptedRule(stream_usage=False))
    assert all(chunk.usage is None for chunk in chunks(model))


def test_a_stream_may_be_cut(model: ModelClient) -> None:
    model.script.add_rule(ScriptedRule(answer="abcdef", stream_piece=1, stream_pause=0.01, stream_cut=3))
    with pytest.raises(httpx.TransportError):
        chunks(model)
    assert model.script.most_running == 1
    eventually(lambda: model.script.calls[0]["finished_at"] is not None)


@pytest.mark.parametrize(("option", "rule"), [("stream", "refuse_stream"), ("stream_options", "refuse_stream_options")])
def test_a_stream_or_its_options_may_be_refused_and_the_rest_accepted(
    model: ModelClient, option: str, rule: str
) -> None:
    model.script.add_rule(ScriptedRule(**{rule: True}))
    with pytest.raises(openai.BadRequestError, match=f"'{option}'"):
        chunks(model)
    assert model.content() == "echo: hi"
    if option == "stream_options":
        assert content(chunks(model, usage=False)) == ["echo", ": hi"]


def test_a_stream_may_be_answered_with_a_whole_completion(model: ModelClient) -> None:
    model.script.add_rule(ScriptedRule(ignore_stream=True))
    body = {"model": "m", "messages": [{"role": "user", "content": "hi"}], "stream": True}
    whole = httpx.post(f"{model.url}/v1/chat/completions", json=body).json()
    assert whole["choices"][0]["message"]["content"] == "echo: hi"


def test_a_reader_that_leaves_ends_the_answer(model: ModelClient) -> None:
    model.script.add_rule(ScriptedRule(answer="x" * 1000, stream_piece=1, stream_pause=0.05))
    body = {"model": "m", "messages": [{"role": "user", "content": "hi"}], "stream": True}
    with httpx.stream("POST", f"{model.url}/v1/chat/completions", json=body) as response:
        next(response.iter_raw())
    eventually(lambda: model.script.calls[0]["finished_at"] is not None)

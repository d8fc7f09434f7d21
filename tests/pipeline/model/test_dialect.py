"""Which form of request a refusal leads to."""

import httpx
import openai
import pytest

from pipeline.model.dialect import Dialect

PLAIN = Dialect()
NEWER = Dialect(limit="max_completion_tokens")
NO_LIMIT = Dialect(limit=None)


def refusal(message: str, status: int = 400, param: str | None = None) -> openai.APIStatusError:
    kind = {400: openai.BadRequestError, 422: openai.UnprocessableEntityError, 403: openai.PermissionDeniedError}
    response = httpx.Response(status, request=httpx.Request("POST", "http://127.0.0.1"))
    return kind[status](message, response=response, body={"message": message, "param": param})


def test_a_request_has_what_the_server_takes() -> None:
    schema = {"type": "json_schema"}
    assert PLAIN.options(5, 0.5, schema) == {"max_tokens": 5, "response_format": schema, "temperature": 0.5}
    assert NEWER.options(5, None, None) == {"max_completion_tokens": 5}
    assert Dialect(schema=False, limit=None, temperature=False).options(5, 0.5, schema) == {}


@pytest.mark.parametrize(
    ("before", "message", "after"),
    [
        (PLAIN, "Unsupported parameter: 'max_tokens'. Use 'max_completion_tokens' instead.", NEWER),
        (PLAIN, "max_tokens: Extra inputs are not permitted", NEWER),
        (NEWER, "max_completion_tokens: Extra inputs are not permitted", NO_LIMIT),
        (PLAIN, "Unrecognized request argument supplied: max_tokens", NEWER),
        (NEWER, "Unknown parameter: 'max_completion_tokens'.", NO_LIMIT),
        (NEWER, "max_completion_tokens is not supported, use max_tokens instead", NO_LIMIT),
        (PLAIN, "This model does not support max_tokens", NEWER),
        (PLAIN, "temperature does not support 0.0 with this model", Dialect(temperature=False)),
        (PLAIN, "response_format json_schema is not supported", Dialect(schema=False)),
        (NO_LIMIT, "response_format is not supported", Dialect(limit=None, schema=False)),
    ],
)
def test_each_refusal_changes_one_thing(before: Dialect, message: str, after: Dialect) -> None:
    assert before.alternative(refusal(message), "hi") == after
    assert before.alternative(refusal(message, 422), "hi") == after


NO_USAGE = Dialect(usage=False)


def test_a_stream_is_asked_for_with_what_it_costs_where_the_server_takes_both() -> None:
    assert PLAIN.options(5, None, None, stream=True) == {
        "max_tokens": 5,
        "stream": True,
        "stream_options": {"include_usage": True},
    }
    assert NO_USAGE.options(5, None, None, stream=True) == {"max_tokens": 5, "stream": True}
    assert Dialect(stream=False).options(5, None, None, stream=True) == {"max_tokens": 5}


@pytest.mark.parametrize(
    ("before", "message", "param", "after"),
    [
        (PLAIN, "Unsupported parameter: 'stream_options'", None, NO_USAGE),
        (PLAIN, "[{'loc': ('body', 'stream_options'), 'msg': 'Extra inputs are not permitted'}]", None, NO_USAGE),
        (PLAIN, "include_usage is not known", None, NO_USAGE),
        (NO_USAGE, "Streaming is not supported with this model", None, Dialect(usage=False, stream=False)),
        (PLAIN, "This model does not support streaming", None, Dialect(stream=False)),
        (PLAIN, "Your organization must be verified to stream this model.", "stream", Dialect(stream=False)),
        (PLAIN, "temperature and stream are not supported", None, Dialect(temperature=False)),
    ],
)
def test_a_refused_stream_is_given_up_step_by_step(
    before: Dialect, message: str, param: str | None, after: Dialect
) -> None:
    assert before.alternative(refusal(message, param=param), "hi", stream=True) == after


@pytest.mark.parametrize("message", ["upstream is not available", "the stream of words is too long", "flagged"])
def test_a_refusal_that_is_not_about_the_stream_keeps_it(message: str) -> None:
    assert PLAIN.alternative(refusal(message), "hi", stream=True) is None


def test_a_refusal_of_what_was_not_asked_for_changes_nothing() -> None:
    assert PLAIN.alternative(refusal("Streaming is not supported"), "hi") is None


@pytest.mark.parametrize(
    ("before", "message"),
    [
        (PLAIN, "max_tokens is too large: 512. This model allows at most 100 completion tokens"),
        (NEWER, "max_completion_tokens is too large: 512"),
        (NEWER, "'max_tokens' or 'max_completion_tokens' is too large: 512. The context has 4096 tokens"),
        (NO_LIMIT, "max_tokens: Extra inputs are not permitted"),
        (Dialect(temperature=False), "temperature is not supported"),
        (Dialect(schema=False), "response_format is not supported"),
        (PLAIN, "your message was flagged"),
    ],
)
def test_a_refusal_that_is_not_about_the_form_changes_nothing(before: Dialect, message: str) -> None:
    assert before.alternative(refusal(message), "hi") is None


def test_a_parameter_may_be_named_beside_the_message() -> None:
    assert PLAIN.alternative(refusal("Extra inputs are not permitted", param="max_tokens"), "hi") == NEWER


def test_only_a_refused_request_is_about_the_form() -> None:
    assert PLAIN.alternative(refusal("max_tokens is not permitted", 403), "hi") is None


def test_a_quoted_message_says_nothing_about_the_form_and_a_short_one_hides_nothing() -> None:
    asked = "Is max_tokens not permitted?"
    assert PLAIN.alternative(refusal(f"flagged: {asked}"), asked) is None
    for short in ("a", "t", "", "tokens"):
        assert PLAIN.alternative(refusal("max_tokens: Extra inputs are not permitted"), short) == NEWER

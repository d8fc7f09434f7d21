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

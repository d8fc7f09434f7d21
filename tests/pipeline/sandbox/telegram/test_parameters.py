"""Parameters of methods, as they arrive."""

import pytest

from pipeline.sandbox.telegram.parameters import decoded, integer
from tests.support.simulated import refused


@pytest.mark.parametrize("given", [{"it": [1]}, {"it": "[1]"}])
def test_an_object_is_json_or_a_string_of_it(given: dict[str, object]) -> None:
    """Making requests: objects in form data are JSON-serialized."""
    assert decoded(given, "it") == [1]
    assert decoded({"it": ""}, "it") is None


@pytest.mark.parametrize("unreadable", ["[", "NaN", "[" * 100_000])
def test_a_string_that_is_no_json_is_refused(unreadable: str) -> None:
    """No rule of the Bot API's pages: the server's words, which differ for some parameters."""
    given = {"media_list": unreadable}
    said = refused(lambda: decoded(given, "media_list"))
    assert said[:2] == (400, "Bad Request: can't parse media list JSON object")
    assert refused(lambda: decoded(given, "media_list", "can't read it"))[1] == "Bad Request: can't read it"


@pytest.mark.parametrize(
    ("given", "read"),
    [
        (7, 7),
        ("-7", -7),
        ("7 apples", 7),
        (7.9, 7),
        ("", 3),
        (None, 3),
        ("apples", 0),
        (True, 0),
        ([7], 0),
        ({}, 0),
        (float("inf"), 0),
        ("9" * 5000, 9_999_999_999_999_999_999),
    ],
)
def test_a_number_is_what_a_value_begins_with(given: object, read: int) -> None:
    """No rule of the Bot API's pages: the server takes what isn't a number for 0, and its methods say what is wrong."""
    assert integer({"it": given}, "it", 3) == read

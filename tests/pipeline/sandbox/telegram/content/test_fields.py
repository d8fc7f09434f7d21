"""Fields of objects, and what the server says is wrong with them."""

from collections.abc import Callable

import pytest

from pipeline.sandbox.telegram.content import fields
from pipeline.sandbox.telegram.content.fields import FieldError


@pytest.mark.parametrize(
    ("read", "value", "said"),
    [
        (fields.required_string, None, 'Can\'t find field "it"'),
        (fields.required_string, True, 'Field "it" must be of type String'),
        (fields.optional_string, [], 'Field "it" must be of type String'),
        (fields.optional_boolean, "true", 'Field "it" must be of type Boolean'),
        (fields.required_integer, None, 'Can\'t find field "it"'),
        (fields.required_integer, "one", 'Field "it" must be a valid Number'),
        (fields.required_number, None, 'Can\'t find field "it"'),
        (fields.required_number, {}, 'Field "it" must be of type Number'),
        (fields.required_number, "nan", 'Field "it" must be of type Number'),
        (fields.required_object, None, 'Can\'t find field "it"'),
        (fields.required_object, "{}", 'Field "it" must be of type Object'),
        (fields.optional_array, {}, 'Field "it" must be of type Array'),
    ],
)
def test_a_field_of_the_wrong_form_is_named(
    read: Callable[[dict[str, object], str], object], value: object, said: str
) -> None:
    """No rule of the Bot API's pages: the server's words."""
    with pytest.raises(FieldError) as error:
        read({"it": value}, "it")
    assert str(error.value) == said


def test_a_number_is_taken_for_a_text() -> None:
    """No rule of the Bot API's pages: what the server does."""
    assert fields.required_string({"it": 7}, "it") == "7"
    assert fields.optional_string({}, "it") == ""


def test_a_code_keeps_its_capitals() -> None:
    """No rule of the Bot API's pages: the server makes the first letter of a reason lower case, but not of a code."""
    assert fields.refused("Inline keyboard expected").description == "Bad Request: inline keyboard expected"
    assert fields.refused("BUTTON_DATA_INVALID").description == "Bad Request: BUTTON_DATA_INVALID"

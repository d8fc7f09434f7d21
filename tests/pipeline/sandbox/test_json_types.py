"""What is JSON, and what only looks like it."""

import pytest

from pipeline.sandbox.json_types import read_json


@pytest.mark.parametrize(
    "text", ["NaN", "[-Infinity]", '{"a": 1e999}', "[" * 101 + "]" * 101, "[" * 100_000, "", "\udcff"]
)
def test_what_is_no_json_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"JSON|levels|Expecting|utf-8"):
        read_json(text)


def test_json_of_a_hundred_levels_is_read() -> None:
    assert read_json(b'[{"a": 1.5e3, "b": null}]') == [{"a": 1500.0, "b": None}]
    assert read_json("[" * 100 + "]" * 100)[0][0] == read_json("[" * 98 + "]" * 98)

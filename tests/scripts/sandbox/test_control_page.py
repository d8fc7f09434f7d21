"""The sections about the control API. That their examples work is tested with the API's table."""

from __future__ import annotations

from typing import Literal

from pydantic import BaseModel, ConfigDict, Field, TypeAdapter

from pipeline.sandbox.web.control.table import ControlCall, all_calls
from pipeline.sandbox.web.faults import KINDS
from scripts.sandbox.control_page import example_of, fault_rows, sections


class Given(BaseModel):
    model_config = ConfigDict(extra="forbid")

    chat_id: int
    text: str | None = Field(default=None, description="a | b")
    mode: Literal["fast", "slow"] = "fast"


def call(**more: object) -> ControlCall:
    return ControlCall("POST", "things/{chat_id}", lambda *_: None, "It does.", TypeAdapter(Given), Given, **more)


def test_there_is_a_section_for_each_entry_in_the_order_of_paths() -> None:
    titles = [line for line in sections().splitlines() if line.startswith("### ")]
    assert len(titles) == len(all_calls())
    paths = [title.split()[2].rstrip("`") for title in titles]
    assert paths == sorted(paths)


def test_an_example_without_a_body_of_its_own_has_the_fields_that_are_needed() -> None:
    assert example_of(call()) == (
        "curl -s http://127.0.0.1:8081/sandbox/things/1 -H 'Content-Type: application/json' -d '{\"chat_id\": 1}'"
    )


def test_an_example_may_be_given_with_the_entry() -> None:
    assert example_of(call(example={"chat_id": 5})).endswith("'{\"chat_id\": 5}'")


def test_fields_have_a_type_a_default_and_a_meaning() -> None:
    faults = sections().partition("### `POST /sandbox/faults`")[2].partition("### ")[0]
    assert "| `method` | text | needed | The method's name, or * for every method. |" in faults
    assert "| `times` | number | `1` | 0: until the faults are cleared. |" in faults
    assert "`too_many_requests`, `unauthorized`" in faults


def test_every_kind_of_fault_has_a_row() -> None:
    assert [row[0] for row in fault_rows()] == [f"`{kind}`" for kind in KINDS]

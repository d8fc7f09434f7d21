"""Which draft a person stopped."""

from typing import Any

import pytest

from pipeline.telegram.progress.stop_button import pressed_stop
from pipeline.telegram.update import Update
from tests.support.updates import parsed, raw_update

CHAT = {"id": 8, "type": "private"}


def stopped(body: Any, kind: str = "stopped_message_generation", **more: Any) -> Update:
    return parsed(raw_update(kind=kind, body=body), **more)


def test_it_is_known_by_its_chat_and_its_number() -> None:
    assert pressed_stop(stopped({"chat": CHAT, "draft_id": 101, "message_thread_id": 3})) == (8, 101)


@pytest.mark.parametrize(
    "body", [{"chat": CHAT}, {"chat": CHAT, "draft_id": "101"}, {"chat": CHAT, "draft_id": True}, {"draft_id": 1}]
)
def test_one_that_cant_be_read_stops_nothing(body: dict[str, Any]) -> None:
    assert pressed_stop(stopped(body)) is None


def test_another_kind_stops_nothing() -> None:
    assert pressed_stop(stopped({"chat": CHAT, "draft_id": 101}, kind="callback_query")) is None


def test_what_was_not_pressed_in_telegram_stops_nothing() -> None:
    injected = stopped({"chat": CHAT, "draft_id": 101}, origin={"kind": "probe", "id": "p", "deliver": True})
    assert pressed_stop(injected) is None

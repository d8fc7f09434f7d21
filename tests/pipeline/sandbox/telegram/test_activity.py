"""The events by which the chat page follows what happens."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from pipeline.sandbox.json_types import Json
from pipeline.sandbox.telegram.simulator import Telegram
from tests.support.simulated import performs, says

_GROUP = -1001000000001
_COMMANDS = [{"command": "help", "description": "What I can do"}]


@pytest.mark.parametrize(
    ("change", "chat_id"),
    [
        (lambda telegram: performs(telegram, "privacy", enabled=True), None),
        (lambda telegram: telegram.call("setMyCommands", {"commands": _COMMANDS}), None),
        (lambda telegram: telegram.call("deleteMyCommands", {}), None),
        (lambda telegram: telegram.call("setMyName", {"name": "Another"}), None),
        (lambda telegram: telegram.block(1), 1),
        (lambda telegram: performs(telegram, "members", chat_id=_GROUP, status="administrator"), _GROUP),
        (lambda telegram: telegram.call("leaveChat", {"chat_id": _GROUP}), _GROUP),
        (lambda telegram: telegram.create_topic(_GROUP, 7, "Plans"), _GROUP),
        (lambda telegram: telegram.migrate(-5, -1001000000005), -1001000000005),
    ],
    ids=["privacy", "commands", "no commands", "name", "block", "member", "leave", "topic", "migration"],
)
def test_whoever_listens_is_told_that_the_bot_or_a_chat_changed(
    telegram: Telegram, change: Callable[[Telegram], object], chat_id: int | None
) -> None:
    says(telegram)
    says(telegram, chat_id=_GROUP, chat_type="supergroup")
    says(telegram, chat_id=-5, chat_type="group")
    events: list[Json] = []
    telegram.listen(events.append)
    change(telegram)
    assert {"type": "about", "chat_id": chat_id} in events

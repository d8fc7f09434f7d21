"""Methods about the bot itself."""

import pytest

from pipeline.sandbox.telegram.simulator import Telegram


@pytest.mark.shows("getMe")
def test_get_me_describes_the_bot(telegram: Telegram) -> None:
    """getMe: a User object; can_join_groups and the like are returned only here."""
    me = telegram.call("getMe", {})
    assert me["id"] == 42
    assert me["is_bot"] is True
    assert me["can_read_all_group_messages"] is False
    assert {"can_join_groups", "supports_inline_queries"} <= me.keys()


@pytest.mark.shows("setMyCommands", "getMyCommands", "deleteMyCommands")
def test_commands_are_kept(telegram: Telegram) -> None:
    """setMyCommands, getMyCommands, deleteMyCommands: the list of the bot's commands."""
    telegram.call("setMyCommands", {"commands": '[{"command": "help", "description": "Help"}]'})
    assert telegram.call("getMyCommands", {}) == [{"command": "help", "description": "Help"}]
    telegram.call("deleteMyCommands", {})
    assert telegram.call("getMyCommands", {}) == []

"""Methods about the bot itself."""

from typing import Any

import pytest

from pipeline.sandbox.telegram.simulator import Telegram
from tests.support.simulated import refused, says

HELP = {"command": "help", "description": "Help"}
START = {"command": "start", "description": "Start"}


@pytest.mark.shows("getMe")
def test_get_me_describes_the_bot(telegram: Telegram) -> None:
    """getMe: a User object; can_join_groups and the like are returned only here."""
    me = telegram.call("getMe", {})
    assert me["id"] == 42
    assert me["is_bot"] is True
    assert me["can_read_all_group_messages"] is True
    assert {"can_join_groups", "supports_inline_queries"} <= me.keys()


@pytest.mark.shows("setMyCommands", "getMyCommands", "deleteMyCommands")
def test_commands_are_kept(telegram: Telegram) -> None:
    """setMyCommands, getMyCommands, deleteMyCommands: the list of the bot's commands."""
    telegram.call("setMyCommands", {"commands": '[{"command": "help", "description": "Help"}]'})
    assert telegram.call("getMyCommands", {}) == [{"command": "help", "description": "Help"}]
    telegram.call("deleteMyCommands", {})
    assert telegram.call("getMyCommands", {}) == []


def test_each_scope_and_language_has_commands_of_its_own(telegram: Telegram) -> None:
    """setMyCommands: scope describes the users, language_code the language for which the commands are relevant."""
    says(telegram)
    of_chat = {"type": "chat", "chat_id": 1}
    telegram.call("setMyCommands", {"commands": [HELP]})
    telegram.call("setMyCommands", {"commands": [START], "scope": of_chat, "language_code": "de"})
    assert telegram.call("getMyCommands", {}) == [HELP]
    assert telegram.call("getMyCommands", {"scope": of_chat}) == []
    german = {"scope": '{"type": "chat", "chat_id": "1"}', "language_code": "de"}
    assert telegram.call("getMyCommands", german) == [START]
    telegram.call("deleteMyCommands", german)
    assert telegram.call("getMyCommands", german) == []
    assert telegram.call("getMyCommands", {"scope": {"type": "default"}}) == [HELP]


@pytest.mark.parametrize(
    ("parameters", "reason"),
    [
        ({"commands": [HELP | {"command": "Help"}]}, "BOT_COMMAND_INVALID"),
        ({"commands": [HELP | {"command": "x" * 33}]}, "BOT_COMMAND_INVALID"),
        ({"commands": [HELP | {"description": ""}]}, "BOT_COMMAND_DESCRIPTION_INVALID"),
        ({"commands": [HELP] * 101}, "BOT_COMMANDS_TOO_MUCH"),
        ({"commands": [{"command": "x"}]}, "can't parse BotCommand: Can't find field \"description\""),
        ({"commands": {}}, "expected an Array of BotCommand"),
        ({"scope": "{"}, "can't parse BotCommandScope JSON object"),
        ({"scope": [1]}, "can't parse BotCommandScope: BotCommandScope must be an Object"),
        ({"scope": []}, "can't parse BotCommandScope: BotCommandScope must be an Object"),
        ({"scope": {}}, "can't parse BotCommandScope: Can't find field \"type\""),
        (
            {"commands": [], "scope": {"type": "chat_member", "chat_id": 1, "user_id": -1}},
            "can't parse BotCommandScope: Invalid user_id specified",
        ),
        ({"scope": {"type": []}}, "can't parse BotCommandScope: unsupported type specified"),
        ({"commands": [], "scope": {"type": "all"}}, "can't parse BotCommandScope: unsupported type specified"),
        ({"commands": [], "scope": {"type": "chat"}}, "can't parse BotCommandScope: Can't find field \"chat_id\""),
        ({"commands": [], "scope": {"type": "chat", "chat_id": 9}}, "chat not found"),
    ],
)
def test_wrong_commands_are_refused(telegram: Telegram, parameters: dict[str, Any], reason: str) -> None:
    """BotCommand: 1 to 32 lower-case letters, digits and underscores; a description of 1 to 256 characters."""
    assert refused(lambda: telegram.call("setMyCommands", parameters))[:2] == (400, f"Bad Request: {reason}")


@pytest.mark.shows(
    "setMyName",
    "getMyName",
    "setMyDescription",
    "getMyDescription",
    "setMyShortDescription",
    "getMyShortDescription",
)
@pytest.mark.parametrize(
    ("method", "field", "default", "longest"),
    [
        ("Name", "name", "Sandbox", 64),
        ("Description", "description", "", 512),
        ("ShortDescription", "short_description", "", 120),
    ],
)
def test_a_profile_text_has_a_default_and_languages(
    telegram: Telegram, method: str, field: str, default: str, longest: int
) -> None:
    """setMyName and its like: a text for users for whom there is no dedicated one, and for languages."""
    german = {"language_code": "de"}
    assert telegram.call(f"getMy{method}", {}) == {field: default}
    telegram.call(f"setMy{method}", {field: "A bot"})
    assert telegram.call(f"getMy{method}", german) == {field: "A bot"}
    telegram.call(f"setMy{method}", {field: "Ein Bot", **german})
    assert telegram.call(f"getMy{method}", german) == {field: "Ein Bot"}
    assert telegram.call(f"getMy{method}", {}) == {field: "A bot"}
    telegram.call(f"setMy{method}", {field: "", **german})
    assert telegram.call(f"getMy{method}", german) == {field: "A bot"}
    telegram.call(f"setMy{method}", {field: "x" * longest})
    assert refused(lambda: telegram.call(f"setMy{method}", {field: "x" * (longest + 1)}))[0] == 400


@pytest.mark.shows("setChatMenuButton", "getChatMenuButton")
def test_a_private_chat_may_have_a_menu_button_of_its_own(telegram: Telegram) -> None:
    """setChatMenuButton: if chat_id is not specified, the default menu button will be changed."""
    says(telegram)
    says(telegram, chat_id=-5)
    shop = {"type": "web_app", "text": "Shop", "web_app": {"url": "https://x.org/"}}
    assert telegram.call("getChatMenuButton", {"chat_id": 1}) == {"type": "commands"}
    telegram.call("setChatMenuButton", {"menu_button": shop})
    assert telegram.call("getChatMenuButton", {"chat_id": 1}) == shop
    telegram.call("setChatMenuButton", {"chat_id": 1, "menu_button": '{"type": "commands"}'})
    assert telegram.call("getChatMenuButton", {"chat_id": 1}) == {"type": "commands"}
    telegram.call("setChatMenuButton", {"chat_id": 1})
    assert telegram.call("getChatMenuButton", {"chat_id": 1}) == shop
    wrong = refused(lambda: telegram.call("setChatMenuButton", {"menu_button": {"type": "web_app"}}))
    assert wrong[1] == "Bad Request: can't parse menu button: Can't find field \"text\""
    for button, reason in (
        ([1], "MenuButton must be an Object"),
        ({}, 'Can\'t find field "type"'),
        ({"type": "shop"}, "MenuButton has unsupported type"),
    ):
        wrong = refused(lambda given=button: telegram.call("setChatMenuButton", {"menu_button": given}))  # type: ignore[misc]
        assert wrong[:2] == (400, f"Bad Request: can't parse menu button: {reason}")
    group = refused(lambda: telegram.call("getChatMenuButton", {"chat_id": -5}))
    assert group[1] == "Bad Request: invalid chat_id specified"

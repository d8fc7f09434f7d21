"""Methods about the bot itself: its profile and its commands, https://core.telegram.org/bots/api#setmycommands."""

import json
import re

from pipeline.sandbox.json_types import Json, Parameters
from pipeline.sandbox.telegram.errors import bad_request
from pipeline.sandbox.telegram.methods.table import bot_api_method
from pipeline.sandbox.telegram.parameters import decoded, integer
from pipeline.sandbox.telegram.state import TelegramState

_SCOPES = {
    "default": (),
    "all_private_chats": (),
    "all_group_chats": (),
    "all_chat_administrators": (),
    "chat": ("chat_id",),
    "chat_administrators": ("chat_id",),
    "chat_member": ("chat_id", "user_id"),
}
_MOST_COMMANDS = 100


@bot_api_method
def get_me(state: TelegramState, _: Parameters) -> Json:
    """The User has the fields that only getMe returns; can_read_all_group_messages is false in privacy mode."""
    return state.account.as_user() | {
        "can_join_groups": True,
        "can_read_all_group_messages": not state.account.privacy_mode,
        "supports_guest_queries": False,
        "supports_inline_queries": True,
        "can_connect_to_business": False,
        "has_main_web_app": False,
        "has_topics_enabled": False,
        "allows_users_to_create_topics": False,
        "can_manage_bots": False,
        "supports_join_request_queries": False,
    }


@bot_api_method
def set_my_commands(state: TelegramState, parameters: Parameters) -> bool:
    """At most 100 commands for a scope and a language: 1 to 32 lower-case letters, digits and underscores each."""
    given = decoded(parameters, "commands")
    if given is None:
        given = []
    if not isinstance(given, list):
        raise bad_request("expected an Array of BotCommand")
    commands = [_command(each) for each in given]
    if len(commands) > _MOST_COMMANDS:
        raise bad_request("BOT_COMMANDS_TOO_MUCH")
    state.profile.commands[_scope(state, parameters), _language(parameters)] = commands
    state.activity.notify("about")
    return True


@bot_api_method
def get_my_commands(state: TelegramState, parameters: Parameters) -> list[Json]:
    """The commands of exactly this scope and language; empty when none were set."""
    return state.profile.commands.get((_scope(state, parameters), _language(parameters)), [])


@bot_api_method
def delete_my_commands(state: TelegramState, parameters: Parameters) -> bool:
    """The commands of this scope and language only."""
    state.profile.commands.pop((_scope(state, parameters), _language(parameters)), None)
    state.activity.notify("about")
    return True


@bot_api_method
def set_my_name(state: TelegramState, parameters: Parameters) -> bool:
    """At most 64 characters; an empty name removes that of a language."""
    _set_text(state.profile.names, parameters, "name", 64)
    # Without a language it is the name that everybody sees, also in getMe.
    state.account.name = state.profile.names.get("", state.account.name)
    state.activity.notify("about")
    return True


@bot_api_method
def get_my_name(state: TelegramState, parameters: Parameters) -> Json:
    """The name for a language, or else the one for all; at first the account's."""
    return {"name": _text(state.profile.names, parameters, state.account.name)}


@bot_api_method
def set_my_description(state: TelegramState, parameters: Parameters) -> bool:
    """At most 512 characters; an empty text removes that of a language."""
    return _set_text(state.profile.descriptions, parameters, "description", 512)


@bot_api_method
def get_my_description(state: TelegramState, parameters: Parameters) -> Json:
    """The description for a language, or else the one for all."""
    return {"description": _text(state.profile.descriptions, parameters)}


@bot_api_method
def set_my_short_description(state: TelegramState, parameters: Parameters) -> bool:
    """At most 120 characters; an empty text removes that of a language."""
    return _set_text(state.profile.short_descriptions, parameters, "short_description", 120)


@bot_api_method
def get_my_short_description(state: TelegramState, parameters: Parameters) -> Json:
    """The short description for a language, or else the one for all."""
    return {"short_description": _text(state.profile.short_descriptions, parameters)}


@bot_api_method
def set_chat_menu_button(state: TelegramState, parameters: Parameters) -> bool:
    """For one private chat, or without chat_id for all others; the default type takes the button of all others."""
    button = decoded(parameters, "menu_button")
    if button is None:
        button = {"type": "default"}
    if not isinstance(button, dict):
        raise bad_request("can't parse menu button: MenuButton must be an Object")
    if "type" not in button:
        raise bad_request("can't parse menu button: Can't find field \"type\"")
    kind = button["type"]
    if kind not in ("commands", "default", "web_app"):
        raise bad_request("can't parse menu button: MenuButton has unsupported type")
    if kind == "web_app" and not (isinstance(button.get("text"), str) and isinstance(button.get("web_app"), dict)):
        missing = "web_app" if isinstance(button.get("text"), str) else "text"
        raise bad_request(f"can't parse menu button: Can't find field \"{missing}\"")
    state.profile.menu_buttons[_private_chat(state, parameters)] = button
    return True


@bot_api_method
def get_chat_menu_button(state: TelegramState, parameters: Parameters) -> Json:
    """The button that was set for this chat, or for all others; at first the one that lists the commands."""
    of_all = state.profile.menu_buttons.get(0, {"type": "default"})
    button = state.profile.menu_buttons.get(_private_chat(state, parameters), of_all)
    shown = of_all if button["type"] == "default" else button
    return {"type": "commands"} if shown["type"] == "default" else shown


def _private_chat(state: TelegramState, parameters: Parameters) -> int:
    """The id of the addressed private chat; 0 when the call is about all of them."""
    if not parameters.get("chat_id"):
        return 0
    chat = state.chats.addressed(parameters)
    if chat.type != "private":
        raise bad_request("invalid chat_id specified")
    return chat.id


def _command(value: object) -> Json:
    if not isinstance(value, dict):
        raise bad_request("can't parse BotCommand: expected an Object")
    for name in ("command", "description"):
        if not isinstance(value.get(name), str):
            raise bad_request(f"can't parse BotCommand: Can't find field \"{name}\"")
    command, description = value["command"].removeprefix("/"), value["description"].strip()
    if not re.fullmatch("[a-z0-9_]{1,32}", command):
        raise bad_request("BOT_COMMAND_INVALID")
    if not 1 <= len(description) <= 256:
        raise bad_request("BOT_COMMAND_DESCRIPTION_INVALID")
    return {"command": command, "description": description}


def _scope(state: TelegramState, parameters: Parameters) -> str:
    """The scope as a key. MethodError 400 for one that is none, or is of a chat that doesn't exist."""
    scope = decoded(parameters, "scope", "can't parse BotCommandScope JSON object")
    if scope is None:
        scope = {"type": "default"}
    if not isinstance(scope, dict):
        raise bad_request("can't parse BotCommandScope: BotCommandScope must be an Object")
    if "type" not in scope:
        raise bad_request("can't parse BotCommandScope: Can't find field \"type\"")
    if not isinstance(scope["type"], str) or scope["type"] not in _SCOPES:
        raise bad_request("can't parse BotCommandScope: unsupported type specified")
    fields = _SCOPES[scope["type"]]
    for name in fields:
        if name not in scope:
            raise bad_request(f"can't parse BotCommandScope: Can't find field \"{name}\"")
    if "user_id" in fields and integer(scope, "user_id", 0) <= 0:
        raise bad_request("can't parse BotCommandScope: Invalid user_id specified")
    if "chat_id" in fields:
        state.chats.addressed(scope)
    return json.dumps([scope["type"], *(str(scope[name]) for name in fields)])


def _language(parameters: Parameters) -> str:
    language = str(parameters.get("language_code") or "")
    if language and not re.fullmatch("[a-z]{2}", language):
        raise bad_request("LANG_CODE_NOT_SUPPORTED")
    return language


def _set_text(texts: dict[str, str], parameters: Parameters, name: str, longest: int) -> bool:
    text, language = str(parameters.get(name) or ""), _language(parameters)
    if len(text) > longest:
        raise bad_request(f"{name.replace('_', ' ')} is too long")
    if text:
        texts[language] = text
    else:
        texts.pop(language, None)
    return True


def _text(texts: dict[str, str], parameters: Parameters, default: str = "") -> str:
    return texts.get(_language(parameters), texts.get("", default))

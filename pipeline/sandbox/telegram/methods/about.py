"""Methods about the bot itself: its profile and its commands."""

from pipeline.sandbox.json_types import Json, Parameters
from pipeline.sandbox.telegram.errors import bad_request
from pipeline.sandbox.telegram.methods.table import bot_api_method
from pipeline.sandbox.telegram.parameters import decoded
from pipeline.sandbox.telegram.state import TelegramState


@bot_api_method
def get_me(state: TelegramState, _: Parameters) -> Json:
    """The bot as a User, with the fields that only getMe returns."""
    return state.account.as_user() | {
        "can_join_groups": True,
        "can_read_all_group_messages": False,
        "supports_inline_queries": False,
        "can_connect_to_business": False,
        "has_main_web_app": False,
    }


@bot_api_method
def set_my_commands(state: TelegramState, parameters: Parameters) -> bool:
    commands = decoded(parameters, "commands")
    if not isinstance(commands, list):
        raise bad_request("can't parse commands: commands must be an array")
    state.commands[:] = commands
    return True


@bot_api_method
def get_my_commands(state: TelegramState, _: Parameters) -> list[Json]:
    return list(state.commands)


@bot_api_method
def delete_my_commands(state: TelegramState, _: Parameters) -> bool:
    state.commands.clear()
    return True

"""Methods about the bot itself: its profile and its commands."""

from pipeline.sandbox.json_types import Json, Parameters
from pipeline.sandbox.telegram.errors import bad_request
from pipeline.sandbox.telegram.methods.table import bot_api_method
from pipeline.sandbox.telegram.parameters import decoded
from pipeline.sandbox.telegram.state import TelegramState


@bot_api_method
def get_me(state: TelegramState, _: Parameters) -> Json:
    """It returns the bot as a User, with the fields that only getMe has."""
    return state.account.as_user() | {
        "can_join_groups": True,
        "can_read_all_group_messages": False,
        "supports_inline_queries": False,
        "can_connect_to_business": False,
        "has_main_web_app": False,
    }


@bot_api_method
def set_my_commands(state: TelegramState, parameters: Parameters) -> bool:
    """The bot's commands are replaced; they must be a list."""
    commands = decoded(parameters, "commands")
    if not isinstance(commands, list):
        raise bad_request("can't parse commands: commands must be an array")
    state.commands[:] = commands
    return True


@bot_api_method
def get_my_commands(state: TelegramState, _: Parameters) -> list[Json]:
    """It returns the commands that were set last."""
    return list(state.commands)


@bot_api_method
def delete_my_commands(state: TelegramState, _: Parameters) -> bool:
    """The bot has no commands afterwards."""
    state.commands.clear()
    return True

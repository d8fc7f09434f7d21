"""The bot's account: its token and its profile."""

import re
from dataclasses import dataclass, field

from pipeline.sandbox.json_types import Json
from pipeline.sandbox.telegram.errors import MethodError

DEFAULT_TOKEN = "42:sandbox-token-not-a-secret"

_TOKEN = re.compile(r"(?P<bot_id>[1-9][0-9]{0,18}):[A-Za-z0-9_-]{16,64}")


class BotAccount:
    """One bot. Its id is the number in its token, so it stays when the token is replaced."""

    def __init__(self, token: str, username: str, name: str) -> None:
        """ValueError when `token` doesn't have the form of a token."""
        self.token = token
        self.bot_id = _bot_id(token)
        self.username = username
        self.name = name
        self.privacy_mode = False
        """Whether it gets only those messages of a group that concern it; @BotFather's setting."""

    def authorize(self, token: str) -> None:
        """MethodError 404 for a text that isn't a token, 401 for a token that isn't, or no longer is, the bot's."""
        if _TOKEN.fullmatch(token) is None:
            raise MethodError(404, "Not Found")
        if token != self.token:
            raise MethodError(401, "Unauthorized")

    def replace_token(self, token: str) -> None:
        """ValueError when `token` isn't a token, or is another bot's."""
        if _bot_id(token) != self.bot_id:
            raise ValueError("the token must be of the same bot")
        self.token = token

    def as_user(self) -> Json:
        """The bot as a User object."""
        return {"id": self.bot_id, "is_bot": True, "first_name": self.name, "username": self.username}


def _bot_id(token: str) -> int:
    match = _TOKEN.fullmatch(token)
    if match is None:
        raise ValueError("a token is the bot's id, a colon and at least 16 letters, digits, - or _")
    return int(match["bot_id"])


@dataclass
class BotProfile:
    """What the bot sets about itself. A language is a two-letter code; empty for all others."""

    names: dict[str, str] = field(default_factory=dict)
    """By language, like the next two."""
    descriptions: dict[str, str] = field(default_factory=dict)
    short_descriptions: dict[str, str] = field(default_factory=dict)
    commands: dict[tuple[str, str], list[Json]] = field(default_factory=dict)
    """By scope (as JSON) and language."""
    menu_buttons: dict[int, Json] = field(default_factory=dict)
    """By chat id; 0 stands for every other private chat."""

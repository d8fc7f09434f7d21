"""Entities that Telegram finds in a text by itself: https://core.telegram.org/bots/api#messageentity."""

import re
from typing import Any

from pipeline.sandbox.telegram.text.marked import utf16_length

_COMMAND_OR_MENTION = re.compile(
    r"(?<![\w/@<>])(?:(?P<command>/[A-Za-z0-9_]{1,64}(?:@[A-Za-z0-9_]{3,32})?)|(?P<mention>@[A-Za-z0-9_]{4,32}))(?![\w@/<>])"
)


def automatic_entities(text: str) -> list[dict[str, Any]]:
    """The bot_command and mention entities of a text; other kinds (links, hashtags …) are not simulated."""
    return [
        {
            "type": "bot_command" if match.lastgroup == "command" else "mention",
            "offset": utf16_length(text[: match.start()]),
            "length": utf16_length(match[0]),
        }
        for match in _COMMAND_OR_MENTION.finditer(text)
    ]

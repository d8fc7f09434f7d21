"""The menu of commands that Telegram shows in a chat with the bot: https://core.telegram.org/bots/features#commands."""

from __future__ import annotations

from collections.abc import Callable

import structlog

from pipeline.errors import OperatorError
from pipeline.messages.phrases import DEFAULT_LANGUAGE, all_phrases
from pipeline.telegram.client import BotApi, BotApiError

log = structlog.get_logger(__name__)


def register_commands(api: BotApi, stopping: Callable[[], bool] = lambda: False) -> None:
    """Make the menu of each language what the phrases say. A menu that is so already is not set again.

    It never raises, since nobody waits for a menu. After a failure nothing more is asked of Telegram: the next run
    goes on with what is left.
    """
    changed: list[str] = []
    try:
        for language, texts in all_phrases().items():
            if stopping():
                break
            if _set_menu(api, language, dict(texts.commands)):
                changed.append(language)
    except Exception as error:
        reason = str(error) if isinstance(error, (BotApiError, OperatorError)) else type(error).__name__
        log.warning("the menu of commands can't be set; the next run tries again", reason=reason)
    if changed:
        log.info("the menu of commands is set", languages=changed)


def _set_menu(api: BotApi, language: str, commands: dict[str, str]) -> bool:
    """Whether the menu was another, and is set now."""
    # A language without a menu of its own gets the one that has no language.
    code = "" if language == DEFAULT_LANGUAGE else language
    if list(api.commands(code).items()) == list(commands.items()):
        return False
    api.set_commands(code, commands)
    return True

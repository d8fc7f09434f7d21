"""The bot's fixed texts in each language: answers to commands, and the polite text in place of an answer.

`phrases.toml` has the texts, for translators. It is read once, and checked as a whole.
"""

from __future__ import annotations

import functools
import re
import string
import tomllib
from collections.abc import Iterator, Mapping
from importlib import resources
from typing import Annotated, NamedTuple

from pydantic import BaseModel, ConfigDict, Field, TypeAdapter, ValidationError

DEFAULT_LANGUAGE = "en"

_Text = Annotated[str, Field(min_length=1, max_length=2000)]
_OneLine = Annotated[str, Field(min_length=1, max_length=200, pattern=r"^[^\n]+$")]
_Description = Annotated[str, Field(min_length=1, max_length=256)]
"""Of a command: https://core.telegram.org/bots/api#botcommand."""


class _Table(BaseModel):
    model_config = ConfigDict(frozen=True, strict=True, extra="forbid")


class CommandDescriptions(_Table):
    """What the menu says about each command that has a fixed answer, in the menu's order."""

    start: _Description
    help: _Description
    new: _Description
    usage: _Description
    privacy: _Description


class Phrases(_Table):
    """The fixed texts in one language."""

    start: _Text
    help: _Text
    new: _Text
    privacy: _Text
    privacy_contact: _Text
    """The last line of the answer to /privacy, where there is somebody to ask."""
    fallback: _Text
    """In place of an answer that the model does not give."""
    unreadable: _Text
    """The answer to a photo, a voice message or the like without words."""
    thanks: _OneLine
    """Shown for a moment to who pressed a button under an answer."""
    stopped: _OneLine
    """In place of an answer that a person stopped before it had a word."""
    cut: _OneLine
    """The last line of an answer that was cut."""
    usage: _OneLine
    """The answer to /usage, a line of it each: where a user has no limit, and where they have one."""
    usage_limit: _OneLine
    usage_chat: _OneLine
    usage_ends: _OneLine
    limit_user: _Text
    """In place of an answer where the limit is met of a user, of a chat, or of all together."""
    limit_chat: _Text
    limit_bot: _Text
    commands: CommandDescriptions


_Language = Annotated[str, Field(pattern="^[a-z]{2}$")]
"""ISO 639-1, as https://core.telegram.org/bots/api#setmycommands takes it."""
_LANGUAGES: TypeAdapter[dict[_Language, Phrases]] = TypeAdapter(dict[_Language, Phrases])

_SPENT = {"used", "limit", "left"}
_PLACEHOLDERS = {
    "privacy_contact": {"contact"},
    "usage": {"used"},
    "usage_limit": _SPENT,
    "usage_chat": _SPENT,
    "usage_ends": {"when"},
    "limit_user": {"when"},
    "limit_chat": {"when"},
    "limit_bot": {"when"},
}
"""The words in braces that a text must have; all others have none."""


def phrases(language: str | None = None) -> Phrases:
    """The texts for an IETF language tag such as `pt-BR`; English for one that is not known, or none."""
    texts = all_phrases()
    primary = re.split("[-_]", language or "", maxsplit=1)[0].lower()
    return texts.get(primary) or texts[DEFAULT_LANGUAGE]


def fixed_answer(command: str | None, language: str | None = None, privacy_contact: str = "") -> str | None:
    """The answer to a command that needs no model, or None. `privacy_contact`: whom people ask about their data."""
    if command is None:
        # Most messages: nothing is looked up for them.
        return None
    texts = phrases(language)
    match command:
        case "start":
            return texts.start
        case "help":
            return texts.help
        case "new":
            return texts.new
        case "privacy" if privacy_contact:
            return f"{texts.privacy}\n{texts.privacy_contact.format(contact=privacy_contact)}"
        case "privacy":
            return texts.privacy
    return None


class Usage(NamedTuple):
    """Where a user and their chat stand today, in tokens. A limit of 0 is none, and not shown."""

    used: int
    limit: int
    used_by_chat: int
    chat_limit: int
    ends: str
    """When the day ends, as it is shown."""


def usage_answer(usage: Usage, language: str | None = None) -> str:
    """The answer to /usage."""
    texts = phrases(language)
    left = max(0, usage.limit - usage.used)
    user = texts.usage_limit if usage.limit else texts.usage
    lines = [user.format(used=usage.used, limit=usage.limit, left=left)]
    if usage.chat_limit:
        left = max(0, usage.chat_limit - usage.used_by_chat)
        lines.append(texts.usage_chat.format(used=usage.used_by_chat, limit=usage.chat_limit, left=left))
    return "\n".join([*lines, texts.usage_ends.format(when=usage.ends)])


@functools.cache
def all_phrases() -> Mapping[str, Phrases]:
    """The texts of each language, by its two letters."""
    return read_phrases(resources.files("pipeline.messages").joinpath("phrases.toml").read_text(encoding="utf-8"))


def read_phrases(content: str) -> dict[str, Phrases]:
    """The texts in a file such as `phrases.toml`. Raises ValueError, which names the language and the text at fault.

    Each language has each text, with its placeholders. No text has what HTML would read as markup.
    """
    try:
        languages = _LANGUAGES.validate_python(tomllib.loads(content))
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        raise ValueError(f"{'.'.join(map(str, first['loc']))}: {first['msg']}") from None
    if DEFAULT_LANGUAGE not in languages:
        raise ValueError(f"{DEFAULT_LANGUAGE}: the language is missing")
    for language, texts in languages.items():
        for name, text in _texts(texts):
            if _placeholders(text) != (wanted := _PLACEHOLDERS.get(name, set())):
                raise ValueError(f"{language}.{name}: its words in braces must be {sorted(wanted)}")
            if re.search("[<>&]", text):
                raise ValueError(f"{language}.{name}: a text has no <, > or &")
    return languages


def _texts(texts: Phrases) -> Iterator[tuple[str, str]]:
    """Each text with its name, as `start` or `commands.start`."""
    for name, value in texts:
        if isinstance(value, CommandDescriptions):
            yield from ((f"{name}.{command}", text) for command, text in value)
        else:
            yield name, value


def _placeholders(text: str) -> set[str]:
    try:
        return {name for _, name, _, _ in string.Formatter().parse(text) if name is not None}
    except ValueError:  # a brace without its other half
        return {text}

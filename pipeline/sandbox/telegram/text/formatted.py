"""A text or caption of a method's parameters: parsed, found valid, and measured."""

import json
from dataclasses import dataclass
from typing import Any

from pipeline.sandbox.json_types import Parameters
from pipeline.sandbox.telegram.errors import MethodError, bad_request
from pipeline.sandbox.telegram.parameters import decoded
from pipeline.sandbox.telegram.text.entities import with_automatic_entities
from pipeline.sandbox.telegram.text.given_entities import given_entities
from pipeline.sandbox.telegram.text.html_style import parse_html
from pipeline.sandbox.telegram.text.markdown import parse_markdown
from pipeline.sandbox.telegram.text.markdown_v2 import parse_markdown_v2
from pipeline.sandbox.telegram.text.marked import MarkedText, MarkupError, stripped, utf16_length

LONGEST_TEXT = 4096
LONGEST_CAPTION = 1024
_LARGEST_SOURCE = 2**15
"""Bytes of a text with its markup."""

_STYLES = {"html": parse_html, "markdown": parse_markdown, "markdownv2": parse_markdown_v2}


@dataclass(frozen=True)
class FormattedText:
    """As readers see it, and as the bot gave it."""

    marked: MarkedText
    parse_mode: str | None
    raw: str


def formatted_text(parameters: Parameters) -> FormattedText:
    """The `text` of a message. MethodError 400 for one that is missing, empty, too long or marked up wrongly."""
    if parameters.get("text") in (None, ""):
        raise bad_request("message text is empty")
    formatted = _formatted(parameters, "text", "entities", LONGEST_TEXT, "message is too long")
    if not formatted.marked.text:
        raise bad_request("text must be non-empty")
    return formatted


def formatted_caption(parameters: Parameters) -> FormattedText | None:
    """The `caption` of a message, None without one. MethodError 400 for one that is too long or marked up wrongly."""
    if parameters.get("caption") is None:
        return None
    formatted = _formatted(parameters, "caption", "caption_entities", LONGEST_CAPTION, "message caption is too long")
    return formatted if formatted.marked.text else None


def formatted_draft(parameters: Parameters) -> FormattedText:
    """The `text` of a draft, which may be empty. MethodError 400 for one that is too long or marked up wrongly."""
    given = {**parameters, "text": parameters.get("text") or ""}
    return _formatted(given, "text", "entities", LONGEST_TEXT, "message is too long")


def _formatted(parameters: Parameters, name: str, entities_name: str, longest: int, too_long: str) -> FormattedText:
    given = parameters[name]
    # The server reads what is no string as the JSON that it is.
    text = given if isinstance(given, str) else json.dumps(given, ensure_ascii=False, separators=(",", ":"))
    try:
        size = len(text.encode())
    except UnicodeEncodeError:
        raise bad_request("strings must be encoded in UTF-8") from None
    if size > _LARGEST_SOURCE:
        raise bad_request("text is too long")
    parse_mode = str(parameters.get("parse_mode") or "")
    style = parse_mode.lower()
    if not text or style in ("", "none"):
        marked = MarkedText(text, given_entities(text, _list_of(parameters, entities_name)))
    elif style in _STYLES:
        try:
            marked = _STYLES[style](text)
        except MarkupError as error:
            raise bad_request(f"can't parse entities: {error}") from None
    else:
        raise bad_request("unsupported parse_mode")
    marked = stripped(marked)
    # Before it looks for links: in a long text that would take long.
    if utf16_length(marked.text) > longest:
        raise bad_request(too_long)
    return FormattedText(with_automatic_entities(marked), parse_mode or None, text)


def _list_of(parameters: Parameters, name: str) -> list[Any]:
    """Like the server, it takes what is no list, or no JSON, for no entities."""
    try:
        given = decoded(parameters, name)
    except MethodError:
        given = None
    return given if isinstance(given, list) else []

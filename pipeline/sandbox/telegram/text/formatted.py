"""A text or caption of a method's parameters: parsed, found valid, and measured."""

from dataclasses import dataclass

from pipeline.sandbox.json_types import Parameters
from pipeline.sandbox.telegram.errors import bad_request
from pipeline.sandbox.telegram.parameters import decoded
from pipeline.sandbox.telegram.text.entities import with_automatic_entities
from pipeline.sandbox.telegram.text.given_entities import given_entities
from pipeline.sandbox.telegram.text.html_style import parse_html
from pipeline.sandbox.telegram.text.markdown import parse_markdown
from pipeline.sandbox.telegram.text.markdown_v2 import parse_markdown_v2
from pipeline.sandbox.telegram.text.marked import MarkedText, MarkupError, stripped, utf16_length

LONGEST_TEXT = 4096
LONGEST_CAPTION = 1024

_STYLES = {"html": parse_html, "markdown": parse_markdown, "markdownv2": parse_markdown_v2}


@dataclass(frozen=True)
class FormattedText:
    """As readers see it, and as the bot gave it."""

    marked: MarkedText
    parse_mode: str | None
    raw: str


def formatted_text(parameters: Parameters) -> FormattedText:
    """The `text` of a message. MethodError 400 for one that is missing, empty, too long or marked up wrongly."""
    if parameters.get("text") is None:
        raise bad_request("message text is empty")
    formatted = _formatted(parameters, "text", "entities")
    if not formatted.marked.text:
        raise bad_request("message text is empty")
    if utf16_length(formatted.marked.text) > LONGEST_TEXT:
        raise bad_request("message is too long")
    return formatted


def formatted_caption(parameters: Parameters) -> FormattedText | None:
    """The `caption` of a message, None without one. MethodError 400 for one that is too long or marked up wrongly."""
    if parameters.get("caption") is None:
        return None
    formatted = _formatted(parameters, "caption", "caption_entities")
    if utf16_length(formatted.marked.text) > LONGEST_CAPTION:
        raise bad_request("message caption is too long")
    return formatted if formatted.marked.text else None


def formatted_draft(parameters: Parameters) -> FormattedText:
    """The `text` of a draft, which may be empty. MethodError 400 for one that is too long or marked up wrongly."""
    formatted = _formatted({**parameters, "text": parameters.get("text") or ""}, "text", "entities")
    if utf16_length(formatted.marked.text) > LONGEST_TEXT:
        raise bad_request("message is too long")
    return formatted


def _formatted(parameters: Parameters, name: str, entities_name: str) -> FormattedText:
    given = parameters[name]
    text = given if isinstance(given, str) else str(given)
    try:
        text.encode()
    except UnicodeEncodeError:
        raise bad_request("strings must be encoded in UTF-8") from None
    parse_mode = parameters.get("parse_mode") or None
    if parse_mode is None:
        marked = MarkedText(text, given_entities(text, decoded(parameters, entities_name) or []))
    elif str(parse_mode).lower() in _STYLES:
        try:
            marked = _STYLES[str(parse_mode).lower()](text)
        except MarkupError as error:
            raise bad_request(f"can't parse entities: {error}") from None
    else:
        raise bad_request("unsupported parse_mode")
    marked = with_automatic_entities(stripped(marked))
    return FormattedText(marked, None if parse_mode is None else str(parse_mode), text)

"""A text or caption of a method's parameters: parsed, found valid, and measured."""

from dataclasses import dataclass

from pipeline.sandbox.json_types import Parameters
from pipeline.sandbox.telegram.errors import bad_request
from pipeline.sandbox.telegram.parameters import decoded
from pipeline.sandbox.telegram.text.entities import automatic_entities
from pipeline.sandbox.telegram.text.html_style import parse_html
from pipeline.sandbox.telegram.text.marked import MarkedText, MarkupError, stripped, utf16_length

LONGEST_TEXT = 4096
LONGEST_CAPTION = 1024


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


def _formatted(parameters: Parameters, name: str, entities_name: str) -> FormattedText:
    given = parameters[name]
    text = given if isinstance(given, str) else str(given)
    try:
        text.encode()
    except UnicodeEncodeError:
        raise bad_request("strings must be encoded in UTF-8") from None
    parse_mode = parameters.get("parse_mode") or None
    if parse_mode is None:
        entities = decoded(parameters, entities_name)
        marked = MarkedText(text, entities if isinstance(entities, list) else automatic_entities(text))
    elif str(parse_mode).lower() == "html":
        try:
            marked = parse_html(text)
        except MarkupError as error:
            raise bad_request(f"can't parse entities: {error}") from None
    else:
        # The real server knows Markdown too. Refusing it is better than letting unchecked markup pass.
        raise bad_request("unsupported parse_mode")
    return FormattedText(stripped(marked), None if parse_mode is None else str(parse_mode), text)

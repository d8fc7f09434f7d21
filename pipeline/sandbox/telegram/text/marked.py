"""A text with its entities, measured as Telegram measures it: https://core.telegram.org/bots/api#messageentity."""

from typing import Any, NamedTuple


class MarkupError(ValueError):
    """The markup breaks the rules of its style. The text is what the server says after "can't parse entities: "."""


class MarkedText(NamedTuple):
    """The text a reader sees, and its MessageEntity objects (offsets in UTF-16 code units)."""

    text: str
    entities: list[dict[str, Any]]


def utf16_length(text: str) -> int:
    """Length in UTF-16 code units, in which the Bot API counts lengths and offsets."""
    return len(text) + sum(character > "\uffff" for character in text)


def byte_offset(source: str, position: int) -> int:
    """The place of a character in UTF-8, in which the errors of markup count."""
    return len(source[:position].encode("utf-8", "surrogatepass"))


def stripped(marked: MarkedText) -> MarkedText:
    """Without the white space at both ends, which the server removes; entities are cut to what is left."""
    text = marked.text.strip()
    lead = utf16_length(marked.text[: len(marked.text) - len(marked.text.lstrip())])
    whole = utf16_length(text)
    kept = []
    for entity in marked.entities:
        start = max(entity["offset"] - lead, 0)
        end = min(entity["offset"] + entity["length"] - lead, whole)
        if end > start:
            kept.append(entity | {"offset": start, "length": end - start})
    return MarkedText(text, kept)

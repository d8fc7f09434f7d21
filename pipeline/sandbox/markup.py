"""Text as Telegram measures and marks it up: UTF-16 lengths, automatic entities and HTML style."""

import html
import re
from typing import Any, NamedTuple

_COMMAND_OR_MENTION = re.compile(
    r"(?<![\w/@<>])(?:(?P<command>/[A-Za-z0-9_]{1,64}(?:@[A-Za-z0-9_]{3,32})?)|(?P<mention>@[A-Za-z0-9_]{4,32}))(?![\w@/<>])"
)
_ENTITY_OF_TAG = {
    "b": "bold",
    "strong": "bold",
    "i": "italic",
    "em": "italic",
    "u": "underline",
    "ins": "underline",
    "s": "strikethrough",
    "strike": "strikethrough",
    "del": "strikethrough",
    "tg-spoiler": "spoiler",
    "span": "spoiler",
    "a": "text_link",
    "code": "code",
    "pre": "pre",
    "blockquote": "blockquote",
    "tg-emoji": "custom_emoji",
    "tg-time": "date_time",
}
_START_TAG_NAME = re.compile(r"[^\s>]*")
_ATTRIBUTE = re.compile(r"""\s*([^\s=>/]+)(?:\s*=\s*(?:"([^"]*)"|'([^']*)'|([A-Za-z0-9.-]+)))?""")
_REFERENCE = re.compile(r"&(?:(lt|gt|amp|quot)|#([0-9]{1,7})|#[xX]([0-9a-fA-F]{1,6}));?")
_NAMED = {"lt": "<", "gt": ">", "amp": "&", "quot": '"'}


class MarkupError(ValueError):
    """The markup is one that the Bot API's HTML style does not allow."""


class MarkedText(NamedTuple):
    """The text a reader sees, and its MessageEntity objects (offsets in UTF-16 code units)."""

    text: str
    entities: list[dict[str, Any]]


def utf16_length(text: str) -> int:
    """Length in UTF-16 code units, in which the Bot API counts lengths and offsets."""
    return len(text) + sum(character > "\uffff" for character in text)


def automatic_entities(text: str) -> list[dict[str, Any]]:
    """The bot_command and mention entities that Telegram finds in a text by itself."""
    return [
        {
            "type": (match.lastgroup == "command" and "bot_command") or "mention",
            "offset": utf16_length(text[: match.start()]),
            "length": utf16_length(match[0]),
        }
        for match in _COMMAND_OR_MENTION.finditer(text)
    ]


class _OpenTag(NamedTuple):
    name: str
    offset: int
    attributes: dict[str, str]


def parse_html(source: str) -> MarkedText:
    """Plain text and entities of the Bot API's HTML style.

    Raises MarkupError, with the server's own wording, for a tag that is not among the supported ones, not closed,
    or closed out of order. References other than the four named and the numeric ones stay as they were typed.
    """
    plain: list[str] = []
    entities: list[dict[str, Any]] = []
    open_tags: list[_OpenTag] = []
    length = 0
    position = 0
    while position < len(source):
        if source[position] == "<":
            at = len(source[:position].encode("utf-8", "surrogatepass"))
            if source.startswith("</", position):
                end = source.find(">", position)
                if not open_tags:
                    raise MarkupError(f"Unexpected end tag at byte offset {at}")
                tag = open_tags.pop()
                name = source[position + 2 : end if end >= 0 else None].strip().lower()
                if end < 0 or name not in ("", tag.name):
                    raise MarkupError(
                        f'Unmatched end tag at byte offset {at}, expected "</{tag.name}>", found "</{name}>"'
                    )
                if length > tag.offset:
                    entities.append(_entity(tag, length))
                position = end + 1
            else:
                tag, position = _start_tag(source, position, length, at)
                open_tags.append(tag)
            continue
        character = source[position]
        reference = _REFERENCE.match(source, position) if character == "&" else None
        character = _referenced(reference) if reference else character
        plain.append(character)
        length += utf16_length(character)
        position = reference.end() if reference else position + 1
    if open_tags:
        raise MarkupError(f'Can\'t find end tag corresponding to start tag "{open_tags[-1].name}"')
    entities.sort(key=lambda entity: (entity["offset"], -entity["length"]))
    return MarkedText("".join(plain), entities)


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


def _start_tag(source: str, position: int, length: int, at: int) -> tuple[_OpenTag, int]:
    name_match = _START_TAG_NAME.match(source, position + 1)
    name = name_match[0].lower() if name_match else ""
    cursor = position + 1 + len(name)
    if name not in _ENTITY_OF_TAG:
        raise MarkupError(f'Unsupported start tag "{name}" at byte offset {at}')
    attributes: dict[str, str] = {}
    while cursor < len(source) and source[cursor] != ">":
        if source[cursor].isspace():
            cursor += 1
            continue
        attribute = _ATTRIBUTE.match(source, cursor)
        if attribute is None:
            raise MarkupError(f'Unexpected character in the tag "{name}" at byte offset {at}')
        value = next((group for group in attribute.groups()[1:] if group is not None), "")
        attributes[attribute[1].lower()] = html.unescape(value)
        cursor = attribute.end()
    if cursor >= len(source):
        raise MarkupError(f'Unclosed start tag "{name}" at byte offset {at}')
    if name == "span" and attributes.get("class") != "tg-spoiler":
        raise MarkupError(f'Tag "span" must have class "tg-spoiler" at byte offset {at}')
    return _OpenTag(name, length, attributes), cursor + 1


def _entity(tag: _OpenTag, end: int) -> dict[str, Any]:
    entity: dict[str, Any] = {
        "type": _ENTITY_OF_TAG[tag.name],
        "offset": tag.offset,
        "length": end - tag.offset,
    }
    if tag.name == "a":
        entity["url"] = tag.attributes.get("href", "")
    if tag.name == "blockquote" and "expandable" in tag.attributes:
        entity["type"] = "expandable_blockquote"
    if tag.name == "tg-emoji":
        entity["custom_emoji_id"] = tag.attributes.get("emoji-id", "")
    return entity


def _referenced(reference: re.Match[str]) -> str:
    named, decimal, hexadecimal = reference.groups()
    if named:
        return _NAMED[named]
    code = int(decimal) if decimal else int(hexadecimal, 16)
    # A number that is no character is left as it was typed, like an unknown name.
    return chr(code) if 0 < code <= 0x10FFFF and not 0xD800 <= code <= 0xDFFF else reference[0]

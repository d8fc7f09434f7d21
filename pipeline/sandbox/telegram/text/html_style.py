"""The HTML style of a message: https://core.telegram.org/bots/api#html-style."""

import html
import re
from typing import Any, NamedTuple

from pipeline.sandbox.telegram.text.link_entities import is_time, link_entity, time_entity
from pipeline.sandbox.telegram.text.marked import MarkedText, MarkupError, byte_offset, utf16_length

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


class _OpenTag(NamedTuple):
    name: str
    attributes: dict[str, str]
    offset: int = 0
    """In UTF-16 code units of the plain text."""
    begin: int = 0
    """In pieces of the plain text."""


def parse_html(source: str) -> MarkedText:
    """The plain text and the entities of a source in HTML style.

    MarkupError for a tag that is not supported, not closed, or closed out of order. Of the named references only
    four are known; others stay as they were typed.
    """
    plain: list[str] = []
    entities: list[dict[str, Any]] = []
    open_tags: list[_OpenTag] = []
    length = 0
    position = 0
    while position < len(source):
        if source[position] == "<":
            at = byte_offset(source, position)
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
                found = _entity(tag, "".join(plain[tag.begin :]), length)
                if found is not None and not _joins_code(entities, found):
                    entities.append(found)
                position = end + 1
            else:
                tag, position = _start_tag(source, position, at)
                tag = tag._replace(offset=length, begin=len(plain))
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
    for entity in entities:
        # Only a block of code has a language.
        if entity["type"] == "code":
            entity.pop("language", None)
    entities.sort(key=lambda entity: (entity["offset"], -entity["length"]))
    return MarkedText("".join(plain), entities)


def _start_tag(source: str, position: int, at: int) -> tuple[_OpenTag, int]:
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
    return _OpenTag(name, attributes), cursor + 1


def _entity(tag: _OpenTag, words: str, end: int) -> dict[str, Any] | None:
    """None for a tag that marks no words, and for a link that is none."""
    if not words:
        return None
    length = end - tag.offset
    if tag.name == "a":
        return link_entity(tag.attributes.get("href", "") or words, words, tag.offset, length)
    if tag.name == "tg-time":
        unix, style = tag.attributes.get("unix", ""), tag.attributes.get("format", "")
        return time_entity(unix, style, tag.offset, length) if is_time(unix) else None
    entity: dict[str, Any] = {"type": _ENTITY_OF_TAG[tag.name], "offset": tag.offset, "length": length}
    language = tag.attributes.get("class", "")
    if tag.name == "code" and language.startswith("language-"):
        entity["language"] = language.removeprefix("language-")
    if tag.name == "blockquote" and "expandable" in tag.attributes:
        entity["type"] = "expandable_blockquote"
    if tag.name == "tg-emoji":
        entity["custom_emoji_id"] = tag.attributes.get("emoji-id", "")
    return entity


def _joins_code(entities: list[dict[str, Any]], outer: dict[str, Any]) -> bool:
    """Whether a pre around a code, or the reverse, is one entity with the code's language: the inner one changes."""
    inner = entities[-1] if entities else None
    if inner is None or {inner["type"], outer["type"]} != {"code", "pre"}:
        return False
    if (inner["offset"], inner["length"]) != (outer["offset"], outer["length"]):
        return False
    inner |= outer | {"type": "pre"}
    return True


def _referenced(reference: re.Match[str]) -> str:
    named, decimal, hexadecimal = reference.groups()
    if named:
        return _NAMED[named]
    code = int(decimal) if decimal else int(hexadecimal, 16)
    # A number that stands for no character stays as it was typed, like an unknown name.
    return chr(code) if 0 < code <= 0x10FFFF and not 0xD800 <= code <= 0xDFFF else reference[0]

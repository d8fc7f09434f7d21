"""The first Markdown style of a message: https://core.telegram.org/bots/api#markdown-style."""

from typing import Any

from pipeline.sandbox.telegram.text.link_entities import link_entity
from pipeline.sandbox.telegram.text.marked import MarkedText, MarkupError, byte_offset, utf16_length

_MARKS = "_*`["
_KINDS = {"_": "italic", "*": "bold", "`": "code"}


def parse_markdown(source: str) -> MarkedText:
    """The plain text and the entities of a source in Markdown. They can't be nested, nor escaped inside.

    MarkupError for an entity that is not closed.
    """
    plain: list[str] = []
    entities: list[dict[str, Any]] = []
    length = position = 0
    while position < len(source):
        mark = source[position]
        if mark == "\\" and source[position + 1 : position + 2] in ("_", "*", "`", "["):
            plain.append(source[position + 1])
            length += 1
            position += 2
            continue
        if mark not in _MARKS:
            plain.append(mark)
            length += utf16_length(mark)
            position += 1
            continue
        begin = position
        block = source.startswith("```", position)
        position += 3 if block else 1
        language = ""
        if block:
            language, position = code_language(source, position)
        end_mark = "```" if block else "]" if mark == "[" else mark
        end = source.find(end_mark, position)
        if end < 0:
            raise MarkupError(f"Can't find end of the entity starting at byte offset {byte_offset(source, begin)}")
        words = source[position:end]
        position = end + len(end_mark)
        offset, long = length, utf16_length(words)
        plain.append(words)
        length += long
        if not words:
            continue
        entity: dict[str, Any] | None = {"type": "pre" if block else _KINDS.get(mark), "offset": offset, "length": long}
        if mark == "[":
            url, position = _url(source, position, words)
            entity = link_entity(url, words, offset, long)
        elif language:
            entity = {"type": "pre", "offset": offset, "length": long, "language": language}
        if entity is not None:
            entities.append(entity)
    return MarkedText("".join(plain), entities)


def code_language(source: str, position: int) -> tuple[str, int]:
    """The language after ``` and where the code begins: one line break before it is not part of the code."""
    end = position
    while end < len(source) and not source[end].isspace() and source[end] != "`":
        end += 1
    language = ""
    if end != position and end < len(source) and source[end] != "`":
        language, position = source[position:end], end
    if source[position : position + 2] in ("\r\n", "\n\r"):
        return language, position + 2
    return language, position + (source[position : position + 1] in ("\n", "\r"))


def _url(source: str, position: int, words: str) -> tuple[str, int]:
    """The address in parentheses, or else the words themselves; an address that is not closed ends with the text."""
    if source[position : position + 1] != "(":
        return words, position
    end = source.find(")", position)
    return (source[position + 1 : end], end + 1) if end >= 0 else (source[position + 1 :], len(source))

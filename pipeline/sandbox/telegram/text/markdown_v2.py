"""The second Markdown style of a message: https://core.telegram.org/bots/api#markdownv2-style."""

from typing import Any, NamedTuple

from pipeline.sandbox.telegram.text.link_entities import link_entity, tg_entity
from pipeline.sandbox.telegram.text.markdown import code_language
from pipeline.sandbox.telegram.text.marked import MarkedText, MarkupError, byte_offset, utf16_length

_RESERVED = "_*[]()~`>#+-=|{}.!\n"
_KINDS = {
    "Bold": "bold",
    "Italic": "italic",
    "Underline": "underline",
    "Strikethrough": "strikethrough",
    "Spoiler": "spoiler",
    "Code": "code",
    "Pre": "pre",
    "PreCode": "pre",
    "BlockQuote": "blockquote",
}
_CODE = frozenset({"Code", "Pre", "PreCode"})
_MARKS = (
    ("__", "Underline"),
    ("||", "Spoiler"),
    ("![", "CustomEmoji"),
    ("_", "Italic"),
    ("*", "Bold"),
    ("~", "Strikethrough"),
    ("[", "TextUrl"),
)
_END_MARKS = {"TextUrl": "]", "CustomEmoji": "]", "Code": "`", "Pre": "```", "PreCode": "```"} | {
    name: mark for mark, name in _MARKS if mark not in ("[", "![")
}


class _Open(NamedTuple):
    name: str
    """The kind as Telegram's errors call it."""
    language: str
    offset: int
    """In UTF-16 code units of the plain text."""
    at: int
    """In characters of the source."""
    begin: int
    """In pieces of the plain text."""


def parse_markdown_v2(source: str) -> MarkedText:
    """The plain text and the entities of a source in MarkdownV2, where entities may be nested.

    MarkupError for a reserved character that is not escaped, and for an entity that is not closed.
    """
    return _Parser(source).parse()


class _Parser:
    def __init__(self, source: str) -> None:
        self._source = source
        self._position = 0
        self._plain: list[str] = []
        self._length = 0
        self._entities: list[dict[str, Any]] = []
        self._open: list[_Open] = []
        self._in_quote = False
        self._line_begins = True

    def parse(self) -> MarkedText:
        source = self._source
        while self._position < len(source):
            character, following = source[self._position], source[self._position + 1 : self._position + 2]
            reserved = "`" if self._open and self._open[-1].name in _CODE else _RESERVED
            if character == "\\" and following and 0 < ord(following) <= 126:
                self._put(following)
                self._position += 2
            elif character not in reserved:
                self._put(character)
                self._position += 1
            elif self._open and self._ends():
                self._end_entity()
            else:
                self._begin_entity()
        if self._open and self._open[-1].name == "BlockQuote":
            self._close("blockquote")
        if self._open:
            raise self._unclosed()
        self._entities.sort(key=lambda entity: (entity["offset"], -entity["length"]))
        return MarkedText("".join(self._plain), self._entities)

    def _starts(self, mark: str) -> bool:
        return self._source.startswith(mark, self._position)

    def _put(self, character: str) -> None:
        self._plain.append(character)
        self._length += utf16_length(character)
        self._line_begins = character == "\n"

    def _ends(self) -> bool:
        """Whether the innermost open entity ends here."""
        if self._in_quote and self._starts("\n") and not self._starts("\n>"):
            return True
        name = self._open[-1].name
        if name == "BlockQuote":
            return self._starts("||") and self._source[self._position + 2 : self._position + 3] in ("", "\n")
        if name == "Italic" and self._starts("__"):
            return False
        return self._starts(_END_MARKS[name])

    def _begin_entity(self) -> None:
        at = self._position
        if self._starts("```"):
            language, self._position = code_language(self._source, at + 3)
            return self._push("PreCode" if language else "Pre", at, language)
        if self._starts("\n"):
            self._put("\n")
            self._position += 1
            if self._in_quote and self._starts(">"):
                self._position += 1
                self._line_begins = False
            return None
        if self._starts(">") and self._line_begins and not self._in_quote:
            self._in_quote = True
            self._position += 1
            return self._push("BlockQuote", at)
        for mark, name in (*_MARKS, ("`", "Code")):
            if self._starts(mark):
                self._position += len(mark)
                return self._push(name, at)
        raise MarkupError(f"Character '{self._source[at]}' is reserved and must be escaped with the preceding '\\'")

    def _push(self, name: str, at: int, language: str = "") -> None:
        self._open.append(_Open(name, language, self._length, at, len(self._plain)))

    def _end_entity(self) -> None:
        entity = self._open[-1]
        if entity.name == "BlockQuote":
            # The line break that ends a quotation is not part of it, and is parsed next.
            expandable = self._starts("||")
            self._position += 2 if expandable else 0
            return self._close("expandable_blockquote" if expandable else "blockquote")
        if self._starts("\n"):
            raise self._unclosed()
        self._position += len(_END_MARKS[entity.name])
        if entity.name in ("TextUrl", "CustomEmoji"):
            return self._end_link(entity)
        return self._close(_KINDS[entity.name])

    def _close(self, kind: str) -> None:
        entity = self._open.pop()
        self._in_quote = self._in_quote and not kind.endswith("blockquote")
        if self._length > entity.offset:
            more = {"language": entity.language} if entity.language else {}
            length = self._length - entity.offset
            self._entities.append({"type": kind, "offset": entity.offset, "length": length, **more})

    def _end_link(self, entity: _Open) -> None:
        self._open.pop()
        words, length = "".join(self._plain[entity.begin :]), self._length - entity.offset
        has_url = self._starts("(")
        if entity.name == "CustomEmoji":
            if not has_url:
                raise MarkupError("Custom emoji entity must contain a tg://emoji URL")
            found: dict[str, Any] | None = tg_entity(self._url("custom emoji URL"), entity.offset, length)
        else:
            found = link_entity(self._url("URL") if has_url else words, words, entity.offset, length)
        if found is not None and length:
            self._entities.append(found)

    def _url(self, name: str) -> str:
        """The address in parentheses, in which a backslash escapes too."""
        source, position = self._source, self._position + 1
        url: list[str] = []
        while position < len(source) and source[position] != ")":
            if source[position] == "\\" and position + 1 < len(source) and 0 < ord(source[position + 1]) <= 126:
                position += 1
            url.append(source[position])
            position += 1
        if position >= len(source):
            at = byte_offset(source, self._position + 1)
            raise MarkupError(f"Can't find end of a {name} at byte offset {at}")
        self._position = position + 1
        return "".join(url)

    def _unclosed(self) -> MarkupError:
        entity = self._open[-1]
        at = byte_offset(self._source, entity.at)
        return MarkupError(f"Can't find end of {entity.name} entity at byte offset {at}")

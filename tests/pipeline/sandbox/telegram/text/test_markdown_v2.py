"""MarkdownV2 style."""

from typing import Any

import pytest

from pipeline.sandbox.telegram.text.markdown_v2 import parse_markdown_v2
from pipeline.sandbox.telegram.text.marked import MarkupError


@pytest.mark.parametrize(
    ("source", "text", "entity"),
    [
        ("*x*", "x", {"type": "bold"}),
        ("_x_", "x", {"type": "italic"}),
        ("__x__", "x", {"type": "underline"}),
        ("~x~", "x", {"type": "strikethrough"}),
        ("||x||", "x", {"type": "spoiler"}),
        ("`_*x`", "_*x", {"type": "code"}),
        ("```\nx.y```", "x.y", {"type": "pre"}),
        ("```py\nx```", "x", {"type": "pre", "language": "py"}),
        ("[x](http://x.org/\\)a)", "x", {"type": "text_link", "url": "http://x.org/)a"}),
        ("[x\\.org]", "x.org", {"type": "text_link", "url": "http://x.org/"}),
        ("![x](tg://emoji?id=5)", "x", {"type": "custom_emoji", "custom_emoji_id": "5"}),
        ("![x](tg://time?unix=9&format=r)", "x", {"type": "date_time", "unix_time": 9, "date_time_format": "r"}),
    ],
)
def test_every_mark_becomes_its_entity(source: str, text: str, entity: dict[str, Any]) -> None:
    """MarkdownV2 style: the marks; offsets are in UTF-16 code units."""
    marked = parse_markdown_v2(f"🎉 {source}")
    assert marked.text == f"🎉 {text}"
    assert marked.entities == [{"offset": 3, "length": len(text), **entity}]


def test_entities_nest() -> None:
    """MarkdownV2 style: entities may be nested; __ is underline from left to right."""
    marked = parse_markdown_v2("*bold _italic ~gone~ __under___ end*")
    assert marked.text == "bold italic gone under end"
    assert [(entity["type"], entity["offset"], entity["length"]) for entity in marked.entities] == [
        ("bold", 0, 26),
        ("italic", 5, 17),
        ("strikethrough", 12, 4),
        ("underline", 17, 5),
    ]


def test_quotations_are_lines() -> None:
    """MarkdownV2 style: block quotation, and the expandable one, which begins after an empty bold entity."""
    marked = parse_markdown_v2(">a\n>*b*\n**>c\n>d||\ne")
    assert marked.text == "a\nb\nc\nd\ne"
    assert [(entity["type"], entity["offset"], entity["length"]) for entity in marked.entities] == [
        ("blockquote", 0, 3),
        ("bold", 2, 1),
        ("expandable_blockquote", 4, 3),
    ]
    assert parse_markdown_v2(">to the end").entities == [{"type": "blockquote", "offset": 0, "length": 10}]


def test_any_character_may_be_escaped() -> None:
    r"""MarkdownV2 style: any character with code between 1 and 126 can be escaped with a preceding \."""
    assert parse_markdown_v2(r"\_\*\.\a\\ \é") == ("_*.a\\ \\é", [])


@pytest.mark.parametrize("reserved", "_*[]()~`>#+-=|{}.!")
def test_reserved_characters_must_be_escaped(reserved: str) -> None:
    r"""MarkdownV2 style: in all other places _*[]()~`>#+-=|{}.! must be escaped."""
    with pytest.raises(MarkupError):
        parse_markdown_v2(f"a{reserved}b")
    assert parse_markdown_v2(f"a\\{reserved}b").text == f"a{reserved}b"


@pytest.mark.parametrize(
    ("source", "complaint"),
    [
        ("a.b", "Character '.' is reserved and must be escaped with the preceding '\\'"),
        ("a|b", "Character '|' is reserved and must be escaped with the preceding '\\'"),
        ("a > b", "Character '>' is reserved and must be escaped with the preceding '\\'"),
        ("é *x", "Can't find end of Bold entity at byte offset 3"),
        ("*_x*", "Can't find end of Bold entity at byte offset 3"),
        ("*_x", "Can't find end of Italic entity at byte offset 1"),
        ("__x", "Can't find end of Underline entity at byte offset 0"),
        ("~x", "Can't find end of Strikethrough entity at byte offset 0"),
        ("||x", "Can't find end of Spoiler entity at byte offset 0"),
        ("`x", "Can't find end of Code entity at byte offset 0"),
        ("```x", "Can't find end of Pre entity at byte offset 0"),
        ("```py x", "Can't find end of PreCode entity at byte offset 0"),
        ("[x", "Can't find end of TextUrl entity at byte offset 0"),
        ("[x](http://", "Can't find end of a URL at byte offset 4"),
        (">a *b\nc*", "Can't find end of Bold entity at byte offset 3"),
        ("![x]", "Custom emoji entity must contain a tg://emoji URL"),
        ("![x](http://x.org/)", "Custom emoji entity must contain a tg://emoji URL"),
        ("![x](tg://emoji)", "Custom emoji URL must have an emoji identifier"),
        ("![x](tg://emoji?id=x)", "Invalid custom emoji identifier specified"),
        ("![x](tg://emoji?id=5", "Can't find end of a custom emoji URL at byte offset 5"),
    ],
)
def test_what_the_style_does_not_allow_is_refused(source: str, complaint: str) -> None:
    """MarkdownV2 style: the server's words."""
    with pytest.raises(MarkupError) as refused:
        parse_markdown_v2(source)
    assert str(refused.value) == complaint

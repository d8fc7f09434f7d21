"""HTML style."""

import pytest

from pipeline.sandbox.telegram.text.html_style import parse_html
from pipeline.sandbox.telegram.text.marked import MarkedText, MarkupError


@pytest.mark.parametrize(
    ("tag", "kind"),
    [
        ("b", "bold"),
        ("strong", "bold"),
        ("i", "italic"),
        ("em", "italic"),
        ("u", "underline"),
        ("ins", "underline"),
        ("s", "strikethrough"),
        ("strike", "strikethrough"),
        ("del", "strikethrough"),
        ("code", "code"),
        ("pre", "pre"),
        ("tg-spoiler", "spoiler"),
        ("blockquote", "blockquote"),
    ],
)
def test_every_supported_tag_becomes_its_entity(tag: str, kind: str) -> None:
    """HTML style: the tags that are supported."""
    expected = MarkedText("🎉 x", [{"type": kind, "offset": 3, "length": 1}])
    assert parse_html(f"🎉 <{tag}>x</{tag}>") == expected


def test_tags_nest_and_carry_attributes() -> None:
    """HTML style: a span is a spoiler by its class; links have an href; entities may be nested."""
    marked = parse_html('<b>a <i>b</i></b> <span class="tg-spoiler">c</span> <a href="http://x.org/?a=1&amp;b=2">d</a>')
    assert marked.text == "a b c d"
    assert [entity["type"] for entity in marked.entities] == ["bold", "italic", "spoiler", "text_link"]
    assert marked.entities[-1]["url"] == "http://x.org/?a=1&b=2"


def test_code_in_a_block_has_its_language_and_a_user_is_mentioned() -> None:
    """HTML style: pre with a nested code and its class; tg://user links; times; a wrong link is plain text."""
    marked = parse_html(
        '<pre><code class="language-py">x</code></pre><code class="language-py">y</code>'
        '<a href="tg://user?id=7">Ada</a><a href="javascript:z">z</a><tg-time unix="9" format="r">t</tg-time>'
    )
    assert marked.entities == [
        {"type": "pre", "offset": 0, "length": 1, "language": "py"},
        {"type": "code", "offset": 1, "length": 1},
        {
            "type": "text_mention",
            "offset": 2,
            "length": 3,
            "user": {"id": 7, "is_bot": False, "first_name": "Ada"},
        },
        {"type": "date_time", "offset": 6, "length": 1, "unix_time": 9, "date_time_format": "r"},
    ]


def test_only_four_named_and_the_numeric_references_are_replaced() -> None:
    """HTML style: all numerical HTML entities are supported, and the named &lt; &gt; &amp; &quot; only."""
    assert parse_html("&lt;&gt;&amp;&quot; &#65;&#x42; &nbsp; & &copy;").text == '<>&" AB &nbsp; & &copy;'


@pytest.mark.parametrize(
    ("source", "complaint"),
    [
        ("a < b", 'Unsupported start tag "" at byte offset 2'),
        ("é<p>x</p>", 'Unsupported start tag "p" at byte offset 2'),
        ("<!-- x -->", 'Unsupported start tag "!--" at byte offset 0'),
        ("x</b>", "Unexpected end tag at byte offset 1"),
        ("<b>x</i>", 'Unmatched end tag at byte offset 4, expected "</b>", found "</i>"'),
        ("<b><i>x</b></i>", 'Unmatched end tag at byte offset 7, expected "</i>", found "</b>"'),
        ("<b>x", 'Can\'t find end tag corresponding to start tag "b"'),
        ("x <b", 'Unclosed start tag "b" at byte offset 2'),
        ("<span>x</span>", 'Tag "span" must have class "tg-spoiler" at byte offset 0'),
    ],
)
def test_what_the_style_does_not_allow_is_refused(source: str, complaint: str) -> None:
    """HTML style: only the tags mentioned are supported; < > and & that are not part of one must be escaped."""
    with pytest.raises(MarkupError) as refused:
        parse_html(source)
    assert str(refused.value) == complaint

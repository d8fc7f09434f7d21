"""Texts and captions of parameters."""

import pytest

from pipeline.sandbox.telegram.text.formatted import formatted_caption, formatted_draft, formatted_text
from tests.support.simulated import refused

BOLD = {"type": "bold", "offset": 0, "length": 1}


@pytest.mark.parametrize(
    ("style", "source"),
    [("HTML", "<b>x</b>"), ("Markdown", "*x*"), ("MarkdownV2", "*x*"), ("markdownv2", " *x*\n")],
)
def test_each_style_is_known_in_any_case(style: str, source: str) -> None:
    """Formatting options: parse_mode is HTML, MarkdownV2 or Markdown."""
    formatted = formatted_text({"text": source, "parse_mode": style})
    assert (formatted.marked.text, formatted.marked.entities, formatted.raw) == ("x", [BOLD], source)


def test_a_wrong_style_and_wrong_markup_are_refused() -> None:
    """Formatting options: the server's words."""
    unknown = refused(lambda: formatted_text({"text": "x", "parse_mode": "BBCode"}))
    assert unknown[:2] == (400, "Bad Request: unsupported parse_mode")
    unclosed = refused(lambda: formatted_text({"text": "*x", "parse_mode": "MarkdownV2"}))
    assert unclosed[1] == "Bad Request: can't parse entities: Can't find end of Bold entity at byte offset 0"


def test_entities_may_be_given_instead_of_a_style() -> None:
    """sendMessage: entities can be specified instead of parse_mode, which wins."""
    assert formatted_text({"text": "x", "entities": [BOLD]}).marked.entities == [BOLD]
    assert (
        formatted_caption({"caption": "x", "caption_entities": '[{"type":"bold","offset":0,"length":1}]'}) is not None
    )
    assert formatted_text({"text": "x", "entities": [BOLD], "parse_mode": "HTML"}).marked.entities == []


@pytest.mark.parametrize("entities", ["[", {}, 5])
def test_what_is_no_list_of_entities_marks_nothing(entities: object) -> None:
    """No rule of the Bot API's pages: the server sends the text without a word."""
    assert formatted_text({"text": "x", "entities": entities}).marked.entities == []


def test_the_style_none_is_no_style() -> None:
    """No rule of the Bot API's pages: what the server does."""
    assert formatted_text({"text": "*x*", "parse_mode": "None"}).marked.text == "*x*"


@pytest.mark.parametrize(
    ("source", "reason"), [("/a " * 10_000, "message is too long"), ("é" * 16_385, "text is too long")]
)
def test_a_long_text_is_refused_before_links_are_looked_for(
    monkeypatch: pytest.MonkeyPatch, source: str, reason: str
) -> None:
    """sendMessage: 1 to 4096 characters; the server reads no more than 32768 bytes."""
    monkeypatch.delattr("pipeline.sandbox.telegram.text.formatted.with_automatic_entities")
    assert refused(lambda: formatted_text({"text": source}))[:2] == (400, f"Bad Request: {reason}")


def test_links_are_found_in_a_marked_text_too() -> None:
    """MessageEntity: url, but not inside code or in the words of a link."""
    source = "<b>see x.org</b> <code>y.org</code> <a href='http://z.org/'>z.org</a>"
    found = formatted_text({"text": source, "parse_mode": "HTML"}).marked.entities
    assert [(entity["type"], entity["offset"]) for entity in found] == [
        ("bold", 0),
        ("url", 4),
        ("code", 10),
        ("text_link", 16),
    ]


def test_only_a_draft_may_be_empty() -> None:
    """sendMessageDraft: 0 to 4096 characters; sendMessage: 1 to 4096."""
    assert formatted_draft({}).marked.text == ""
    assert formatted_draft({"text": None}).marked.text == ""
    assert refused(lambda: formatted_text({"text": " "}))[1] == "Bad Request: text must be non-empty"
    assert refused(lambda: formatted_text({"text": ""}))[1] == "Bad Request: message text is empty"
    assert refused(lambda: formatted_draft({"text": "x" * 4097}))[1] == "Bad Request: message is too long"

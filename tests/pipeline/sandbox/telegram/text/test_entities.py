"""Entities that Telegram finds by itself."""

import pytest

from pipeline.sandbox.telegram.text.entities import automatic_entities, with_automatic_entities
from pipeline.sandbox.telegram.text.marked import MarkedText


def _found(text: str) -> list[tuple[str, str]]:
    units = text.encode("utf-16-le")
    return [
        (entity["type"], units[entity["offset"] * 2 : (entity["offset"] + entity["length"]) * 2].decode("utf-16-le"))
        for entity in automatic_entities(text)
    ]


def test_commands_and_mentions_are_found_in_a_text() -> None:
    """MessageEntity: bot_command (/start@jobs_bot) and mention (@username), offsets in UTF-16 code units."""
    assert automatic_entities("🎉 /start@jobs_bot a/b and @ada_l, </i> mail@example") == [
        {"type": "bot_command", "offset": 3, "length": 15},
        {"type": "mention", "offset": 27, "length": 6},
    ]


@pytest.mark.parametrize(
    ("text", "link"),
    [
        ("see https://x.org/a_(b)?c=d#e.", "https://x.org/a_(b)?c=d#e"),
        ("(http://x.example:80/)", "http://x.example:80/"),
        ("x.org, y", "x.org"),
        ("🎉 münchen.de/straße!", "münchen.de/straße"),
        ("https://user@x.org/", "https://user@x.org/"),
        ("«x.org/ü»", "x.org/ü"),
    ],
)
def test_links_are_found_without_the_marks_around_them(text: str, link: str) -> None:
    """MessageEntity: url (https://telegram.org)."""
    assert _found(text) == [("url", link)]


@pytest.mark.parametrize("text", ["main.js", "e.g. this", "1.2.3.4", "http://localhost/", "a.b", "x@y", "end.Begin"])
def test_other_dots_are_no_links(text: str) -> None:
    """MessageEntity: a url without a scheme ends with a known domain."""
    assert _found(text) == []


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("#tag #1a #12 a#b ##c #über", [("hashtag", "#tag"), ("hashtag", "#1a"), ("hashtag", "#über")]),
        ("$USD $usd $TOOLONGONE a$USD", [("cashtag", "$USD")]),
        ("to ada.l+x@example.com.", [("email", "ada.l+x@example.com")]),
        ("call +1 (212) 555-0123 now", [("phone_number", "+1 (212) 555-0123")]),
        ("1+1 +12", []),
        ("/start x.org @ada_l", [("bot_command", "/start"), ("url", "x.org"), ("mention", "@ada_l")]),
        ("x.org/#tag", [("url", "x.org/#tag")]),
    ],
)
def test_tags_emails_and_phone_numbers_are_found(text: str, expected: list[tuple[str, str]]) -> None:
    """MessageEntity: hashtag, cashtag, email, phone_number; none overlaps another."""
    assert _found(text) == expected


def test_a_style_is_split_where_it_crosses_a_link() -> None:
    """MessageEntity: the bot's marks keep their place; a link stays whole."""
    bold = {"type": "bold", "offset": 0, "length": 6}
    assert with_automatic_entities(MarkedText("see x.org", [bold])).entities == [
        {"type": "bold", "offset": 0, "length": 4},
        {"type": "url", "offset": 4, "length": 5},
        {"type": "bold", "offset": 4, "length": 2},
    ]


def test_nothing_is_found_inside_code() -> None:
    """MessageEntity: code and pre are shown as they are."""
    code = {"type": "code", "offset": 0, "length": 5}
    assert with_automatic_entities(MarkedText("#tag1 #tag2", [code])).entities == [
        code,
        {"type": "hashtag", "offset": 6, "length": 5},
    ]


def test_what_is_found_is_found_in_order_and_once() -> None:
    """MessageEntity: offsets are in UTF-16 code units, also behind many others."""
    found = automatic_entities("🎉 /go @anna $USD " * 2000)
    assert len(found) == 6000
    assert [(entity["type"], entity["offset"]) for entity in found[-3:]] == [
        ("bot_command", 1999 * 18 + 3),
        ("mention", 1999 * 18 + 7),
        ("cashtag", 1999 * 18 + 13),
    ]

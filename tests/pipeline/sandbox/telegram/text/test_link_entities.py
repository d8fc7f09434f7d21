"""Entities of the links that a markup style names."""

import pytest

from pipeline.sandbox.telegram.text.link_entities import link_entity, tg_entity
from pipeline.sandbox.telegram.text.marked import MarkupError


@pytest.mark.parametrize(
    ("url", "kept"),
    [
        ("http://x.org/?a=1&b=2", "http://x.org/?a=1&b=2"),
        ("HTTPS://X.org", "https://x.org/"),
        ("x.org/a", "http://x.org/a"),
        (" http://127.0.0.1:8080 ", "http://127.0.0.1:8080/"),
        ("tg://resolve?domain=x", "tg://resolve?domain=x"),
        ("http://localhost/", ""),
        ("javascript:alert(1)", ""),
        ("mailto:a@x.org", ""),
        ("gopher://x.org", ""),
        ("http://x.org:port/", ""),
        ("ftp://x.org", ""),
        ("http://x.org:99999/", ""),
        ("no link", ""),
        ("", ""),
    ],
)
def test_a_link_is_completed_or_is_none(url: str, kept: str) -> None:
    """Formatting options: inline URLs; what is no URL loses its markup."""
    entity = link_entity(url, "x", 0, 1)
    assert ("" if entity is None else entity["url"]) == kept


def test_a_link_to_a_user_is_a_mention() -> None:
    """Formatting options: tg://user?id=<user_id> mentions a user by their identifier without a username."""
    user = {"id": 7, "is_bot": False, "first_name": "Ada"}
    expected = {"type": "text_mention", "offset": 1, "length": 3, "user": user}
    assert link_entity("tg://user?id=7", "Ada", 1, 3) == expected


def test_a_number_that_is_too_long_is_no_id_and_no_time() -> None:
    """No rule of the Bot API: ids and times have 64 bits."""
    digits = "9" * 5000
    assert link_entity(f"tg://user?id={digits}", "Ada", 0, 3) == {
        "type": "text_link",
        "offset": 0,
        "length": 3,
        "url": f"tg://user?id={digits}",
    }
    with pytest.raises(MarkupError):
        tg_entity(f"tg://time?unix={digits}", 0, 3)

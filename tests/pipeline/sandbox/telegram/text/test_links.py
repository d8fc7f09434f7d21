"""Links as Telegram checks them."""

import pytest

from pipeline.sandbox.telegram.text.links import LinkError, checked_link


@pytest.mark.parametrize(
    ("link", "written"),
    [
        ("https://example.com", "https://example.com/"),
        ("HTTP://Example.COM/Path?a=b#c", "http://example.com/Path?a=b#c"),
        ("example.com?a=b", "http://example.com/?a=b"),
        ("https://user:word@example.com:8443/x", "https://user:word@example.com:8443/x"),
        ("http://[::1]:80/", "http://[::1]:80/"),
        ("tg://user?id=42", "tg://user?id=42"),
        ("tg:resolve?domain=sandbox_bot", "tg://resolve?domain=sandbox_bot"),
    ],
)
def test_a_link_is_http_or_tg(link: str, written: str) -> None:
    """InlineKeyboardButton: url is an HTTP or tg:// URL."""
    assert checked_link(link) == written


@pytest.mark.parametrize(
    ("link", "reason"),
    [
        ("", "URL host is empty"),
        ("not-a-url", "Wrong HTTP URL"),
        ("http://localhost:8080/", "Wrong HTTP URL"),
        ("ftp://example.com", "Unsupported URL protocol"),
        ("https://exa mple.com", "Disallowed character in URL host"),
        ("https://example.com:port", "Wrong HTTP URL"),
    ],
)
def test_another_link_is_refused(link: str, reason: str) -> None:
    """InlineKeyboardButton: url is an HTTP or tg:// URL; the words are the server's."""
    with pytest.raises(LinkError) as error:
        checked_link(link)
    assert str(error.value) == f"URL '{link}' is invalid: {reason}"


@pytest.mark.parametrize("link", ["http://example.com", "example.com", "tg://user?id=42"])
def test_a_web_app_needs_https(link: str) -> None:
    """WebAppInfo: an HTTPS URL."""
    with pytest.raises(LinkError, match="Only HTTPS links are allowed"):
        checked_link(link, https_only=True)
    assert checked_link("https://example.com/app", https_only=True) == "https://example.com/app"

"""Addresses of servers, as people write them."""

from __future__ import annotations

import pytest

from pipeline.platform.address import check_address, shown_address


@pytest.mark.parametrize(
    "text",
    ["https://api.telegram.org", "http://127.0.0.1:8081/", "http://[::1]:8000/v1", "HTTP://host", "http://u:p@host/v1"],
)
def test_an_address_of_a_server_is_taken(text: str) -> None:
    check_address(text)


@pytest.mark.parametrize(
    ("text", "fix"),
    [
        ("localhost:8000", "http:// or https:// is missing: give http://localhost:8000"),
        ("127.0.0.1:8000/v1", "http:// or https:// is missing: give http://127.0.0.1:8000/v1"),
        ("model:8000/v1", "http:// or https:// is missing: give http://model:8000/v1"),
        ("api.openai.com/v1", "http:// or https:// is missing: give https://api.openai.com/v1"),
        ("//api.openai.com", "http:// or https:// is missing: give https://api.openai.com"),
        ("http:/localhost:8000", "http:// or https:// is missing: give http://localhost:8000"),
        ("ftp://host", "it should begin with http:// or https://"),
        ("http://", "it names no host: give it as https://host"),
        ("http://:8000/v1", "it names no host: "),
        ("http://[::1", "it names no host: "),
        ("https://host/v1?key=1", r"paths are added to it: leave out what begins with \? or #"),
        ("https://host/v1#a", "paths are added to it: "),
        ("https://my host", "an address has no blanks in it: remove them"),
        ("https://host\n", "an address has no blanks in it: "),
        ("", "it is empty: give it as https://host"),
    ],
)
def test_a_mistake_is_named_with_its_fix(text: str, fix: str) -> None:
    with pytest.raises(ValueError, match=f"^{fix}"):
        check_address(text)


@pytest.mark.parametrize("text", ["https://host/v1/chat/completions", "https://host/v1/chat/completions/"])
def test_what_is_added_to_an_address_is_not_a_part_of_it(text: str) -> None:
    check_address(text)
    with pytest.raises(ValueError, match=r"^leave out /chat/completions: it is added"):
        check_address(text, leave_out="/chat/completions")


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("https://user:hunter2@host/v1?key=hunter2", "https://…@host/v1?…"),
        ("user:hunter2@host:80", "…@host:80"),
        ("http://user:hunter2@x@host", "http://…@host"),
        ("https://host/v1", "https://host/v1"),
    ],
)
def test_an_address_is_shown_without_what_may_be_secret(text: str, shown: str) -> None:
    assert shown_address(text) == shown

"""Pictures of pages, taken in a real Chromium."""

from __future__ import annotations

import struct
from pathlib import Path

import pytest

from scripts.pictures import conversations
from scripts.pictures.browser import NoBrowser
from scripts.pictures.gallery import MOST_BYTES

pytestmark = pytest.mark.e2e


def test_the_chat_page_is_taken_wide_and_as_on_a_phone_in_few_bytes(tmp_path: Path) -> None:
    try:
        conversations.take(tmp_path)
    except NoBrowser as missing:
        pytest.skip(str(missing))
    for name, size in (("chat.png", conversations.WIDE), ("chat-phone.png", conversations.PHONE)):
        png = (tmp_path / name).read_bytes()
        assert struct.unpack(">II", png[16:24]) == size
        # An empty page would be far smaller.
        assert 8_000 < len(png) <= MOST_BYTES

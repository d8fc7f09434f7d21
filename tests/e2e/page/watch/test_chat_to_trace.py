"""From the chat to the trace: what a person types is seen on its way through a real run."""

from __future__ import annotations

from typing import Any

import pytest

from tests.e2e.page.watch.conftest import NARROW, WIDE, Demo, opened

pytestmark = [pytest.mark.e2e, pytest.mark.xdist_group("live page")]


@pytest.mark.parametrize("size", [WIDE, NARROW], ids=["wide", "telephone"])
def test_a_message_typed_in_the_chat_is_answered_there_and_its_trace_reaches_silver(
    browser: Any, demo: Demo, size: dict[str, int]
) -> None:
    question = f"What is {size['width']} plus one?"
    with opened(browser, demo.url, size) as live:
        live.open()
        if size is NARROW:
            live.page.get_by_role("button", name="Chat").click()
        chat = live.page.frame_locator("#chat-frame")
        chat.get_by_role("textbox", name="Message", exact=True).fill(question)
        chat.get_by_role("button", name="Send").click()
        chat.get_by_role("article").filter(has_text=f"echo: {question}").wait_for(timeout=30_000)
        if size is NARROW:
            live.page.get_by_role("button", name="Pipeline").click()
        live.message(question).click()
        for step in ("received", "landed", "accepted", "asked", "answered", "sent", "in-silver"):
            live.page.locator(f"[data-step={step}][data-state=done]").wait_for(timeout=20_000)
        assert live.step("sent").locator(".took").inner_text().startswith("+")
        live.page.locator("#rows summary").filter(has_text="silver").click()
        live.page.get_by_role("row", name="llm_response").get_by_text(f"echo: {question}").wait_for()
        live.page.locator("#rows summary").filter(has_text="bronze").click()
        live.page.get_by_role("row", name="disposition").get_by_text("answer").wait_for()
        live.page.locator("#no-open").wait_for(timeout=20_000)

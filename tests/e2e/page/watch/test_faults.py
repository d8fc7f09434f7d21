"""Every fault of the demo is caused from the page, on a real run, and nothing is lost or sent twice."""

from __future__ import annotations

from typing import Any

import pytest

from pipeline.demo.faults.scenarios import SCENARIOS
from tests.e2e.page.watch.conftest import NARROW, WIDE, Demo, opened

pytestmark = [pytest.mark.e2e, pytest.mark.xdist_group("live page")]


@pytest.mark.parametrize("number", range(len(SCENARIOS)), ids=[scenario.name for scenario in SCENARIOS])
def test_a_fault_is_told_before_and_after_and_ends_with_nothing_lost_and_nothing_twice(
    browser: Any, demo: Demo, number: int
) -> None:
    scenario = SCENARIOS[number]
    with opened(browser, demo.url, NARROW if number % 2 else WIDE) as live:
        live.open()
        card = live.page.locator(".fault").filter(has_text=scenario.title)
        card.get_by_text(scenario.effect).wait_for()
        card.get_by_role("button").click()
        story = live.page.get_by_role("log", name="What happens")
        story.get_by_text(scenario.effect).wait_for()
        story.get_by_text("By Telegram's own record").wait_for(timeout=200_000)
        told = story.inner_text()
        assert "lost 0, twice 0" in told, told
        card.get_by_text("lost 0, twice 0").wait_for()
        assert "asked 0" not in told
        card.get_by_role("button", name="cause it").wait_for()

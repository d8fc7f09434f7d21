"""The live page for everybody: any size, any colours, by keyboard alone, and as a screen reader hears it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from pipeline.watch.served import watching
from tests.e2e.page.watch.conftest import NARROW, WIDE, Page, opened
from tests.support.waiting import eventually
from tests.support.watched import ARABIC, LONG, WatchedStorage, full

pytestmark = pytest.mark.e2e

_AXE = Path(__file__).parents[1] / "axe" / "node_modules" / "axe-core" / "axe.min.js"


@pytest.fixture
def storage(tmp_path: Path) -> WatchedStorage:
    return full(tmp_path / "lake")


@pytest.fixture
def url(storage: WatchedStorage) -> Iterator[str]:
    with watching(storage.places) as served:
        yield f"{served.url}/"


@pytest.fixture
def live(browser: Any, url: str) -> Iterator[Page]:
    with opened(browser, url) as page:
        page.open()
        yield page


@pytest.mark.parametrize("colours", ["light", "dark"])
@pytest.mark.parametrize("size", [WIDE, NARROW], ids=["wide", "telephone"])
def test_axe_finds_nothing(browser: Any, url: str, size: dict[str, int], colours: str) -> None:
    if not _AXE.exists():
        pytest.skip("axe is not installed: run npm ci in tests/e2e/page/axe")
    with opened(browser, url, size, color_scheme=colours) as page:
        page.open()
        for text in ("What is a lakehouse?", "Did this arrive?", "Who waits?", '"message"'):
            page.message(text).first.click()
            # Until then the trace is still that of the message before.
            page.page.locator("#trace-words .question").filter(has_text=text).wait_for()
            for details in page.page.locator("#rows details").all():
                if details.get_attribute("open") is None:
                    details.locator("summary").click()
            page.page.evaluate(_AXE.read_text("utf-8"))
            found = page.page.evaluate("axe.run({iframes: false})")
            assert [(each["id"], [node["html"][:120] for node in each["nodes"]]) for each in found["violations"]] == []


@pytest.mark.parametrize("size", [WIDE, {"width": 1200, "height": 700}, {"width": 700, "height": 900}, NARROW])
def test_nothing_is_wider_than_the_window_whatever_people_write(browser: Any, url: str, size: dict[str, int]) -> None:
    with opened(browser, url, size) as page:
        page.open()
        page.message(LONG[:40]).click()
        page.page.locator("#trace-words .answer").wait_for()
        for part in ("html", "#pipeline", "#trace-body", "#messages", "#stages"):
            wide, room = page.page.locator(part).evaluate("part => [part.scrollWidth, part.clientWidth]")
            assert wide <= room, part


def test_the_first_paint_comes_within_a_second(browser: Any, url: str) -> None:
    with opened(browser, url) as page:
        page.open()
        painted = page.page.evaluate("performance.getEntriesByName('first-contentful-paint')[0].startTime")
        assert painted < 1000


def test_a_message_is_chosen_and_read_by_keyboard_alone(live: Page) -> None:
    keyboard, focused = live.page.keyboard, live.page.locator(":focus")
    keyboard.press("Tab")
    assert focused.inner_text() == "Skip to the messages"
    keyboard.press("Enter")
    assert focused.get_attribute("id") == "messages"
    keyboard.press("End")
    chosen = live.page.locator("[role=option][aria-selected=true]")
    chosen.filter(has_text="What is a lakehouse?").wait_for()
    assert focused.get_attribute("aria-activedescendant") == chosen.get_attribute("id")
    keyboard.press("ArrowUp")
    chosen.filter(has_text=ARABIC).wait_for()
    keyboard.press("Enter")
    assert focused.inner_text() == "Trace"
    live.page.locator("#trace-words").get_by_text(ARABIC).wait_for()
    for _ in range(6):
        keyboard.press("Tab")
        if focused.evaluate("element => element.tagName") == "SUMMARY":
            break
    keyboard.press("Enter")
    assert live.page.locator("#rows details[open]").count() == 1


def test_a_selection_stays_while_others_arrive_and_the_newest_is_followed_when_asked(
    live: Page, storage: WatchedStorage
) -> None:
    follow = live.page.get_by_role("button", name="Follow the newest")
    assert follow.get_attribute("aria-pressed") == "true"
    live.message("Just landed").and_(live.page.locator("[aria-selected=true]")).wait_for()
    live.message(ARABIC).click()
    eventually(lambda: follow.get_attribute("aria-pressed") == "false")
    storage.lands("A later one")
    live.message("A later one").wait_for()
    assert ARABIC in live.page.locator("[aria-selected=true]").inner_text()
    follow.click()
    live.message("A later one").and_(live.page.locator("[aria-selected=true]")).wait_for()


def test_right_to_left_text_is_laid_out_right_to_left(live: Page) -> None:
    live.message(ARABIC).click()
    said = live.page.locator("#trace-words .question .text")
    said.get_by_text(ARABIC).wait_for()
    assert said.evaluate("text => getComputedStyle(text).direction") == "rtl"


def test_a_screen_reader_hears_of_a_message_once_it_is_done(live: Page, storage: WatchedStorage) -> None:
    log = live.page.locator("#announcer")
    seq = storage.lands("Tell me when it is done")
    live.message("Tell me when it is done").wait_for()
    assert log.inner_text() == ""
    storage.stores("Tell me when it is done", seq=seq)
    log.get_by_text("Tell me when it is done: sent after 1.10 s").wait_for()


def test_an_outage_is_said_in_words_and_ends(live: Page, storage: WatchedStorage) -> None:
    alerts = live.page.locator("#alerts")
    alerts.get_by_text("503: busy").wait_for()
    assert live.stage("model").get_attribute("data-health") == "out"
    assert "fails" in live.stage("model").locator("h3").inner_text()
    storage.recorder.report("model", None)
    storage.recorder.save()
    live.page.locator("[data-stage=model][data-health=ok], [data-stage=model][data-health=busy]").wait_for()
    eventually(lambda: alerts.inner_text() == "")


def test_what_people_write_stays_text(live: Page, storage: WatchedStorage) -> None:
    storage.stores("<img src=x onerror=alert(1)>", "<b>bold</b>")
    live.message("<img").click()
    live.page.locator("#trace-words").get_by_text("<b>bold</b>").wait_for()
    assert live.page.locator("#trace-words b, #trace-words img").count() == 0


def test_a_page_that_lost_its_server_says_so_and_comes_back_with_all_messages(
    browser: Any, storage: WatchedStorage
) -> None:
    with watching(storage.places) as served:
        port = served.port
        context = browser.new_context(viewport=WIDE)
        page = context.new_page()
        page.set_default_timeout(15_000)
        page.goto(f"{served.url}/")
        page.locator("#app[data-live=true]").wait_for()
    page.get_by_text("This page has lost its server").wait_for()
    storage.stores("Written meanwhile")
    with watching(storage.places, port):
        page.get_by_role("option").filter(has_text="Written meanwhile").wait_for()
        page.locator("#app[data-live=true]").wait_for()
        context.close()

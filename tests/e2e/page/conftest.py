"""The chat page in a real browser, beside a simulated Telegram in this process."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass, field
from typing import Any

import pytest

from pipeline.sandbox.json_types import Json
from pipeline.sandbox.server import serve
from pipeline.sandbox.telegram.simulator import Telegram
from pipeline.sandbox.web.app import create_app
from scripts.pictures.browser import as_root, installed
from tests.support.simulated import Sandbox, says, send

_QUIET = ["--disable-gpu", "--no-first-run", "--disable-background-networking", "--disable-component-update"]

WIDE, NARROW = {"width": 1280, "height": 800}, {"width": 390, "height": 844}


# Not for the whole session: while it runs, no other test of this process can start an event loop.
@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    """Chromium, with Playwright to drive it; a test is skipped where one of them is not installed."""
    api = pytest.importorskip("playwright.sync_api", reason="Playwright is not installed: pip install playwright")
    program = installed()
    if program is None:
        pytest.skip("no Chromium is installed: install the package chromium")
    with api.sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=program, args=[*_QUIET, *as_root()])
        yield browser
        browser.close()


@dataclass
class Server:
    """A simulated Telegram that can go away and come back at the same address."""

    telegram: Telegram
    port: int = 0
    _running: ExitStack = field(default_factory=ExitStack)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def start(self) -> None:
        self.port = self._running.enter_context(serve(create_app(self.telegram), port=self.port)).port

    def stop(self) -> None:
        self._running.close()


@dataclass
class Chat:
    """The page in a browser, and the bot and the people behind it."""

    page: Any
    server: Server
    sandbox: Sandbox
    telegram: Telegram
    errors: list[str]
    """What the browser complained about: errors of scripts, and of the Content-Security-Policy."""

    def bot(self, text: str = "answer", chat_id: int = 1, **more: Any) -> Json:
        """The bot's message."""
        return send(self.telegram, chat_id, text, **more)

    def says(self, text: str = "hi", **more: Any) -> int:
        """A person's message; its message_id."""
        return says(self.telegram, text, **more)

    def update(self, kind: str, number: int = 1) -> Json:
        """The update of this kind with this number, once the bot can get it."""
        until = time.monotonic() + 5
        while time.monotonic() < until:
            found = [update[kind] for update in self.telegram.get_updates(timeout=1) if kind in update]
            if len(found) >= number:
                update: Json = found[number - 1]
                return update
            time.sleep(0.02)
        raise AssertionError(f"the bot got no {kind} with number {number}")

    def open(self, place: str = "") -> None:
        """The page, once it shows its chats and gets each event. `place`: the part of the address after #."""
        self.page.goto(f"{self.server.url}/{f'#{place}' if place else ''}")
        # What a bot is doing is told to those who listen at that moment only.
        self.page.locator("#app[data-live=true]").wait_for()
        self.page.locator("#chats li").first.wait_for(state="attached")
        self.page.locator("#messages > *").first.wait_for(state="attached")

    @property
    def box(self) -> Any:
        return self.page.get_by_role("textbox", name="Message", exact=True)

    def message(self, text: str) -> Any:
        """The message that holds this text."""
        return self.page.get_by_role("article").filter(has_text=text)


@pytest.fixture
def size() -> dict[str, int]:
    """The window; a module or a test may have another."""
    return WIDE


@pytest.fixture
def chat(browser: Any, size: dict[str, int]) -> Iterator[Chat]:
    server = Server(Telegram())
    server.start()
    context = browser.new_context(viewport=size, locale="en-GB", reduced_motion="reduce")
    page = context.new_page()
    page.set_default_timeout(5000)
    errors: list[str] = []
    elsewhere: list[str] = []
    page.on("pageerror", lambda error: errors.append(str(error)))
    page.on("console", lambda message: errors.append(message.text) if message.type == "error" else None)
    page.on("request", lambda request: None if request.url.startswith(server.url) else elsewhere.append(request.url))
    sandbox = Sandbox(server.url)
    with sandbox.client:
        yield Chat(page, server, sandbox, server.telegram, errors)
    context.close()
    server.stop()
    assert elsewhere == []
    assert errors == []

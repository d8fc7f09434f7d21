"""The chat page and its stream of events."""

import re
import threading
from importlib.resources import files

import httpx

from tests.support.simulated import Sandbox


def test_the_event_stream_reports_what_happens_in_the_chats(sandbox: Sandbox) -> None:
    """No rule of the Bot API: what the chat page lives on."""
    with httpx.stream("GET", f"{sandbox.url}/sandbox/events", timeout=5) as events:
        lines = events.iter_lines()
        next(lines)
        talk = threading.Thread(target=lambda: (sandbox.says(), sandbox.bot("sendMessage", chat_id=1, text="answer")))
        talk.start()
        kinds: list[str] = []
        while len(kinds) < 2:
            line = next(lines)
            if line.startswith("event: "):
                kinds.append(line.removeprefix("event: "))
        talk.join()
    assert kinds == ["message", "sent"]


def test_the_chat_page_is_one_file_that_never_treats_text_as_markup(sandbox: Sandbox) -> None:
    """No rule of the Bot API: a person's text must not become part of the page."""
    page = sandbox.client.get("/")
    assert page.headers["content-type"].startswith("text/html")
    assert page.text == files("pipeline.sandbox.web").joinpath("chat.html").read_text("utf-8")
    assert not re.search(r"innerHTML|outerHTML|insertAdjacentHTML|document\.write", page.text)
    assert not re.search(r"""(?:src|href)\s*=\s*["']?(?:https?:)?//""", page.text)

"""The chat page's files, and its stream of events."""

import re
import threading
from importlib.resources import files
from pathlib import Path

import httpx
import pytest

from pipeline.sandbox.telegram.simulator import Telegram
from pipeline.sandbox.web.chat_page import ChatPage
from tests.support.simulated import Sandbox

_PAGE = Path(str(files("pipeline.sandbox.web"))) / "page"
_FILES = sorted(path for path in _PAGE.rglob("*") if path.is_file())
_SCRIPTS = {path: path.read_text("utf-8") for path in _FILES if path.suffix == ".js"}
_INDEX = (_PAGE / "index.html").read_text("utf-8")
_TYPES = {".html": "text/html", ".css": "text/css", ".js": "text/javascript", ".svg": "image/svg+xml"}


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


@pytest.mark.parametrize("path", _FILES, ids=lambda path: str(path.relative_to(_PAGE)))
def test_each_file_of_the_page_is_served_as_what_it_is(sandbox: Sandbox, path: Path) -> None:
    """No rule of the Bot API: a browser runs no module of another content type."""
    served = sandbox.client.get(f"/page/{path.relative_to(_PAGE).as_posix()}")
    assert served.status_code == 200
    assert served.headers["content-type"].partition(";")[0] == _TYPES[path.suffix]
    assert served.headers["x-content-type-options"] == "nosniff"
    assert served.content == path.read_bytes()
    assert len(path.read_text("utf-8").splitlines()) <= 350


def test_the_page_may_load_nothing_from_elsewhere_and_run_nothing_inline(sandbox: Sandbox) -> None:
    """No rule of the Bot API: what a person or the bot writes must not become a part of the page that runs."""
    page = sandbox.client.get("/")
    assert page.content == (_PAGE / "index.html").read_bytes()
    policy = dict(directive.split(" ", 1) for directive in page.headers["content-security-policy"].split("; "))
    assert policy["default-src"] == "'none'"
    assert {policy[name] for name in ("script-src", "style-src", "img-src", "connect-src", "media-src")} == {"'self'"}
    assert policy["frame-ancestors"] == "http://127.0.0.1:* http://localhost:*"
    assert policy["require-trusted-types-for"] == "'script'"
    for text in [_INDEX, *_SCRIPTS.values()]:
        assert not re.search(r"innerHTML|outerHTML|insertAdjacentHTML|document\.write|\beval\(|new Function", text)
    assert not re.search(r"<script(?! type=\"module\" src=)|<style|\sstyle=|\son\w+=", _INDEX)


def test_a_path_outside_the_page_is_not_served(sandbox: Sandbox) -> None:
    """No rule of the Bot API: only the page's own files are there."""
    for path in ("/page/", "/page/none.js", "/page/..%2Fapp.py", "/page/%2e%2e/chat_page.py"):
        assert sandbox.client.get(path).status_code == 404, path


def test_each_file_that_the_page_names_is_there() -> None:
    """No rule of the Bot API: a module that is missing stops the whole page."""
    served = {route.path for route in ChatPage(Telegram()).routes}
    named = set(re.findall(r"(?:src|href)=\"(/[^\"]*)\"", _INDEX))
    assert named
    assert named <= served
    imported = {
        (path.parent / name).resolve()
        for path, text in _SCRIPTS.items()
        for name in re.findall(r"^import [^;]* from \"(\.[^\"]*)\";$", text, re.MULTILINE)
    }
    assert imported == _SCRIPTS.keys() - {_PAGE / "main.js"}
    assert "http" not in _INDEX


def test_each_element_that_a_module_looks_for_is_in_the_page() -> None:
    """No rule of the Bot API: an element that is missing stops the whole page."""
    made = set(re.findall(r"\bid: \"([\w-]+)\"", "".join(_SCRIPTS.values())))
    present = set(re.findall(r"\bid=\"([\w-]+)\"", _INDEX)) | made
    wanted = set(re.findall(r"byId\(\"([\w-]+)\"\)", "".join(_SCRIPTS.values())))
    assert wanted
    assert wanted <= present


def test_each_name_that_a_module_imports_is_exported_and_used() -> None:
    """No rule of the Bot API: a name that is missing stops the whole page."""
    exported = {
        path: set(re.findall(r"^export (?:async )?(?:function|const|class|let) (\w+)", text, re.MULTILINE))
        for path, text in _SCRIPTS.items()
    }
    missing = [
        f"{path.name}: {name} of {source}"
        for path, text in _SCRIPTS.items()
        for names, source in re.findall(r"^import \{([^}]*)\} from \"(\.[^\"]*)\";$", text, re.MULTILINE)
        for name in re.findall(r"\w+", names)
        if name not in exported[(path.parent / source).resolve()] or len(re.findall(rf"\b{name}\b", text)) == 1
    ]
    assert missing == []

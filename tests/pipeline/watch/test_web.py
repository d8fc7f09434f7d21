"""The page's files and data over HTTP, and who may have them."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Iterator
from importlib.resources import files
from pathlib import Path

import httpx
import pytest

from pipeline.sandbox.server import serve
from pipeline.watch import web
from pipeline.watch.hub import Event, Hub
from pipeline.watch.web import create_app

_PAGE = Path(str(files("pipeline.watch"))) / "page"
_FILES = sorted(path for path in _PAGE.rglob("*") if path.is_file())
_INDEX = (_PAGE / "index.html").read_text("utf-8")


class Panel:
    """Records what is caused."""

    def __init__(self) -> None:
        self.caused: list[str] = []

    def attach(self, hub: Hub) -> None:
        hub.show("faults", {})

    def cause(self, name: str) -> str | None:
        self.caused.append(name)
        return "another fault is under way" if len(self.caused) > 1 else None

    def end(self) -> None:
        pass


@pytest.fixture
def hub() -> Hub:
    hub = Hub()
    hub.show_messages({"a/b": ({"key": "a/b"}, {"text": "\ud800"})}, [])
    return hub


@pytest.fixture
def panel() -> Panel:
    return Panel()


@pytest.fixture
def client(hub: Hub, panel: Panel) -> Iterator[httpx.Client]:
    with serve(create_app(hub, "http://127.0.0.1:1", panel)) as served, httpx.Client(base_url=served.url) as client:
        yield client


@pytest.mark.parametrize("path", _FILES, ids=lambda path: str(path.relative_to(_PAGE)))
def test_each_file_of_the_page_is_served_as_it_is(client: httpx.Client, path: Path) -> None:
    served = client.get(f"/page/{path.relative_to(_PAGE).as_posix()}")
    assert served.status_code == 200
    assert served.headers["x-content-type-options"] == "nosniff"
    assert served.content == path.read_bytes()
    assert len(path.read_text("utf-8").splitlines()) <= 350


def test_every_file_that_the_page_names_is_served(client: httpx.Client) -> None:
    named = re.findall(r'(?:href|src)="(/[^"#]+)"', _INDEX)
    for path in _FILES:
        folder = "/page" / path.relative_to(_PAGE).parent
        for wanted in re.findall(r'from "([^"]+)"', path.read_text("utf-8")):
            named.append(wanted if wanted.startswith("/") else str((Path("/") / folder / wanted).resolve()))
    assert len(named) > 20
    for name in named:
        assert client.get(name).status_code == 200, name


def test_the_page_may_load_nothing_from_elsewhere_and_nobody_may_show_it(client: httpx.Client) -> None:
    page = client.get("/")
    assert page.text == _INDEX
    policy = dict(directive.split(" ", 1) for directive in page.headers["content-security-policy"].split("; "))
    assert policy["default-src"] == "'none'"
    assert {policy[name] for name in ("script-src", "style-src", "connect-src")} == {"'self'"}
    assert policy["frame-ancestors"] == "'none'"
    assert policy["frame-src"] == "http://127.0.0.1:* http://localhost:*"
    assert policy["require-trusted-types-for"] == "'script'"
    assert not re.search(r"<script(?! type=\"module\" src=)|<style|\sstyle=|\son\w+=", _INDEX)
    for path in _FILES:
        assert not re.search(
            r"innerHTML|outerHTML|insertAdjacentHTML|document\.write|\beval\(", path.read_text("utf-8")
        )


def test_without_a_chat_no_page_may_be_shown_in_it(hub: Hub) -> None:
    with serve(create_app(hub)) as served:
        assert "frame-src 'none'" in httpx.get(served.url).headers["content-security-policy"]


@pytest.mark.parametrize("headers", [{"Host": "evil.example"}, {"Origin": "http://evil.example"}])
@pytest.mark.parametrize("path", ["/", "/watch/events", "/watch/messages/a/b"])
def test_a_foreign_name_and_a_foreign_page_are_refused(
    client: httpx.Client, headers: dict[str, str], path: str
) -> None:
    assert client.get(path, headers=headers).status_code == 403


def test_a_message_is_found_by_its_key_or_is_404(client: httpx.Client) -> None:
    assert client.get("/watch/messages/a%2Fb").json() == {"text": "\ud800"}
    assert client.get("/watch/messages/none").status_code == 404


def test_the_stream_begins_with_what_the_page_shows_now(client: httpx.Client, hub: Hub) -> None:
    with client.stream("GET", "/watch/events", timeout=5) as events:
        lines = events.iter_lines()
        assert next(lines) == "event: chat"
        assert next(lines) == 'data: "http://127.0.0.1:1"'
        hub.show("run", {"state": "serving"})
        assert next(line for line in lines if line == "event: run")


def test_a_fault_is_caused_by_json_alone_and_a_refusal_says_why(client: httpx.Client, panel: Panel) -> None:
    assert client.post("/watch/faults/killed", data={"a": "b"}).status_code == 415
    assert client.get("/watch/faults/killed").status_code == 405
    assert client.post("/watch/faults/killed", json={}, headers={"Origin": "http://evil.example"}).status_code == 403
    assert panel.caused == []
    assert client.post("/watch/faults/killed", json={}).status_code == 200
    refused = client.post("/watch/faults/killed", json={})
    assert (refused.status_code, refused.json()) == (409, {"detail": "another fault is under way"})


def test_without_faults_none_can_be_caused(hub: Hub) -> None:
    with serve(create_app(hub)) as served:
        assert httpx.post(f"{served.url}/watch/faults/killed", json={}).status_code == 404


def test_a_page_that_reads_too_slowly_is_cut_off_and_not_kept_in_memory() -> None:
    events: asyncio.Queue[Event | None] = asyncio.Queue()
    for number in range(web._MOST_WAITING + 1):
        web._put(events, Event("run", str(number)))
    assert events.get_nowait() is None
    assert events.empty()

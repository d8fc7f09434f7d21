"""The Bot API and the control API over HTTP."""

import asyncio
import json
import re
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from importlib.resources import files
from typing import Any
from urllib.parse import urlsplit

import httpx
import pytest
from starlette.types import ASGIApp, Receive, Scope, Send

from pipeline.sandbox.bot_api import create_app
from pipeline.sandbox.server import serve
from pipeline.sandbox.telegram import DEFAULT_TOKEN, Telegram


class Sandbox:
    def __init__(self, url: str) -> None:
        self.url = url
        self.client = httpx.Client(base_url=url, timeout=10)

    def bot(self, method: str, token: str = DEFAULT_TOKEN, **parameters: Any) -> httpx.Response:
        return self.client.post(f"/bot{token}/{method}", json=parameters)

    def control(self, verb: str, path: str, body: Any = None) -> Any:
        response = self.client.request(verb, f"/sandbox/{path}", json=body)
        assert response.status_code == 200, response.text
        return response.json()

    def says(self, text: str = "hi", **more: Any) -> Any:
        return self.control("POST", "messages", {"text": text, **more})


class Current:
    """The application of the test that runs: one server for all of them."""

    app: ASGIApp = create_app(Telegram())

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        await self.app(scope, receive, send)


@pytest.fixture(scope="module")
def server() -> Iterator[tuple[Current, str]]:
    current = Current()
    with serve(current) as served:
        yield current, served.url


@pytest.fixture
def sandbox(server: tuple[Current, str]) -> Iterator[Sandbox]:
    current, url = server
    current.app = create_app(Telegram())
    sandbox = Sandbox(url)
    with sandbox.client:
        yield sandbox


@pytest.mark.parametrize("how", ["query", "form", "multipart", "json"])
def test_parameters_come_in_any_of_the_four_ways(sandbox: Sandbox, how: str) -> None:
    """Making requests: URL query string, application/x-www-form-urlencoded, application/json, multipart."""
    sandbox.says()
    given = {"chat_id": "1", "text": "é 🎉 & more", "reply_parameters": '{"message_id": 1}'}
    url = f"{sandbox.url}/bot{DEFAULT_TOKEN}/sendMessage"
    response = {
        "query": lambda: httpx.get(url, params=given),
        "form": lambda: httpx.post(url, data=given),
        "multipart": lambda: httpx.post(url, files={name: (None, value) for name, value in given.items()}),
        "json": lambda: httpx.post(
            url, json={"chat_id": 1, "text": given["text"], "reply_parameters": {"message_id": 1}}
        ),
    }[how]()
    body = response.json()
    assert response.status_code == 200
    assert body["ok"] is True
    assert body["result"]["text"] == "é 🎉 & more"
    assert body["result"]["reply_to_message"]["message_id"] == 1


def test_an_error_is_said_in_the_body_and_the_status(sandbox: Sandbox) -> None:
    """Making requests: in case of an unsuccessful request ok equals false, with description and error_code."""
    response = sandbox.bot("sendMessage", chat_id=1, text="hi")
    assert response.status_code == 400
    assert response.json() == {"ok": False, "error_code": 400, "description": "Bad Request: chat not found"}


@pytest.mark.parametrize(
    ("path", "status", "description"),
    [
        ("/bot42:a-token-of-someone-else/getMe", 401, "Unauthorized"),
        ("/botnonsense/getMe", 404, "Not Found"),
        (f"/bot{DEFAULT_TOKEN}/getNothing", 404, "Not Found"),
        (f"/file/bot{DEFAULT_TOKEN}/photo.jpg", 404, "Not Found"),
    ],
)
def test_what_is_not_the_bots_is_refused(sandbox: Sandbox, path: str, status: int, description: str) -> None:
    """Authorizing your bot; making requests: https://api.telegram.org/bot<token>/METHOD_NAME."""
    response = sandbox.client.get(path)
    assert response.status_code == status
    assert response.json() == {"ok": False, "error_code": status, "description": description}


def test_a_body_that_is_no_json_is_refused(sandbox: Sandbox) -> None:
    """Making requests: application/json."""
    headers = {"Content-Type": "application/json"}
    for content in (b"{", b"[]"):
        response = sandbox.client.post(f"/bot{DEFAULT_TOKEN}/getMe", content=content, headers=headers)
        assert response.status_code == 400
        assert response.json()["ok"] is False


def test_a_long_poll_ends_when_a_message_comes(sandbox: Sandbox) -> None:
    """getUpdates: timeout in seconds for long polling."""
    with ThreadPoolExecutor(1) as threads:
        poll = threads.submit(sandbox.bot, "getUpdates", timeout=8)
        while not sandbox.control("GET", "requests")["offsets"]:
            time.sleep(0.01)
        posted = sandbox.says("news")
        (update,) = poll.result(5).json()["result"]
    assert update["update_id"] == posted["update_id"]
    assert update["message"]["text"] == "news"
    assert sandbox.control("GET", "pending") == {"pending": 1}
    assert sandbox.bot("getUpdates", offset=update["update_id"] + 1).json()["result"] == []
    assert sandbox.control("GET", "pending") == {"pending": 0}
    assert sandbox.control("GET", "requests")["offsets"] == [None, update["update_id"] + 1]


def test_a_long_poll_without_news_ends_in_time(sandbox: Sandbox) -> None:
    """getUpdates: timeout in seconds."""
    started = time.monotonic()
    assert sandbox.bot("getUpdates", timeout=1).json() == {"ok": True, "result": []}
    assert 0.9 < time.monotonic() - started < 3


def test_a_second_poll_is_a_conflict_for_the_first(sandbox: Sandbox) -> None:
    """getUpdates: terminated by other getUpdates request, 409."""
    with ThreadPoolExecutor(1) as threads:
        first = threads.submit(sandbox.bot, "getUpdates", timeout=8)
        while not sandbox.control("GET", "requests")["offsets"]:
            time.sleep(0.01)
        sandbox.bot("getUpdates")
        assert first.result(5).status_code == 409


def test_a_client_that_went_away_leaves_no_poll_behind(sandbox: Sandbox) -> None:
    """getUpdates: only a poll that still runs conflicts; what its client did not confirm comes again."""
    with pytest.raises(httpx.ReadTimeout):
        httpx.get(f"{sandbox.url}/bot{DEFAULT_TOKEN}/getUpdates", params={"timeout": 8}, timeout=0.2)
    time.sleep(0.1)
    sandbox.says("kept")
    assert len(sandbox.bot("getUpdates").json()["result"]) == 1
    assert "409" not in sandbox.control("GET", "requests")["statuses"]


def test_a_flood_is_told_how_long_to_wait(sandbox: Sandbox) -> None:
    """ResponseParameters: retry_after, the number of seconds left to wait before the request can be repeated."""
    sandbox.says()
    sandbox.control("POST", "limits", {"per_second": 30, "chat_per_second": 1, "group_per_minute": 20})
    assert sandbox.bot("sendMessage", chat_id=1, text="a").status_code == 200
    response = sandbox.bot("sendMessage", chat_id=1, text="b")
    assert response.status_code == 429
    assert response.headers["Retry-After"] == "1"
    assert response.json()["parameters"] == {"retry_after": 1}
    sandbox.control("POST", "limits", None)
    assert sandbox.bot("sendMessage", chat_id=1, text="b").status_code == 200


def test_odd_updates_pass_unchanged(sandbox: Sandbox) -> None:
    """Getting updates: JSON-serialized Update objects; ids may have more than 32 significant bits."""
    odd = {"update_id": 2**55, "message": {"text": "\ud800", "chat": {"id": 2**70}}}
    body = json.dumps([odd, {"x": 1}])
    ids = sandbox.client.post("/sandbox/updates", content=body).json()["update_ids"]
    assert ids == [2**55, 2**55 + 1]
    assert sandbox.bot("getUpdates").json()["result"] == [odd, {"update_id": 2**55 + 1, "x": 1}]


def test_many_messages_come_in_at_once(sandbox: Sandbox) -> None:
    """getUpdates: limit 100."""
    posted = sandbox.control("POST", "messages/bulk", {"messages": [{"text": str(n)} for n in range(250)]})
    assert len(posted["update_ids"]) == len(posted["message_ids"]) == 250
    assert len(sandbox.bot("getUpdates").json()["result"]) == 100


def test_the_control_api_drives_the_chats(sandbox: Sandbox) -> None:
    """my_chat_member, migrate_to_chat_id, forum topics, deleted messages and a revoked token, by request."""
    gone = sandbox.says()["message_id"]
    sandbox.control("POST", "block", {"chat_id": 1, "blocked": True})
    assert sandbox.bot("sendMessage", chat_id=1, text="x").status_code == 403
    sandbox.control("POST", "block", {"chat_id": 1, "blocked": False})
    assert sandbox.control("DELETE", f"messages/1/{gone}") == {"deleted": True}
    assert sandbox.bot("sendMessage", chat_id=1, text="x", reply_to_message_id=gone).status_code == 400

    sandbox.says(chat_id=-5, chat_type="group", title="Team")
    sandbox.control("POST", "migrate", {"chat_id": -5, "new_chat_id": -1001})
    moved = sandbox.bot("sendMessage", chat_id=-5, text="x").json()
    assert moved["parameters"] == {"migrate_to_chat_id": -1001}

    sandbox.control("POST", "topics", {"chat_id": -1001, "message_thread_id": 9, "name": "Nine"})
    assert sandbox.bot("sendMessage", chat_id=-1001, text="x", message_thread_id=9).status_code == 200
    assert sandbox.control("GET", "chats/-1001/messages")[-1]["text"] == "x"
    assert {chat["id"] for chat in sandbox.control("GET", "chats")} == {1, -5, -1001}

    sandbox.bot("sendChatAction", chat_id=1, action="typing")
    assert [action["action"] for action in sandbox.control("GET", "actions")] == ["typing"]

    sandbox.control("POST", "update_ids", {"next_update_id": 7})
    assert sandbox.says()["update_id"] == 7
    sandbox.control("POST", "token", {"token": "42:the-next-sandbox-token"})
    assert sandbox.bot("getMe").status_code == 401
    assert sandbox.bot("getMe", token="42:the-next-sandbox-token").status_code == 200


@pytest.mark.parametrize(
    ("path", "body"),
    [
        ("messages", {"no_such_field": 1}),
        ("messages", {"text": "x", "edited_message_id": 99}),
        ("messages", {"text": "x", "message_thread_id": 5}),
        ("updates", ["not an object"]),
        ("faults", {"method": "getMe", "kind": "no such kind"}),
        ("token", {"token": "43:a-token-of-another-bot"}),
        ("topics", {"chat_id": -1001, "message_thread_id": 1}),
    ],
)
def test_a_wrong_order_to_the_control_api_is_refused(sandbox: Sandbox, path: str, body: Any) -> None:
    """No rule of the Bot API: a test's own mistake must not look like a quiet success."""
    response = sandbox.client.post(f"/sandbox/{path}", json=body)
    assert response.status_code == 400
    assert response.json()["detail"]


def fault(sandbox: Sandbox, kind: str, method: str = "sendMessage", **more: Any) -> None:
    sandbox.control("POST", "faults", {"method": method, "kind": kind, **more})


@pytest.mark.parametrize(("kind", "carried_out"), [("lost_response", True), ("lost_request", False)])
def test_a_connection_may_end_without_a_response(sandbox: Sandbox, kind: str, carried_out: bool) -> None:
    """Making requests: the network may fail on either way."""
    sandbox.says()
    fault(sandbox, kind)
    with pytest.raises((httpx.RemoteProtocolError, httpx.ReadError)):
        sandbox.bot("sendMessage", chat_id=1, text="lost?")
    assert [sent["text"] for sent in sandbox.control("GET", "sent")] == (["lost?"] if carried_out else [])
    assert sandbox.bot("sendMessage", chat_id=1, text="next").status_code == 200
    outcomes = sandbox.control("GET", "requests")["outcomes"]["sendMessage"]
    assert outcomes == {kind: 1, "200": 1}


def test_a_fault_may_be_a_status_with_parameters(sandbox: Sandbox) -> None:
    """ResponseParameters: retry_after; and errors of the server itself."""
    sandbox.says()
    fault(sandbox, "status", status=429, parameters={"retry_after": 3})
    fault(sandbox, "status", status=502, description="Bad Gateway, said by a test")
    first, second = (sandbox.bot("sendMessage", chat_id=1, text="x") for _ in range(2))
    assert first.json()["description"] == "Too Many Requests: retry after 3"
    assert first.headers["Retry-After"] == "3"
    assert (second.status_code, second.json()["description"]) == (502, "Bad Gateway, said by a test")
    assert sandbox.control("GET", "sent") == []
    assert sandbox.control("GET", "requests")["statuses"] == {"429": 1, "502": 1}


def test_a_fault_may_be_an_answer_that_is_no_json(sandbox: Sandbox) -> None:
    """Making requests: the response contains a JSON object; what stands between may answer otherwise."""
    sandbox.says()
    fault(sandbox, "garbage")
    with pytest.raises(ValueError, match="Expecting value"):
        sandbox.bot("sendMessage", chat_id=1, text="x").json()


def test_a_fault_may_be_a_delay_or_no_answer_at_all(sandbox: Sandbox) -> None:
    """Making requests: a client needs time-outs of its own."""
    sandbox.says()
    fault(sandbox, "delay", seconds=0.3)
    fault(sandbox, "hang")
    started = time.monotonic()
    assert sandbox.bot("sendMessage", chat_id=1, text="late").status_code == 200
    assert time.monotonic() - started >= 0.3
    with pytest.raises(httpx.ReadTimeout):
        httpx.get(
            f"{sandbox.url}/bot{DEFAULT_TOKEN}/sendMessage",
            params={"chat_id": 1, "text": "never"},
            timeout=0.3,
        )
    assert [sent["text"] for sent in sandbox.control("GET", "sent")] == ["late"]


def test_a_fault_strikes_where_and_as_often_as_it_says(sandbox: Sandbox) -> None:
    """No rule of the Bot API: chat_id, after, times, *, and clearing."""
    for chat_id in (1, 2):
        sandbox.says(chat_id=chat_id)
    fault(sandbox, "status", chat_id=2, after=1, times=2)

    def statuses(chat_id: int) -> list[int]:
        return [sandbox.bot("sendMessage", chat_id=chat_id, text="x").status_code for _ in range(4)]

    assert statuses(1) == [200] * 4
    assert statuses(2) == [200, 500, 500, 200]
    fault(sandbox, "status", "*", status=503, times=0)
    assert statuses(1) == [503] * 4
    assert sandbox.bot("getMe").status_code == 503
    assert sandbox.control("DELETE", "faults") == {"faults": []}
    assert sandbox.bot("getMe").status_code == 200


def test_two_hundred_requests_may_wait_at_once(sandbox: Sandbox) -> None:
    """Making requests: a slow server holds them all, not a few threads' worth."""
    sandbox.says()
    fault(sandbox, "delay", times=0, seconds=0.5)

    address = urlsplit(sandbox.url)

    async def status(n: int) -> bytes:
        # Bare sockets: two hundred connections are much for an HTTP client, not for the server.
        reader, writer = await asyncio.open_connection(address.hostname, address.port)
        query = f"chat_id=1&text={n}"
        writer.write(f"GET /bot{DEFAULT_TOKEN}/sendMessage?{query} HTTP/1.1\r\nHost: x\r\n\r\n".encode())
        line = await reader.readline()
        writer.close()
        return line.split()[1]

    async def all_of_them() -> list[bytes]:
        return await asyncio.gather(*(status(n) for n in range(200)))

    started = time.monotonic()
    assert asyncio.run(all_of_them()) == [b"200"] * 200
    assert time.monotonic() - started < 5


def test_events_tell_what_happens_in_the_chats(sandbox: Sandbox) -> None:
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


def test_the_chat_page_is_one_file_that_never_takes_text_for_markup(sandbox: Sandbox) -> None:
    """No rule of the Bot API: a person's text must not become part of the page."""
    page = sandbox.client.get("/")
    assert page.headers["content-type"].startswith("text/html")
    assert page.text == files("pipeline.sandbox").joinpath("chat.html").read_text("utf-8")
    assert not re.search(r"innerHTML|outerHTML|insertAdjacentHTML|document\.write", page.text)
    assert not re.search(r"""(?:src|href)\s*=\s*["']?(?:https?:)?//""", page.text)

"""Webhooks over HTTP: a bot's server on loopback is sent the updates."""

from __future__ import annotations

import asyncio
import http.server
import socket
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from pipeline.sandbox.json_types import Json
from pipeline.sandbox.server import serve
from pipeline.sandbox.telegram.account import DEFAULT_TOKEN
from pipeline.sandbox.telegram.simulator import Telegram
from pipeline.sandbox.web.app import create_app
from tests.support.simulated import Sandbox
from tests.support.tls import trusted_server
from tests.support.waiting import eventually


class Hook:
    """A bot's webhook: what it was sent, and what it answers; 200 unless a test says otherwise."""

    def __init__(self) -> None:
        self.url = ""
        self.updates: list[Json] = []
        self.headers: list[dict[str, str]] = []
        self.answers: list[Response] = []
        self.may_answer = True
        self.app = Starlette(routes=[Route("/hook", self._take, methods=["POST"])])

    async def _take(self, request: Request) -> Response:
        self.updates.append(await request.json())
        self.headers.append(dict(request.headers))
        while not self.may_answer:
            await asyncio.sleep(0.005)
        return self.answers.pop(0) if self.answers else Response()

    @property
    def texts(self) -> list[str]:
        return [update["message"]["text"] for update in self.updates]


@pytest.fixture
def hook(sandbox: Sandbox) -> Iterator[Hook]:
    """Served, but not set."""
    hook = Hook()
    with serve(hook.app) as served:
        hook.url = f"{served.url}/hook"
        yield hook
        sandbox.bot("deleteWebhook")


def pending(sandbox: Sandbox) -> int:
    count: int = sandbox.bot("getWebhookInfo").json()["result"]["pending_update_count"]
    return count


def last_error(sandbox: Sandbox) -> str | None:
    message: str | None = sandbox.bot("getWebhookInfo").json()["result"].get("last_error_message")
    return message


@pytest.mark.shows("setWebhook")
def test_an_update_is_posted_as_json_with_the_secret_token(sandbox: Sandbox, hook: Hook) -> None:
    """setWebhook: an HTTPS POST request with a JSON-serialized Update, with X-Telegram-Bot-Api-Secret-Token."""
    sandbox.says("before")
    answer = sandbox.bot("setWebhook", url=hook.url, secret_token="a-Secret_1").json()
    assert answer == {"ok": True, "result": True, "description": "Webhook was set"}
    sandbox.says("after 🎉")
    eventually(lambda: hook.texts == ["before", "after 🎉"])
    assert hook.updates[0].keys() == {"update_id", "message"}
    assert hook.headers[0]["x-telegram-bot-api-secret-token"] == "a-Secret_1"
    assert hook.headers[0]["content-type"] == "application/json"
    assert hook.headers[0]["host"] == hook.url.split("/")[2]
    eventually(lambda: pending(sandbox) == 0)


def test_without_a_secret_token_there_is_no_such_header(sandbox: Sandbox, hook: Hook) -> None:
    """setWebhook: if specified, the request will contain a header X-Telegram-Bot-Api-Secret-Token."""
    sandbox.bot("setWebhook", url=hook.url)
    sandbox.says()
    eventually(lambda: hook.headers)
    assert "x-telegram-bot-api-secret-token" not in hook.headers[0]


@pytest.mark.parametrize("status", [500, 404, 302])
def test_any_answer_but_2xx_is_repeated_and_told(sandbox: Sandbox, hook: Hook, status: int) -> None:
    """setWebhook: a request with a response HTTP status code different from 2XY is repeated; WebhookInfo."""
    hook.answers.append(Response(status_code=status, headers={"Location": hook.url}))
    sandbox.bot("setWebhook", url=hook.url)
    sandbox.says("again")
    sandbox.says("next")
    eventually(lambda: hook.texts == ["again", "again", "next"])
    assert hook.updates[0] == hook.updates[1]
    eventually(lambda: pending(sandbox) == 0)
    assert str(last_error(sandbox)).startswith(f"Wrong response from the webhook: {status} ")


def test_a_pause_ends_when_the_clock_is_moved(sandbox: Sandbox, hook: Hook) -> None:
    """setWebhook: the second repetition waits; a test doesn't."""
    hook.answers += [Response(status_code=503), Response(status_code=503, headers={"Retry-After": "3000"})]
    sandbox.bot("setWebhook", url=hook.url)
    sandbox.says("late")
    eventually(lambda: len(hook.updates) == 2 and not hook.answers)
    eventually(lambda: last_error(sandbox))
    sandbox.control("POST", "clock", {"advance": 3001})
    eventually(lambda: hook.texts == ["late"] * 3)


def test_a_webhook_that_can_not_be_reached_is_told(sandbox: Sandbox) -> None:
    """WebhookInfo: last_error_message in human-readable format for the most recent error."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
    sandbox.bot("setWebhook", url=f"http://127.0.0.1:{port}/hook")
    sandbox.says()
    eventually(lambda: last_error(sandbox) == "Connection refused")
    assert pending(sandbox) == 1
    sandbox.bot("deleteWebhook")
    assert len(sandbox.bot("getUpdates").json()["result"]) == 1


def test_chats_are_sent_at_the_same_time_and_one_chat_in_order(sandbox: Sandbox, hook: Hook) -> None:
    """setWebhook: max_connections simultaneous connections; the server keeps the order of a chat."""
    hook.may_answer = False
    sandbox.bot("setWebhook", url=hook.url, max_connections=3)
    for number in range(1, 5):
        sandbox.says("first", chat_id=number)
        sandbox.says("second", chat_id=number)
    eventually(lambda: len(hook.updates) == 3)
    assert hook.texts == ["first"] * 3
    hook.may_answer = True
    eventually(lambda: len(hook.updates) == 8)
    for number in range(1, 5):
        texts = [update["message"]["text"] for update in hook.updates if update["message"]["chat"]["id"] == number]
        assert texts == ["first", "second"]


def test_the_response_may_be_a_method_call(sandbox: Sandbox, hook: Hook) -> None:
    """Making requests when getting updates: pass the method in the response; it's not possible to know the result."""
    hook.answers += [
        JSONResponse({"method": "sendMessage", "chat_id": 1, "text": "by JSON"}),
        Response(b"method=sendMessage&chat_id=1&text=by+form", media_type="application/x-www-form-urlencoded"),
        JSONResponse({"method": "sendMessage", "chat_id": 77, "text": "to nobody"}),
        JSONResponse({"method": "deleteWebhook"}),
        JSONResponse({"method": "getMe"}),
        Response(b"{", media_type="application/json"),
        Response(b"ok", media_type="text/plain"),
    ]
    sandbox.bot("setWebhook", url=hook.url)
    for _ in range(7):
        sandbox.says()
    eventually(lambda: pending(sandbox) == 0)
    assert [sent["text"] for sent in sandbox.control("GET", "sent")] == ["by JSON", "by form"]
    assert sandbox.bot("getWebhookInfo").json()["result"]["url"] == hook.url
    methods = sandbox.control("GET", "requests")["methods"]
    assert methods["sendMessage"] == 3
    assert "getMe" not in methods


def test_a_response_that_breaks_a_method_does_not_end_the_deliveries(
    sandbox: Sandbox, hook: Hook, monkeypatch: pytest.MonkeyPatch
) -> None:
    """No rule of the Bot API: an error of the simulator costs one call and no update."""

    def fail(*_: object) -> None:
        raise TypeError("broken")

    monkeypatch.setattr(Telegram, "call", fail)
    hook.answers.append(JSONResponse({"method": "sendMessage"}))
    sandbox.bot("setWebhook", url=hook.url)
    sandbox.says("first")
    sandbox.says("second")
    eventually(lambda: hook.texts == ["first", "second"])
    eventually(lambda: pending(sandbox) == 0)


def test_a_deleted_webhook_is_sent_nothing_more(sandbox: Sandbox, hook: Hook) -> None:
    """deleteWebhook: remove webhook integration if you decide to switch back to getUpdates."""
    hook.may_answer = False
    sandbox.bot("setWebhook", url=hook.url)
    sandbox.says("under way")
    eventually(lambda: hook.texts == ["under way"])
    assert sandbox.bot("deleteWebhook").json()["description"] == "Webhook was deleted"
    hook.may_answer = True
    sandbox.says("later")
    updates = sandbox.bot("getUpdates").json()["result"]
    assert [update["message"]["text"] for update in updates] == ["under way", "later"]
    assert hook.texts == ["under way"]


def test_another_webhook_does_not_wait_for_the_first(sandbox: Sandbox, hook: Hook) -> None:
    """setWebhook: a new URL takes over at once, with what the first was just being sent."""
    hook.may_answer = False
    sandbox.bot("setWebhook", url=hook.url)
    sandbox.says("for both")
    eventually(lambda: hook.texts == ["for both"])
    other = Hook()
    with serve(other.app) as served:
        sandbox.bot("setWebhook", url=f"{served.url}/hook")
        eventually(lambda: other.texts == ["for both"])
        sandbox.bot("deleteWebhook")


def test_a_webhook_that_was_set_before_the_server_is_sent_what_waits() -> None:
    """setWebhook: it stays set."""
    hook, telegram = Hook(), Telegram()
    with serve(hook.app) as bot:
        telegram.call("setWebhook", {"url": f"{bot.url}/hook"})
        with serve(create_app(telegram)) as served:
            sandbox = Sandbox(served.url)
            with sandbox.client:
                sandbox.says()
                eventually(lambda: hook.texts == ["hi"])


def test_a_certificate_of_its_own_is_trusted_when_it_was_uploaded(
    sandbox: Sandbox, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """setWebhook: to use a self-signed certificate, you need to upload your public key certificate."""
    got = threading.Event()

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            self.rfile.read(int(self.headers["Content-Length"]))
            self.send_response(200)
            self.send_header("Content-Length", "0")
            self.end_headers()
            got.set()

        def log_message(self, *_: object) -> None:
            pass

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    # Without the handshake: a caller that gives up in it would hold up the next one.
    server.socket = trusted_server(tmp_path, monkeypatch).wrap_socket(
        server.socket, server_side=True, do_handshake_on_connect=False
    )
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        url = f"https://127.0.0.1:{server.server_port}/hook"
        sandbox.bot("setWebhook", url=url)
        sandbox.says()
        eventually(lambda: str(last_error(sandbox)).startswith("SSL error {"))
        certificate = {"certificate": ("certificate.pem", (tmp_path / "certificate.pem").read_bytes())}
        sandbox.client.post(f"/bot{DEFAULT_TOKEN}/setWebhook", data={"url": url}, files=certificate)
        assert got.wait(5)
        sandbox.bot("deleteWebhook")
    finally:
        server.shutdown()
        server.server_close()

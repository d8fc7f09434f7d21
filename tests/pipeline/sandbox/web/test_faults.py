"""Faults that a test scripts."""

import socket
import time
from typing import get_args
from urllib.parse import urlsplit

import httpx
import pytest

from pipeline.sandbox.json_types import Json
from pipeline.sandbox.telegram.account import DEFAULT_TOKEN
from pipeline.sandbox.web.faults import KINDS, Kind
from tests.support.simulated import Sandbox


@pytest.mark.parametrize(("kind", "carried_out"), [("lost_response", True), ("lost_request", False)])
def test_a_connection_may_end_without_a_response(sandbox: Sandbox, kind: str, carried_out: bool) -> None:
    """Making requests: the network may fail on either way."""
    sandbox.says()
    sandbox.fault(kind)
    with pytest.raises((httpx.RemoteProtocolError, httpx.ReadError)):
        sandbox.bot("sendMessage", chat_id=1, text="lost?")
    assert [sent["text"] for sent in sandbox.control("GET", "sent")] == (["lost?"] if carried_out else [])
    assert sandbox.bot("sendMessage", chat_id=1, text="next").status_code == 200
    outcomes = sandbox.control("GET", "requests")["outcomes"]["sendMessage"]
    assert outcomes == {kind: 1, "200": 1}


def test_a_fault_may_be_a_status_with_parameters(sandbox: Sandbox) -> None:
    """ResponseParameters: retry_after; and errors of the server itself."""
    sandbox.says()
    sandbox.fault("status", status=429, parameters={"retry_after": 3})
    sandbox.fault("status", status=502, description="Bad Gateway, said by a test")
    first, second = (sandbox.bot("sendMessage", chat_id=1, text="x") for _ in range(2))
    assert first.json()["description"] == "Too Many Requests: retry after 3"
    assert first.headers["Retry-After"] == "3"
    assert (second.status_code, second.json()["description"]) == (502, "Bad Gateway, said by a test")
    assert sandbox.control("GET", "sent") == []
    assert sandbox.control("GET", "requests")["statuses"] == {"429": 1, "502": 1}


def test_a_fault_may_be_a_response_that_is_not_json(sandbox: Sandbox) -> None:
    """Making requests: the response contains a JSON object; what stands between may answer otherwise."""
    sandbox.says()
    sandbox.fault("garbage")
    with pytest.raises(ValueError, match="Expecting value"):
        sandbox.bot("sendMessage", chat_id=1, text="x").json()


@pytest.mark.parametrize(
    ("kind", "more", "status", "description"),
    [
        ("too_many_requests", {}, 429, "Too Many Requests: retry after 5"),
        ("too_many_requests", {"retry_after": 3}, 429, "Too Many Requests: retry after 3"),
        ("unauthorized", {}, 401, "Unauthorized"),
        (
            "conflict",
            {},
            409,
            "Conflict: terminated by other getUpdates request; make sure that only one bot instance is running",
        ),
        ("server_error", {}, 502, "Bad Gateway"),
        ("server_error", {"status": 500}, 500, "Internal Server Error"),
        ("status", {}, 500, "Internal Server Error"),
        ("status", {"status": 403, "description": "Forbidden: a test"}, 403, "Forbidden: a test"),
    ],
)
def test_a_fault_named_for_a_status_answers_like_telegram(
    sandbox: Sandbox, kind: str, more: Json, status: int, description: str
) -> None:
    """Making requests: ok equals false, with error_code, description and, for 429, parameters."""
    sandbox.says()
    sandbox.fault(kind, **more)
    response = sandbox.bot("sendMessage", chat_id=1, text="x")
    body = response.json()
    assert (response.status_code, body["ok"], body["error_code"]) == (status, False, status)
    assert body["description"] == description
    assert ("Retry-After" in response.headers) == (status == 429)
    assert body.get("parameters") == ({"retry_after": more.get("retry_after", 5)} if status == 429 else None)
    assert sandbox.control("GET", "sent") == []
    assert sandbox.bot("sendMessage", chat_id=1, text="x").status_code == 200


@pytest.mark.parametrize(("kind", "carried_out"), [("reset_after", True), ("reset_before", False)])
def test_a_connection_may_be_reset(sandbox: Sandbox, kind: str, carried_out: bool) -> None:
    """Making requests: a machine that restarted answers with RST, not with an orderly end."""
    sandbox.says()
    sandbox.fault(kind)
    address = urlsplit(sandbox.url)
    with socket.create_connection((address.hostname, address.port), 5) as connection:
        query = "chat_id=1&text=lost"
        connection.sendall(f"GET /bot{DEFAULT_TOKEN}/sendMessage?{query} HTTP/1.1\r\nHost: x\r\n\r\n".encode())
        with pytest.raises(ConnectionResetError):
            connection.recv(100)
    assert [sent["text"] for sent in sandbox.control("GET", "sent")] == (["lost"] if carried_out else [])
    assert sandbox.control("GET", "requests")["outcomes"]["sendMessage"] == {kind: 1}


@pytest.mark.parametrize(("more", "status"), [({}, 502), ({"status": 504}, 504)])
def test_a_fault_may_be_the_page_of_a_proxy(sandbox: Sandbox, more: Json, status: int) -> None:
    """Making requests: the response contains a JSON object; what stands between may answer with a page."""
    sandbox.says()
    sandbox.fault("html", **more)
    response = sandbox.bot("sendMessage", chat_id=1, text="x")
    assert response.status_code == status
    assert response.headers["content-type"].startswith("text/html")
    assert response.text.startswith("<html>")


def test_every_kind_of_fault_is_described() -> None:
    assert set(get_args(Kind)) == set(KINDS)


@pytest.mark.parametrize("kind", ["slow", "delay"])
def test_a_slow_call_is_carried_out(sandbox: Sandbox, kind: str) -> None:
    """Making requests: a server under load answers late."""
    sandbox.says()
    sandbox.fault(kind, seconds=0.2)
    started = time.monotonic()
    assert sandbox.bot("sendMessage", chat_id=1, text="late").status_code == 200
    assert time.monotonic() - started >= 0.2


def test_a_fault_may_be_a_delay_or_no_answer_at_all(sandbox: Sandbox) -> None:
    """Making requests: a client needs time-outs of its own."""
    sandbox.says()
    sandbox.fault("delay", seconds=0.3)
    sandbox.fault("hang")
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
    sandbox.fault("status", chat_id=2, after=1, times=2)

    def statuses(chat_id: int) -> list[int]:
        return [sandbox.bot("sendMessage", chat_id=chat_id, text="x").status_code for _ in range(4)]

    assert statuses(1) == [200] * 4
    assert statuses(2) == [200, 500, 500, 200]
    sandbox.fault("status", "*", status=503, times=0)
    assert statuses(1) == [503] * 4
    assert sandbox.bot("getMe").status_code == 503
    assert sandbox.control("DELETE", "faults") == {"faults": []}
    assert sandbox.bot("getMe").status_code == 200

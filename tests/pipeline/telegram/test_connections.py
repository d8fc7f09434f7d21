"""The bounds of a call to the Bot API: how long it takes in all, and how much of a response is read."""

import gzip
import itertools
import json
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from pydantic import SecretStr

from pipeline.peers.bounds import MIB
from pipeline.platform.credentials import Credential
from pipeline.telegram.client import BotApi, BotApiError, Interrupted, Refused, Unreachable
from tests.support.hostile import DRIPS, FLOODS
from tests.support.tls import trusted_server
from tests.support.wire import Received, Respond, Wire, ok, response, wired

TOKEN = "42:" + "x" * 35
PATIENCE = 0.4
"""Seconds that the client gives a response."""


def client(url: str, timeout: float = PATIENCE) -> BotApi:
    return BotApi(url, Credential(lambda: SecretStr(TOKEN)), timeout)


def send(api: BotApi) -> int:
    return api.send_message(7, "hello", reply_to=3, topic_id=None, html=False)


def fault(respond: Respond, tls: object = None) -> tuple[BotApiError, float, Wire]:
    """The error of a sendMessage, and how many seconds it took to come."""
    with wired(respond, tls=tls) as wire:  # type: ignore[arg-type]
        began = time.monotonic()
        with pytest.raises(BotApiError) as caught:
            send(client(wire.url))
        return caught.value, time.monotonic() - began, wire


@pytest.mark.parametrize("drip", DRIPS.values(), ids=DRIPS.keys())
def test_a_response_that_drips_ends_at_the_deadline(drip: Respond) -> None:
    error, seconds, _ = fault(drip)
    assert isinstance(error, Interrupted)
    assert str(error) == "no response in time"
    assert PATIENCE * 0.9 < seconds < PATIENCE + 2


@pytest.mark.parametrize("where", ["status line", "body"])
def test_a_response_over_tls_that_drips_ends_at_the_deadline(
    where: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    error, seconds, _ = fault(DRIPS[where], trusted_server(tmp_path, monkeypatch))
    assert (type(error), str(error)) == (Interrupted, "no response in time")
    assert seconds < PATIENCE + 2


@pytest.mark.parametrize("flood", FLOODS.values(), ids=FLOODS.keys())
def test_a_response_without_end_is_read_to_its_limit_only(flood: Respond) -> None:
    error, _, wire = fault(flood)
    assert isinstance(error, Interrupted)
    assert str(error) != "no response in time"
    assert wire.sent < 32 * MIB, "what the limit allows, and what the network holds"


def test_a_poll_may_be_larger_than_other_responses_and_has_a_limit_too() -> None:
    updates = [{"update_id": number, "text": "x" * 4096} for number in range(500)]
    with wired(ok(updates), ok([" " * 40 * MIB])) as wire:
        api = client(wire.url, timeout=5.0)
        assert api.get_updates(None, 0, ()) == updates
        with pytest.raises(Interrupted, match="more than 33554432 bytes"):
            api.get_updates(None, 0, ())


def test_a_long_poll_has_its_wait_in_addition_and_a_deadline_too() -> None:
    with wired(DRIPS["body"]) as wire:
        began = time.monotonic()
        with pytest.raises(Interrupted, match="no response in time"):
            client(wire.url, timeout=0.1).get_updates(None, 0.5, ())
        assert 0.5 < time.monotonic() - began < 2.5


@pytest.mark.parametrize("status", ["200 OK", "302 Found", "400 Bad Request"])
def test_a_compressed_body_is_unpacked_to_its_limit_only(status: str) -> None:
    bomb = gzip.compress(b" " * 50 * MIB)
    assert len(bomb) < MIB
    error, _, _ = fault(response(status, bomb, "Content-Encoding: gzip", "Location: /elsewhere"))
    assert (type(error), str(error)) == (Interrupted, "the response has more than 1048576 bytes")


def test_a_compressed_body_that_nobody_asked_for_is_read_all_the_same() -> None:
    body = gzip.compress(json.dumps({"ok": True, "result": {"message_id": 8}}).encode())
    with wired(response("200 OK", body, "Content-Encoding: gzip")) as wire:
        assert send(client(wire.url)) == 8


def test_a_compressed_body_that_can_not_be_unpacked_is_interrupted() -> None:
    error, _, _ = fault(response("200 OK", "?", "Content-Encoding: br"))
    assert str(error) == "the response is compressed in a way that was not asked for"


@pytest.mark.parametrize("location", [b"\xff\xfe", b"http://[", b"//", b"http://x:99999999/", b"\x00"])
def test_an_address_to_go_to_is_not_even_read(location: bytes) -> None:
    head = b"HTTP/1.1 302 Found\r\nContent-Length: 0\r\nLocation: " + location + b"\r\n\r\n"
    error, _, _ = fault(head)
    assert isinstance(error, Unreachable)


def test_cookies_are_not_kept() -> None:
    cookies: list[str] = []

    def note(connection: socket.socket) -> None:
        with connection, connection.makefile("rb") as file:
            for _ in range(2):
                headers = []
                while line := file.readline().strip():
                    headers.append(line.decode().lower())
                length = next(int(line.split(":")[1]) for line in headers if line.startswith("content-length"))
                file.read(length)
                cookies.extend(line for line in headers if line.startswith("cookie"))
                body = json.dumps({"ok": True, "result": {"message_id": 1}})
                head = f"HTTP/1.1 200 OK\r\nSet-Cookie: a={'x' * 4000}\r\nContent-Length: {len(body)}\r\n\r\n"
                connection.sendall((head + body).encode())

    with socket.create_server(("127.0.0.1", 0)) as listener:
        thread = threading.Thread(target=lambda: note(listener.accept()[0]), daemon=True)
        thread.start()
        api = client(f"http://127.0.0.1:{listener.getsockname()[1]}", timeout=5.0)
        assert [send(api), send(api)] == [1, 1], "both requests share a connection"
    thread.join(5)
    assert cookies == []


@contextmanager
def serving_one_connection(seconds: float) -> Iterator[str]:
    """A server that takes one connection only, and this many seconds for each response on it."""

    def serve() -> None:
        connection, _ = listener.accept()
        with connection:
            while connection.recv(65536):
                time.sleep(seconds)
                connection.sendall(ok({"message_id": 1}).replace(b"Connection: close\r\n", b""))

    with socket.create_server(("127.0.0.1", 0)) as listener:
        threading.Thread(target=serve, daemon=True).start()
        yield f"http://127.0.0.1:{listener.getsockname()[1]}"


def test_a_connection_is_used_again_with_the_whole_time_of_the_new_call() -> None:
    with serving_one_connection(0.3) as url:
        api = client(url, timeout=0.5)
        assert [send(api) for _ in range(4)] == [1, 1, 1, 1]


@pytest.mark.parametrize("interim", ["100 Continue", "102 Processing", "103 Early Hints"])
def test_each_call_gets_its_own_response_where_interim_ones_come_before_it(interim: str) -> None:
    def serve() -> None:
        connection, _ = listener.accept()
        with connection, connection.makefile("rb") as file:
            for number in itertools.count(1):
                headers = list(iter(lambda: file.readline().strip().lower(), b""))
                if not headers:
                    return
                file.read(next(int(line.split(b":")[1]) for line in headers if line.startswith(b"content-length")))
                connection.sendall(f"HTTP/1.1 {interim}\r\nLink: </x>\r\n\r\n".encode() * 2)
                time.sleep(0.01)
                connection.sendall(ok({"message_id": number}).replace(b"Connection: close\r\n", b""))

    with socket.create_server(("127.0.0.1", 0)) as listener:
        threading.Thread(target=serve, daemon=True).start()
        api = client(f"http://127.0.0.1:{listener.getsockname()[1]}", timeout=5.0)
        assert [send(api) for _ in range(4)] == [1, 2, 3, 4]


def through_a_proxy(proxy: str, monkeypatch: pytest.MonkeyPatch) -> BotApiError:
    monkeypatch.setenv("HTTPS_PROXY", proxy)
    monkeypatch.delenv("NO_PROXY", raising=False)
    with pytest.raises(BotApiError) as caught:
        send(client("https://telegram.invalid"))
    return caught.value


def test_a_proxy_whose_tunnel_drips_is_unreachable_in_time(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("pipeline.telegram.client._CONNECT_TIMEOUT", PATIENCE)
    with wired(DRIPS["headers"]) as wire:
        began = time.monotonic()
        assert isinstance(through_a_proxy(wire.url, monkeypatch), Unreachable)
        assert time.monotonic() - began < PATIENCE + 2


def test_a_definite_refusal_within_the_bounds_stays_one() -> None:
    def refuse(_: Received) -> bytes:
        return response("403 Forbidden", '{"ok": false, "error_code": 403, "description": "blocked"}')

    error, _, _ = fault(refuse)
    assert isinstance(error, Refused)

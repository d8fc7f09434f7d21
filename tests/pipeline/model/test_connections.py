"""The bounds of a call to the model: how long it takes in all, and how much of a response is read."""

import gc
import gzip
import json
import socket
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import cast

import httpcore
import openai
import pytest
from pydantic import SecretStr

from pipeline.errors import SettingsError
from pipeline.model.client import Model, ModelSettings
from pipeline.model.connections import Connections, bounded_client
from pipeline.model.outcome import Outcome, Verdict
from pipeline.peers.bounds import MIB
from pipeline.platform.credentials import ModelAccess
from pipeline.sandbox.models.rules import ScriptedRule
from pipeline.sandbox.models.scripted import ScriptedModel
from pipeline.sandbox.server import serve
from tests.support.hostile import DRIPS, FLOODS
from tests.support.replies import request
from tests.support.tls import trusted_server
from tests.support.wire import Received, Respond, Wire, response, wired

PATIENCE = 0.8


def said(text: str) -> bytes:
    return response(
        "200 OK", json.dumps({"choices": [{"message": {"content": text}}]}), "Content-Type: application/json"
    )


def access(url: str) -> ModelAccess:
    return ModelAccess(url, SecretStr("none"))


def outcome_of(respond: Respond, tls: object = None, timeout: float = PATIENCE) -> tuple[Outcome, float, Wire]:
    """What comes of asking, and how many seconds it takes."""
    with wired(respond, tls=tls) as wire:  # type: ignore[arg-type]
        began = time.monotonic()
        outcome = Model(ModelSettings("m", model_timeout=timeout)).ask(access(wire.url), request("hi"))
        return outcome, time.monotonic() - began, wire


@pytest.mark.parametrize("drip", DRIPS.values(), ids=DRIPS.keys())
def test_a_response_that_drips_ends_at_the_deadline(drip: Respond) -> None:
    outcome, seconds, _ = outcome_of(drip)
    assert (outcome.verdict, outcome.reason) == (Verdict.FAILING, "no answer in time")
    assert PATIENCE * 0.9 < seconds < PATIENCE + 2


@pytest.mark.parametrize("where", ["status line", "body"])
def test_a_response_over_tls_that_drips_ends_at_the_deadline(
    where: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    outcome, seconds, _ = outcome_of(DRIPS[where], trusted_server(tmp_path, monkeypatch))
    assert (outcome.verdict, outcome.reason) == (Verdict.FAILING, "no answer in time")
    assert seconds < PATIENCE + 2


def test_an_answer_comes_over_tls_too(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    outcome, _, _ = outcome_of(said("hello"), trusted_server(tmp_path, monkeypatch), timeout=5.0)
    assert outcome.text == "hello"


@pytest.mark.parametrize("name", ["body", "body without a length", "chunks", "small chunks"])
def test_an_answer_without_end_is_read_to_its_limit_and_counts_against_its_message(name: str) -> None:
    outcome, _, wire = outcome_of(FLOODS[name], timeout=20.0)
    assert (outcome.verdict, outcome.reason) == (Verdict.UNREADABLE, "the response has more than 4194304 bytes")
    assert wire.sent < 40 * MIB, "what the limit allows, and what the network holds"


@pytest.mark.parametrize("name", ["headers", "interim responses"])
def test_headers_without_end_are_read_to_their_limit(name: str) -> None:
    outcome, _, wire = outcome_of(FLOODS[name], timeout=20.0)
    assert outcome.verdict in (Verdict.FAILING, Verdict.UNREADABLE)
    assert wire.sent < 40 * MIB


def test_an_error_without_end_is_known_by_its_status() -> None:
    outcome, _, wire = outcome_of(FLOODS["an error's body"], timeout=20.0)
    assert outcome.verdict is Verdict.REJECTED
    assert wire.sent < 40 * MIB


def test_a_server_that_refuses_slowly_again_and_again_gets_one_deadline_for_all() -> None:
    def refuse(received: Received) -> bytes:
        time.sleep(0.25)
        names = [name for name in ("max_tokens", "max_completion_tokens", "response_format") if name in received.body]
        return response("400 Bad Request", json.dumps({"error": {"message": f"unsupported: {names[0]}"}}))

    outcome, seconds, _ = outcome_of(refuse)
    assert (outcome.verdict, outcome.reason) == (Verdict.FAILING, "no answer in time")
    assert seconds < PATIENCE + 2


@pytest.mark.parametrize("call", [Model.served, Model.probe], ids=["list", "probe"])
def test_every_other_call_has_a_deadline_too(call: Callable[..., object], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("pipeline.model.client._LIST_TIMEOUT", PATIENCE)
    with wired(DRIPS["body"]) as wire:
        began = time.monotonic()
        with pytest.raises(openai.APITimeoutError):
            call(Model(ModelSettings("m", model_timeout=PATIENCE)), access(wire.url))
        assert time.monotonic() - began < PATIENCE + 2


@pytest.mark.parametrize(
    ("body", "encoding", "reason"),
    [
        (gzip.compress(b" " * 50 * MIB), "gzip", "the response has more than 4194304 bytes"),
        (b"?", "br", "the response is compressed in a way that was not asked for"),
        (b"?", "gzip", "the response is compressed and damaged"),
    ],
    ids=["bomb", "unknown", "damaged"],
)
def test_a_compressed_body_is_unpacked_to_its_limit_only(body: bytes, encoding: str, reason: str) -> None:
    outcome, _, _ = outcome_of(response("200 OK", body, f"Content-Encoding: {encoding}"), timeout=5.0)
    assert (outcome.verdict, outcome.reason) == (Verdict.UNREADABLE, reason)


def test_a_compressed_body_that_nobody_asked_for_is_read_all_the_same() -> None:
    assert bounded_client("http://127.0.0.1").headers["Accept-Encoding"] == "identity"
    body = gzip.compress(json.dumps({"choices": [{"message": {"content": "hello"}}]}).encode())
    outcome, _, _ = outcome_of(response("200 OK", body, "Content-Encoding: gzip"), timeout=5.0)
    assert outcome.text == "hello"


def test_cookies_are_not_kept() -> None:
    with wired(response("200 OK", "{}", "Set-Cookie: a=b; Path=/")) as wire:
        model = Model(ModelSettings("m"))
        model.ask(access(wire.url), request("hi"))
        assert model._server is not None
        assert not model._server.client._client.cookies


# Proxies


@pytest.mark.parametrize(
    ("environment", "proxied"),
    [
        ({"HTTP_PROXY": "{proxy}"}, True),
        ({"ALL_PROXY": "{proxy}"}, True),
        ({"HTTP_PROXY": "{address}"}, True),
        ({"HTTPS_PROXY": "{proxy}"}, False),
        ({"HTTP_PROXY": "{proxy}", "NO_PROXY": "127.0.0.1"}, False),
    ],
)
def test_the_proxy_of_the_environment_is_used(
    environment: dict[str, str], proxied: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("NO_PROXY", raising=False)
    with wired(said("from the proxy")) as proxy, wired(said("from the model")) as model:
        for name, value in environment.items():
            monkeypatch.setenv(name, value.format(proxy=proxy.url, address=proxy.url.removeprefix("http://")))
        outcome = Model(ModelSettings("m")).ask(access(model.url), request("hi"))
    assert outcome.text == ("from the proxy" if proxied else "from the model")


@pytest.mark.parametrize("exempt", ["::1", "example.org,::1", "[::1]"])
def test_an_ipv6_address_is_exempt_from_the_proxy_with_and_without_its_brackets(
    exempt: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("NO_PROXY", exempt)
    with wired(said("from the proxy")) as proxy:
        monkeypatch.setenv("HTTP_PROXY", proxy.url)
        # Nothing listens there.
        outcome = Model(ModelSettings("m")).ask(access("http://[::1]:1/v1"), request("hi"))
    assert outcome.verdict is Verdict.UNREACHABLE


@pytest.mark.parametrize("proxy", ["socks5://me:pw@127.0.0.1:1", "ftp://me:pw@127.0.0.1:1"])
def test_a_proxy_that_cannot_be_used_is_named_at_the_start_without_its_password(
    proxy: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("NO_PROXY", raising=False)
    monkeypatch.setenv("ALL_PROXY", proxy)
    model, there = Model(ModelSettings("m")), access("http://model.invalid/v1")
    for question in (model.served, model.probe):
        with pytest.raises(SettingsError, match=r"the proxy \w+://…@127.0.0.1:1 of HTTP_PROXY") as caught:
            question(there)
        assert "pw" not in str(caught.value)
    # On an executor: no message's fault.
    assert model.ask(there, request("hi")).verdict is Verdict.UNREACHABLE
    assert not model.alive(there)


def test_a_proxys_tunnel_has_a_deadline_too(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("NO_PROXY", raising=False)
    with wired(DRIPS["headers"]) as proxy:
        monkeypatch.setenv("HTTPS_PROXY", proxy.url)
        began = time.monotonic()
        outcome = Model(ModelSettings("m", model_timeout=PATIENCE)).ask(
            access("https://model.invalid/v1"), request("hi")
        )
        assert time.monotonic() - began < PATIENCE + 2
    assert outcome.verdict is Verdict.FAILING


# Connections


def test_a_client_that_is_dropped_closes_its_connections() -> None:
    ended = threading.Event()

    def serve() -> None:
        connection, _ = listener.accept()
        with connection:
            connection.recv(65536)
            connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}")
            while connection.recv(65536):
                pass
            ended.set()

    with socket.create_server(("127.0.0.1", 0)) as listener:
        threading.Thread(target=serve, daemon=True).start()
        model = Model(ModelSettings("m"))
        model.ask(access(f"http://127.0.0.1:{listener.getsockname()[1]}"), request("hi"))
        del model
        gc.collect()
        assert ended.wait(5)


@pytest.fixture
def made(monkeypatch: pytest.MonkeyPatch) -> list[httpcore.Origin]:
    """To where a client makes connections, in order."""
    origins: list[httpcore.Origin] = []
    create = httpcore.ConnectionPool.create_connection

    def noted(pool: httpcore.ConnectionPool, origin: httpcore.Origin) -> httpcore.ConnectionInterface:
        origins.append(origin)
        return create(pool, origin)

    monkeypatch.setattr("httpcore.ConnectionPool.create_connection", noted)
    return origins


def test_calls_one_after_the_other_share_a_connection_also_after_one_that_failed(made: list[httpcore.Origin]) -> None:
    scripted = ScriptedModel([ScriptedRule(contains="fail", status=500)])
    with serve(scripted.app) as server:
        model = Model(ModelSettings("m"))
        texts = ("hi", "fail", "hi again")
        verdicts = [model.ask(access(f"{server.url}/v1"), request(text)).verdict.value for text in texts]
    assert (verdicts, len(made)) == (["answered", "failing", "answered"], 1)


def test_after_a_connection_that_broke_the_next_call_has_another(made: list[httpcore.Origin]) -> None:
    with wired(b"", said("hi")) as wire:
        model = Model(ModelSettings("m"))
        verdicts = [model.ask(access(wire.url), request("hi")).verdict.value for _ in range(2)]
    assert (verdicts, len(made)) == (["failing", "answered"], 2)


def test_a_redirect_to_another_server_is_followed_each_time(made: list[httpcore.Origin]) -> None:
    with wired(said("there"), said("there")) as there:
        location = f"Location: {there.url}/chat/completions\r\n"
        moved = f"HTTP/1.1 308 Permanent Redirect\r\n{location}Content-Length: 0\r\n\r\n".encode()
        with wired(moved, moved) as here:
            model = Model(ModelSettings("m"))
            texts = [model.ask(access(here.url), request("hi")).text for _ in range(2)]
    assert texts == ["there", "there"]
    assert [f"http://127.0.0.1:{origin.port}" for origin in made] == [here.url, there.url] * 2


def test_a_redirect_to_what_is_no_web_server_is_not_followed(made: list[httpcore.Origin]) -> None:
    moved = b"HTTP/1.1 308 Permanent Redirect\r\nLocation: ftp://127.0.0.1:1/file\r\nContent-Length: 0\r\n\r\n"
    with wired(moved) as here:
        outcome = Model(ModelSettings("m")).ask(access(here.url), request("hi"))
    assert outcome.verdict is Verdict.UNREACHABLE
    assert [origin.scheme for origin in made] == [b"http"]


ORIGIN = httpcore.Origin(b"http", b"model", 80)


class Lent(httpcore.ConnectionInterface):
    """A connection as it is after a call that ended well, unless a test changes that."""

    def __init__(self, origin: httpcore.Origin = ORIGIN) -> None:
        self.origin = origin
        self.idle = True
        self.expired = False
        self.closed = False

    def can_handle_request(self, origin: httpcore.Origin) -> bool:
        return origin == self.origin

    def has_expired(self) -> bool:
        return self.expired

    def is_idle(self) -> bool:
        return self.idle

    def is_closed(self) -> bool:
        return self.closed

    def close(self) -> None:
        self.closed = True


def borrowed(connections: Connections, count: int) -> list[Lent]:
    return [cast("Lent", connections.borrow(ORIGIN)) for _ in range(count)]


def test_calls_at_once_have_a_connection_each_and_the_last_used_is_lent_first() -> None:
    connections = Connections(Lent)
    first, second = borrowed(connections, 2)
    assert first is not second
    connections.give_back(first)
    connections.give_back(second)
    assert borrowed(connections, 2) == [second, first]


def test_a_connection_that_the_server_ended_is_closed_and_another_is_lent() -> None:
    connections = Connections(Lent)
    kept, ended = borrowed(connections, 2)
    ended.expired = True
    connections.give_back(kept)
    connections.give_back(ended)
    assert borrowed(connections, 1) == [kept]
    assert (kept.closed, ended.closed) == (False, True)


def test_a_call_to_another_server_ends_one_connection_at_most() -> None:
    connections = Connections(Lent)
    idle = borrowed(connections, 3)
    for each in idle:
        connections.give_back(each)
    elsewhere = httpcore.Origin(b"http", b"other", 80)
    assert cast("Lent", connections.borrow(elsewhere)).origin == elsewhere
    assert [each.closed for each in idle] == [False, False, True]


def test_a_connection_whose_call_broke_off_is_closed_and_not_lent_again() -> None:
    connections = Connections(Lent)
    [broken] = borrowed(connections, 1)
    broken.idle = False
    connections.give_back(broken)
    assert broken.closed
    assert borrowed(connections, 1) != [broken]


def test_connections_that_stay_idle_are_closed_and_those_in_use_are_not(monkeypatch: pytest.MonkeyPatch) -> None:
    connections = Connections(Lent)
    idle, used, kept = borrowed(connections, 3)
    connections.give_back(idle)
    monkeypatch.setattr("pipeline.model.connections._IDLE_LIMIT", 0.02)
    time.sleep(0.03)
    connections.give_back(kept)
    assert [each.closed for each in (idle, used, kept)] == [True, False, False]
    assert borrowed(connections, 1) == [kept]


def test_after_the_end_each_connection_is_closed_when_its_call_ends() -> None:
    connections = Connections(Lent)
    idle, used = borrowed(connections, 2)
    connections.give_back(idle)
    connections.close()
    assert (idle.closed, used.closed) == (True, False)
    connections.give_back(used)
    assert used.closed


def test_a_request_tells_nothing_of_this_machine() -> None:
    headers = {"X-Stainless-OS": "Linux", "Authorization": "Bearer key"}
    request = bounded_client("http://127.0.0.1").build_request("POST", "http://127.0.0.1", headers=headers)
    assert request.headers["Authorization"] == "Bearer key"
    assert "X-Stainless-OS" not in request.headers


def test_a_call_without_bounds_is_an_error() -> None:
    with wired(said("hi")) as wire, pytest.raises(RuntimeError, match="without bounds"):
        bounded_client(wire.url).get(wire.url)

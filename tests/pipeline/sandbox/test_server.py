"""The server that runs in a thread."""

import threading
import time

import httpx
import pytest

from pipeline.sandbox.server import serve
from pipeline.sandbox.telegram.account import DEFAULT_TOKEN
from pipeline.sandbox.telegram.simulator import Telegram
from pipeline.sandbox.web.app import create_app


def test_it_is_on_loopback_and_gone_after_the_block() -> None:
    with serve(create_app(Telegram())) as served:
        assert served.url.startswith("http://127.0.0.1:")
        assert httpx.get(f"{served.url}/sandbox/pending").json() == {"pending": 0}
    with pytest.raises(httpx.ConnectError):
        httpx.get(f"{served.url}/sandbox/pending")


def test_its_port_can_be_taken_again_at_once() -> None:
    telegram = Telegram()
    with serve(create_app(telegram)) as first:
        httpx.get(f"{first.url}/sandbox/pending")
    with serve(create_app(telegram), port=first.port) as second:
        assert httpx.get(f"{second.url}/sandbox/pending").status_code == 200


def test_a_taken_port_is_an_error_that_names_it() -> None:
    app = create_app(Telegram())
    with (
        serve(app) as served,
        pytest.raises(OSError, match=f"port {served.port}"),
        serve(app, port=served.port),
    ):
        pass


def test_it_stops_promptly_with_polls_and_streams_open(capfd: pytest.CaptureFixture[str]) -> None:
    outcomes: list[str] = []

    def poll(url: str) -> None:
        try:
            outcomes.append(str(httpx.get(url, timeout=20).status_code))
        except httpx.TransportError:
            outcomes.append("closed")

    with serve(create_app(Telegram())) as served:
        paths = (f"/bot{DEFAULT_TOKEN}/getUpdates?timeout=20", "/sandbox/events")
        waiting = [threading.Thread(target=poll, args=(served.url + path,)) for path in paths]
        for thread in waiting:
            thread.start()
        time.sleep(0.3)
        stopping = time.monotonic()
    assert time.monotonic() - stopping < 2
    for thread in waiting:
        thread.join(2)
    assert outcomes == ["closed", "closed"]
    assert capfd.readouterr() == ("", "")

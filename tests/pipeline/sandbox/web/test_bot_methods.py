"""The Bot API over HTTP."""

import asyncio
import gc
import time
from concurrent.futures import ThreadPoolExecutor
from urllib.parse import urlsplit

import httpx
import pytest

from pipeline.sandbox.telegram.account import DEFAULT_TOKEN
from tests.support.simulated import Sandbox


def test_an_error_is_in_the_body_and_in_the_status(sandbox: Sandbox) -> None:
    """Making requests: in case of an unsuccessful request ok equals false, with description and error_code."""
    response = sandbox.bot("sendMessage", chat_id=1, text="hi")
    assert response.status_code == 400
    assert response.json() == {"ok": False, "error_code": 400, "description": "Bad Request: chat not found"}


@pytest.mark.parametrize(
    ("path", "status", "description"),
    [
        ("/bot42:a-token-of-someone-else/getMe", 401, "Unauthorized"),
        ("/botnonsense/getMe", 404, "Not Found"),
        (f"/bot{DEFAULT_TOKEN}/getNothing", 404, "Not Found: method not found"),
        (f"/file/bot{DEFAULT_TOKEN}/photo.jpg", 404, "Not Found"),
    ],
)
def test_a_wrong_token_method_or_path_is_refused(sandbox: Sandbox, path: str, status: int, description: str) -> None:
    """Authorizing your bot; making requests: https://api.telegram.org/bot<token>/METHOD_NAME."""
    response = sandbox.client.get(path)
    assert response.status_code == status
    assert response.json() == {"ok": False, "error_code": status, "description": description}


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


def test_a_poll_that_ends_in_an_error_prints_nothing_beside_its_response(
    sandbox: Sandbox, caplog: pytest.LogCaptureFixture
) -> None:
    with ThreadPoolExecutor(1) as threads:
        first = threads.submit(sandbox.bot, "getUpdates", timeout=8)
        while not sandbox.control("GET", "requests")["offsets"]:
            time.sleep(0.01)
        sandbox.bot("getUpdates")
        first.result(5)
    # asyncio complains once it throws away an error that nobody looked at; another request lets its loop do that.
    sandbox.control("GET", "pending")
    gc.collect()
    assert "never retrieved" not in caplog.text


def test_a_client_that_went_away_leaves_no_poll_behind(sandbox: Sandbox) -> None:
    """getUpdates: only a poll that still runs conflicts; what its client did not confirm comes again."""
    with pytest.raises(httpx.ReadTimeout):
        httpx.get(f"{sandbox.url}/bot{DEFAULT_TOKEN}/getUpdates", params={"timeout": 8}, timeout=0.2)
    time.sleep(0.1)
    sandbox.says("kept")
    assert len(sandbox.bot("getUpdates").json()["result"]) == 1
    assert "409" not in sandbox.control("GET", "requests")["statuses"]


def test_a_flood_limit_says_how_long_to_wait(sandbox: Sandbox) -> None:
    """ResponseParameters: retry_after, the number of seconds left to wait before the request can be repeated."""
    sandbox.says()
    sandbox.control("POST", "limits", {"per_second": 30, "chat_per_second": 1, "group_per_minute": 20})
    for _ in range(5):
        assert sandbox.bot("sendMessage", chat_id=1, text="a").status_code == 200
    response = sandbox.bot("sendMessage", chat_id=1, text="b")
    assert response.status_code == 429
    assert response.headers["Retry-After"] == "5"
    assert response.json()["parameters"] == {"retry_after": 5}
    sandbox.control("POST", "limits", None)
    assert sandbox.bot("sendMessage", chat_id=1, text="b").status_code == 200


def test_two_hundred_requests_may_wait_at_once(sandbox: Sandbox) -> None:
    """Making requests: a slow server holds them all, not a few threads' worth."""
    sandbox.says()
    sandbox.fault("delay", times=0, seconds=0.5)

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

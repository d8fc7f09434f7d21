"""Who may use the control API and the chat page."""

from ipaddress import IPv4Address

import httpx
import pytest

from pipeline.sandbox.telegram.account import DEFAULT_TOKEN
from pipeline.sandbox.telegram.simulator import Telegram
from pipeline.sandbox.web.app import create_app
from tests.support.current_app import CurrentApp
from tests.support.simulated import Sandbox

EVERY_ADDRESS = str(IPv4Address(0))
LOCAL_NAMES = ["127.0.0.1:8081", "localhost:8081", "LOCALHOST", "[::1]:8081", "127.9.9.9"]
FOREIGN_NAMES = [
    "evil.example",
    "evil.example:8081",
    "127.0.0.1.evil.example",
    "192.168.0.2:8081",
    "[::1",
    "@localhost.x",
    "evil.example@127.0.0.1",
    "127.0.0.1/evil.example",
    "127.0.0.1:x",
    "localhost.",
]


@pytest.mark.parametrize("host", LOCAL_NAMES)
def test_this_machine_may_call_by_any_of_its_own_names(sandbox: Sandbox, host: str) -> None:
    assert sandbox.client.get("/sandbox/pending", headers={"Host": host}).status_code == 200


@pytest.mark.parametrize("host", FOREIGN_NAMES)
@pytest.mark.parametrize("path", ["/sandbox/pending", "/sandbox/events", "/"])
def test_a_foreign_name_is_refused(sandbox: Sandbox, host: str, path: str) -> None:
    """After DNS rebinding a foreign page reaches this machine under its own name."""
    response = sandbox.client.get(path, headers={"Host": host})
    assert response.status_code == 403
    assert response.json()["detail"].startswith("the Host ")


@pytest.mark.parametrize("origin", ["https://evil.example", "null", "http://127.0.0.1:1", "https://{host}", ""])
def test_a_foreign_page_is_refused(sandbox: Sandbox, origin: str) -> None:
    host = httpx.URL(sandbox.url).netloc.decode()
    headers = {"Origin": origin.format(host=host)}
    response = sandbox.client.post("/sandbox/messages", json={"text": "hi"}, headers=headers)
    assert response.status_code == 403
    assert response.json()["detail"].startswith("the Origin ")
    assert sandbox.control("GET", "chats") == []


def test_the_sandboxs_own_page_may_call(sandbox: Sandbox) -> None:
    response = sandbox.client.post("/sandbox/messages", json={"text": "hi"}, headers={"Origin": sandbox.url})
    assert response.status_code == 200


@pytest.mark.parametrize(
    "form", ["text/plain", "application/x-www-form-urlencoded", "multipart/form-data; boundary=x", None]
)
def test_only_json_is_taken(sandbox: Sandbox, form: str | None) -> None:
    """A web page's form can't send application/json."""
    headers = {} if form is None else {"Content-Type": form}
    response = sandbox.client.post("/sandbox/messages", content=b'{"text": "hi"}', headers=headers)
    assert response.status_code == 415
    assert "application/json" in response.json()["detail"]
    assert sandbox.control("GET", "chats") == []


def test_json_may_name_its_charset(sandbox: Sandbox) -> None:
    headers = {"Content-Type": "Application/JSON; charset=utf-8"}
    assert sandbox.client.post("/sandbox/messages", content=b'{"text": "hi"}', headers=headers).status_code == 200


def test_the_bot_may_call_from_anywhere_in_any_form(sandbox: Sandbox) -> None:
    """Making requests: four ways, and a bot in a container calls the server by another name."""
    sandbox.says()
    response = sandbox.client.post(
        f"/bot{DEFAULT_TOKEN}/sendMessage",
        data={"chat_id": "1", "text": "hi"},
        headers={"Host": "telegram:8081", "Origin": "https://a.example"},
    )
    assert response.status_code == 200


@pytest.mark.parametrize(
    ("served_at", "host", "status"),
    [
        (EVERY_ADDRESS, "192.168.0.2:8081", 200),
        (EVERY_ADDRESS, "evil.example", 403),
        ("192.168.0.2", "192.168.0.2:8081", 200),
        ("192.168.0.2", "192.168.0.3:8081", 403),
        ("sandbox.internal", "sandbox.internal:8081", 200),
        ("sandbox.internal", "evil.example", 403),
    ],
)
def test_served_at_another_address_it_is_called_by_that_one(
    current_app: CurrentApp, served_at: str, host: str, status: int
) -> None:
    current_app.app = create_app(Telegram(), served_at)
    assert httpx.get(f"{current_app.url}/sandbox/pending", headers={"Host": host}).status_code == status

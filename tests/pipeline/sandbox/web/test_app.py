"""The application as a whole: every error has a form that its caller reads."""

import httpx
import pytest

from pipeline.sandbox.telegram.account import DEFAULT_TOKEN
from pipeline.sandbox.telegram.simulator import Telegram
from pipeline.sandbox.web.app import create_app
from tests.support.current_app import CurrentApp
from tests.support.simulated import Sandbox

BOT = f"/bot{DEFAULT_TOKEN}/getMe"


@pytest.mark.parametrize("verb", ["PUT", "PATCH", "DELETE", "OPTIONS"])
@pytest.mark.parametrize("path", [BOT, "/nowhere", "/file/botx/y"])
def test_a_verb_that_the_bot_api_has_not_is_answered_in_its_form(sandbox: Sandbox, verb: str, path: str) -> None:
    """Making requests: GET and POST; in case of an unsuccessful request, ok equals false."""
    response = sandbox.client.request(verb, path)
    assert response.status_code == 404
    assert response.json() == {"ok": False, "error_code": 404, "description": "Not Found"}


@pytest.mark.parametrize("error", [RuntimeError("broken\nin two"), ValueError("broken\nin two")])
def test_an_error_of_the_simulator_itself_is_answered_in_one_line(
    current_app: CurrentApp, monkeypatch: pytest.MonkeyPatch, error: Exception
) -> None:
    """Making requests: in case of an unsuccessful request, error_code and description."""

    def fail(*_: object) -> None:
        raise error

    monkeypatch.setattr(Telegram, "answer", fail)
    monkeypatch.setattr(Telegram, "chats", fail)
    current_app.app = create_app(Telegram())
    response = httpx.post(current_app.url + BOT)
    kind = type(error).__name__
    assert response.status_code == 500
    assert response.json() == {
        "ok": False,
        "error_code": 500,
        "description": f"Internal Server Error: {kind}: broken in two",
    }
    detail = httpx.get(f"{current_app.url}/sandbox/chats").json()["detail"]
    assert detail == ("broken in two" if kind == "ValueError" else f"the sandbox failed: {kind}: broken in two")

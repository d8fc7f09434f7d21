"""A bot and a person for tests of the simulated Telegram, called directly or over HTTP."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import httpx
import pytest

from pipeline.sandbox.json_types import Json
from pipeline.sandbox.telegram.account import DEFAULT_TOKEN
from pipeline.sandbox.telegram.errors import MethodError
from pipeline.sandbox.telegram.people.messages import UserMessage
from pipeline.sandbox.telegram.people.table import ACTIONS
from pipeline.sandbox.telegram.simulator import Telegram


class Clock:
    """Seconds that a test moves."""

    def __init__(self) -> None:
        self.seconds = 1000.0

    def __call__(self) -> float:
        return self.seconds


def says(telegram: Telegram, text: str = "hi", **more: Any) -> int:
    """A person's message; its message_id."""
    return telegram.receive(UserMessage(text=text, **more)).message_id


def send(telegram: Telegram, chat_id: int | str = 1, text: str = "answer", **more: Any) -> Json:
    """The bot's message."""
    message: Json = telegram.call("sendMessage", {"chat_id": chat_id, "text": text, **more})
    return message


def performs(telegram: Telegram, path: str, **given: Any) -> Json:
    """A person does something of the table of actions; what the control API would answer."""
    action = ACTIONS[path]
    return telegram.perform(action, action.model.model_validate(given))


def refused(call: Callable[[], object]) -> tuple[int, str, Json | None]:
    """The error of a call that must fail: error_code, description, parameters."""
    with pytest.raises(MethodError) as error:
        call()
    return error.value.error_code, error.value.description, error.value.parameters


def texts(updates: list[Json]) -> list[str]:
    return [update["message"]["text"] for update in updates]


class Sandbox:
    """A simulated Telegram over HTTP: its Bot API and its control API."""

    def __init__(self, url: str) -> None:
        self.url = url
        self.client = httpx.Client(base_url=url, timeout=10)

    def bot(self, method: str, token: str = DEFAULT_TOKEN, **parameters: Any) -> httpx.Response:
        return self.client.post(f"/bot{token}/{method}", json=parameters)

    def control(self, verb: str, path: str, body: Any = None) -> Any:
        """The JSON of a response that must be 200."""
        response = self.client.request(verb, f"/sandbox/{path}", json=body)
        assert response.status_code == 200, response.text
        return response.json()

    def says(self, text: str = "hi", **more: Any) -> Any:
        """A person's message."""
        return self.control("POST", "messages", {"text": text, **more})

    def fault(self, kind: str, method: str = "sendMessage", **more: Any) -> None:
        """Script a fault."""
        self.control("POST", "faults", {"method": method, "kind": kind, **more})

"""The four ways of giving parameters."""

import httpx
import pytest

from pipeline.sandbox.telegram.account import DEFAULT_TOKEN
from tests.support.simulated import Sandbox


@pytest.mark.parametrize("way", ["query", "form", "multipart", "json"])
def test_parameters_come_in_any_of_the_four_ways(sandbox: Sandbox, way: str) -> None:
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
    }[way]()
    body = response.json()
    assert response.status_code == 200
    assert body["ok"] is True
    assert body["result"]["text"] == "é 🎉 & more"
    assert body["result"]["reply_to_message"]["message_id"] == 1


def test_a_body_that_is_not_a_json_object_is_refused(sandbox: Sandbox) -> None:
    """Making requests: application/json."""
    headers = {"Content-Type": "application/json"}
    for content in (b"{", b"[]"):
        response = sandbox.client.post(f"/bot{DEFAULT_TOKEN}/getMe", content=content, headers=headers)
        assert response.status_code == 400
        assert response.json()["ok"] is False

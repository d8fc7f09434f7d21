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


def test_an_uploaded_file_keeps_each_byte(sandbox: Sandbox) -> None:
    """Sending files: post the file using multipart/form-data in the usual way; InputFile: at attach://<name>."""
    sandbox.says()
    content = bytes(range(256)) + b"\r\n--\r\n\r\n--boundary\nend\r\n"
    response = httpx.post(
        f"{sandbox.url}/bot{DEFAULT_TOKEN}/sendDocument",
        data={"chat_id": "1", "document": "attach://x", "caption": "é"},
        files={"x": ("Übersicht 1.txt", content, "message/rfc822")},
    )
    document = response.json()["result"]["document"]
    assert document["file_name"] == "Übersicht 1.txt"
    assert document["file_size"] == len(content)
    assert response.json()["result"]["caption"] == "é"
    assert sandbox.client.get(f"/sandbox/files/{document['file_id']}").content == content


def test_a_file_may_be_in_the_part_of_its_parameter(sandbox: Sandbox) -> None:
    """Sending files: multipart/form-data in the usual way that files are uploaded via the browser."""
    sandbox.says()
    files = {"document": ("C:\\notes\\a.txt", b"note")}
    response = httpx.post(f"{sandbox.url}/bot{DEFAULT_TOKEN}/sendDocument", data={"chat_id": "1"}, files=files)
    assert response.json()["result"]["document"]["file_name"] == "a.txt"


def test_a_multipart_body_needs_its_boundary(sandbox: Sandbox) -> None:
    """Making requests: multipart/form-data."""
    headers = {"Content-Type": "multipart/form-data"}
    response = sandbox.client.post(f"/bot{DEFAULT_TOKEN}/sendDocument", content=b"--a\r\n", headers=headers)
    assert response.status_code == 400
    assert response.json()["description"] == "Bad Request: boundary not found"

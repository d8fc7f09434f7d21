"""Downloads over HTTP."""

import base64

import pytest

from pipeline.sandbox.telegram.account import DEFAULT_TOKEN
from pipeline.sandbox.telegram.content.made_up import made_up_file
from tests.support.simulated import Sandbox

PICTURE = made_up_file("photo").content


def document(sandbox: Sandbox, name: str, content: bytes) -> str:
    """The file_id of a document that a person sent."""
    media = {"kind": "document", "file_name": name, "content": base64.b64encode(content).decode()}
    sandbox.control("POST", "messages", {"media": media})
    file_id: str = sandbox.bot("getUpdates").json()["result"][-1]["message"]["document"]["file_id"]
    return file_id


@pytest.mark.shows("getFile")
def test_a_file_is_downloaded_from_its_path(sandbox: Sandbox) -> None:
    """getFile: the file can be downloaded via the link https://api.telegram.org/file/bot<token>/<file_path>."""
    content = bytes(range(256)) * 10
    path = sandbox.bot("getFile", file_id=document(sandbox, "a.bin", content)).json()["result"]["file_path"]
    response = sandbox.client.get(f"/file/bot{DEFAULT_TOKEN}/{path}")
    assert (response.status_code, response.content) == (200, content)
    assert response.headers["Content-Type"] == "application/octet-stream"


def test_a_download_needs_the_token(sandbox: Sandbox) -> None:
    """getFile: the link has the bot's token."""
    path = sandbox.bot("getFile", file_id=document(sandbox, "a.txt", b"a")).json()["result"]["file_path"]
    response = sandbox.client.get(f"/file/bot42:a-token-of-someone-else/{path}")
    assert response.status_code == 401
    assert response.json() == {"ok": False, "error_code": 401, "description": "Unauthorized"}
    assert sandbox.client.get(f"/file/bot{DEFAULT_TOKEN}/../{path}").status_code == 404


@pytest.mark.parametrize(
    ("name", "content", "shown_as"),
    [("a.png", PICTURE, "image/png"), ("a.jpg", b"\xff\xd8\xff\xe0", "image/jpeg"), ("a.mp4", b"GIF89a", "image/gif")],
)
def test_the_page_can_show_a_picture(sandbox: Sandbox, name: str, content: bytes, shown_as: str) -> None:
    """No rule of the Bot API: the page knows a file by its file_id."""
    response = sandbox.client.get(f"/sandbox/files/{document(sandbox, name, content)}")
    assert (response.status_code, response.content) == (200, content)
    assert response.headers["Content-Type"] == shown_as
    assert "Content-Disposition" not in response.headers


@pytest.mark.parametrize("name", ["a.html", "a.svg", "a.js"])
def test_nothing_in_a_file_runs_in_the_page(sandbox: Sandbox, name: str) -> None:
    """No rule of the Bot API: a file comes from anybody, and is never opened as a document of the page's address."""
    response = sandbox.client.get(f"/sandbox/files/{document(sandbox, name, b'<script>alert(1)</script>')}")
    assert response.headers["Content-Type"] == "application/octet-stream"
    assert response.headers["Content-Disposition"] == "attachment"
    assert response.headers["X-Content-Type-Options"] == "nosniff"
    assert "sandbox" in response.headers["Content-Security-Policy"]


def test_an_unknown_file_is_not_found(sandbox: Sandbox) -> None:
    """No rule of the Bot API."""
    response = sandbox.client.get("/sandbox/files/AgACnothing")
    assert (response.status_code, response.json()) == (404, {"detail": "there is no file with this file_id"})

"""The control API over HTTP."""

import json
from typing import Any

import pytest

from tests.support.simulated import Sandbox


def test_odd_updates_pass_unchanged(sandbox: Sandbox) -> None:
    """Getting updates: JSON-serialized Update objects; ids may have more than 32 significant bits."""
    odd = {"update_id": 2**55, "message": {"text": "\ud800", "chat": {"id": 2**70}}}
    body = json.dumps([odd, {"x": 1}])
    headers = {"Content-Type": "application/json"}
    ids = sandbox.client.post("/sandbox/updates", content=body, headers=headers).json()["update_ids"]
    assert ids == [2**55, 2**55 + 1]
    assert sandbox.bot("getUpdates").json()["result"] == [odd, {"update_id": 2**55 + 1, "x": 1}]


def test_many_messages_come_in_at_once(sandbox: Sandbox) -> None:
    """getUpdates: limit 100."""
    posted = sandbox.control("POST", "messages/bulk", {"messages": [{"text": str(n)} for n in range(250)]})
    assert len(posted["update_ids"]) == len(posted["message_ids"]) == 250
    assert len(sandbox.bot("getUpdates").json()["result"]) == 100


def test_the_control_api_drives_the_chats(sandbox: Sandbox) -> None:
    """my_chat_member, migrate_to_chat_id, forum topics, deleted messages and a revoked token, by request."""
    gone = sandbox.says()["message_id"]
    sandbox.control("POST", "block", {"chat_id": 1, "blocked": True})
    assert sandbox.bot("sendMessage", chat_id=1, text="x").status_code == 403
    sandbox.control("POST", "block", {"chat_id": 1, "blocked": False})
    assert sandbox.control("DELETE", f"messages/1/{gone}") == {"deleted": True}
    assert sandbox.bot("sendMessage", chat_id=1, text="x", reply_to_message_id=gone).status_code == 400

    sandbox.says(chat_id=-5, chat_type="group", title="Team")
    sandbox.control("POST", "migrate", {"chat_id": -5, "new_chat_id": -1001})
    moved = sandbox.bot("sendMessage", chat_id=-5, text="x").json()
    assert moved["parameters"] == {"migrate_to_chat_id": -1001}

    sandbox.control("POST", "topics", {"chat_id": -1001, "message_thread_id": 9, "name": "Nine"})
    assert sandbox.bot("sendMessage", chat_id=-1001, text="x", message_thread_id=9).status_code == 200
    assert sandbox.control("GET", "chats/-1001/messages")[-1]["text"] == "x"
    assert {chat["id"] for chat in sandbox.control("GET", "chats")} == {1, -5, -1001}

    sandbox.bot("sendChatAction", chat_id=1, action="typing")
    assert [action["action"] for action in sandbox.control("GET", "actions")] == ["typing"]

    sandbox.control("POST", "update_ids", {"next_update_id": 7})
    assert sandbox.says()["update_id"] == 7
    sandbox.control("POST", "token", {"token": "42:the-next-sandbox-token"})
    assert sandbox.bot("getMe").status_code == 401
    assert sandbox.bot("getMe", token="42:the-next-sandbox-token").status_code == 200


@pytest.mark.parametrize(
    ("path", "body"),
    [
        ("messages", {"no_such_field": 1}),
        ("messages", {"text": "x", "edited_message_id": 99}),
        ("messages", {"text": "x", "message_thread_id": 5}),
        ("updates", ["not an object"]),
        ("faults", {"method": "getMe", "kind": "no such kind"}),
        ("token", {"token": "43:a-token-of-another-bot"}),
        ("topics", {"chat_id": -1001, "message_thread_id": 1}),
        ("clock", {"advance": -1}),
        ("update_ids", {"next_update_id": -1}),
        ("clock", {}),
        ("limits", {"per_second": "many"}),
    ],
)
def test_a_wrong_request_to_the_control_api_is_refused_in_one_line(sandbox: Sandbox, path: str, body: Any) -> None:
    """No rule of the Bot API: a test's own mistake must not look like a quiet success."""
    response = sandbox.client.post(f"/sandbox/{path}", json=body)
    assert response.status_code == 400
    assert response.json()["detail"]
    assert "\n" not in response.json()["detail"]


def test_the_reason_names_the_field_and_says_what_is_wrong(sandbox: Sandbox) -> None:
    """No rule of the Bot API: one clear line."""
    response = sandbox.client.post("/sandbox/messages", json={"chat_id": "x", "tetx": "hi"})
    assert response.json() == {
        "detail": "chat_id: Input should be a valid integer, unable to parse string as an integer; "
        "tetx: Extra inputs are not permitted"
    }
    headers = {"Content-Type": "application/json"}
    broken = sandbox.client.post("/sandbox/messages", content=b"{", headers=headers)
    assert broken.status_code == 400
    assert broken.json()["detail"].startswith("the body is no JSON: ")
    unknown = sandbox.client.post("/sandbox/messages", json={"text": "x", "edited_message_id": 99})
    assert unknown.json() == {"detail": "chat 1 has no message 99"}


@pytest.mark.parametrize(("verb", "path"), [("GET", "nothing"), ("PUT", "faults"), ("GET", "messages")])
def test_a_path_that_does_not_exist_is_named(sandbox: Sandbox, verb: str, path: str) -> None:
    """No rule of the Bot API: a misspelt path must not look like an answer of the Bot API."""
    response = sandbox.client.request(verb, f"/sandbox/{path}")
    assert response.status_code == 404
    assert f"{verb} /sandbox/{path}" in response.json()["detail"]


def test_the_clock_is_moved_and_told(sandbox: Sandbox) -> None:
    """Getting updates: incoming updates will not be kept longer than 24 hours."""
    before = sandbox.control("GET", "clock")["now"]
    sandbox.says("old")
    assert sandbox.control("POST", "clock", {"advance": 86400})["now"] >= before + 86400
    assert sandbox.control("GET", "pending") == {"pending": 0}


@pytest.mark.parametrize("verb", ["GET", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"])
@pytest.mark.parametrize("path", ["/sandbox", "/sandbox/", "/sandbox/nothing"])
def test_a_path_that_is_not_in_the_table_is_named(sandbox: Sandbox, verb: str, path: str) -> None:
    response = sandbox.client.request(verb, path)
    assert response.status_code == 404
    assert response.json()["detail"].startswith(f"the control API has no {verb} {path}: ")


@pytest.mark.parametrize("body", ["[" * 100_000, '{"advance": 1e999}', '{"advance": NaN}', '{"advance": 1e300}'])
def test_a_body_that_no_client_could_be_answered_with_is_refused(sandbox: Sandbox, body: str) -> None:
    headers = {"Content-Type": "application/json"}
    response = sandbox.client.post("/sandbox/clock", content=body, headers=headers)
    assert response.status_code == 400
    assert "\n" not in response.json()["detail"]
    assert sandbox.bot("getMe").status_code == 200


@pytest.mark.parametrize(
    ("path", "name"),
    [
        ("GET sent?since=first", "since"),
        ("GET chats/team/messages", "chat_id"),
        (f"GET chats/{'9' * 5000}/messages", "chat_id"),
        ("DELETE messages/1/1.5", "message_id"),
    ],
)
def test_a_number_of_a_path_that_is_none_is_named(sandbox: Sandbox, path: str, name: str) -> None:
    verb, path = path.split()
    response = sandbox.client.request(verb, f"/sandbox/{path}")
    assert response.status_code == 400
    assert response.json() == {"detail": f"{name} must be a whole number"}

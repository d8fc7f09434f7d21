"""The control API of tests."""

import json
from typing import Any

import pytest

from tests.support.simulated import Sandbox


def test_odd_updates_pass_unchanged(sandbox: Sandbox) -> None:
    """Getting updates: JSON-serialized Update objects; ids may have more than 32 significant bits."""
    odd = {"update_id": 2**55, "message": {"text": "\ud800", "chat": {"id": 2**70}}}
    body = json.dumps([odd, {"x": 1}])
    ids = sandbox.client.post("/sandbox/updates", content=body).json()["update_ids"]
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
    ],
)
def test_a_wrong_request_to_the_control_api_is_refused(sandbox: Sandbox, path: str, body: Any) -> None:
    """No rule of the Bot API: a test's own mistake must not look like a quiet success."""
    response = sandbox.client.post(f"/sandbox/{path}", json=body)
    assert response.status_code == 400
    assert response.json()["detail"]

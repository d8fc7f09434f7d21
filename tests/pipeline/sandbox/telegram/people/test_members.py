"""People join, leave and are made something else."""

from typing import Any

import pytest

from pipeline.sandbox.json_types import Json
from pipeline.sandbox.telegram.people.members import JoinRequest, MemberChange
from pipeline.sandbox.telegram.people.table import ACTIONS
from pipeline.sandbox.telegram.simulator import Telegram
from tests.support.simulated import refused, says, send

GROUP = -1_001_000_000_010
CHANNEL = -1_001_000_000_011


def _change(telegram: Telegram, chat_id: int = GROUP, **more: Any) -> Json:
    return telegram.perform(ACTIONS["members"], MemberChange(chat_id=chat_id, **more))


@pytest.mark.shows("members", "my_chat_member")
def test_the_bot_learns_what_it_is_made(telegram: Telegram) -> None:
    """Update: my_chat_member says that the bot's status was updated in a chat."""
    says(telegram, chat_id=GROUP)
    _change(telegram, status="administrator", rights={"can_pin_messages": False})
    change = telegram.get_updates()[-1]["my_chat_member"]
    assert (change["old_chat_member"]["status"], change["new_chat_member"]["status"]) == ("member", "administrator")
    assert (change["new_chat_member"]["can_delete_messages"], change["new_chat_member"]["can_pin_messages"]) == (
        True,
        False,
    )
    assert (change["from"]["id"], change["new_chat_member"]["user"]["id"]) == (1, 42)


@pytest.mark.shows("chat_member")
def test_an_administrator_that_asks_learns_of_others(telegram: Telegram) -> None:
    """Update: chat_member needs an administrator that lists it in allowed_updates."""
    says(telegram, chat_id=GROUP)
    assert _change(telegram, user_id=3)["update_id"] is None
    _change(telegram, status="administrator")
    assert _change(telegram, user_id=4)["update_id"] is None
    telegram.get_updates(allowed_updates=["chat_member"])
    assert _change(telegram, user_id=3, status="kicked", until_date=5)["update_id"] is not None
    change = telegram.get_updates()[-1]["chat_member"]
    assert (change["old_chat_member"]["status"], change["new_chat_member"]) == (
        "member",
        {"user": {"id": 3, "is_bot": False, "first_name": "Ada"}, "status": "kicked", "until_date": 5},
    )


def test_who_comes_and_goes_is_told_by_a_service_message(telegram: Telegram) -> None:
    """Message: new_chat_members and left_chat_member; a channel has no such messages."""
    says(telegram, chat_id=GROUP)
    _change(telegram, user_id=3, first_name="Bo")
    _change(telegram, user_id=3, status="left")
    came, went = (update["message"] for update in telegram.get_updates()[-2:])
    assert ([user["first_name"] for user in came["new_chat_members"]], came["from"]["first_name"]) == (["Bo"], "Bo")
    assert (went["left_chat_member"]["id"], went["from"]["first_name"]) == (3, "Bo")
    assert telegram.call("getChatMember", {"chat_id": GROUP, "user_id": 3})["status"] == "left"
    assert _change(telegram, CHANNEL, chat_type="channel", user_id=3)["service_update_id"] is None


def test_a_bot_that_was_removed_may_come_back(telegram: Telegram) -> None:
    """Service messages: new_chat_members with the bot says that it was added."""
    says(telegram, chat_id=GROUP)
    _change(telegram, status="left")
    gone = (403, "Forbidden: bot is not a member of the supergroup chat")
    assert refused(lambda: send(telegram, GROUP))[:2] == gone
    _change(telegram, status="member")
    assert telegram.get_updates()[-1]["message"]["new_chat_members"][0]["id"] == 42
    send(telegram, GROUP)


def test_a_private_chat_has_no_members_to_change(telegram: Telegram) -> None:
    """ChatMemberUpdated: in private chats only the bot is blocked or unblocked."""
    says(telegram)
    with pytest.raises(ValueError, match="private chat"):
        _change(telegram, 1)


@pytest.mark.shows("join_requests", "chat_join_request")
def test_a_bot_that_may_invite_learns_who_wants_to_join(telegram: Telegram) -> None:
    """Update: for chat_join_request the bot must have the can_invite_users right."""
    says(telegram, chat_id=GROUP)

    def ask(user_id: int, **more: Any) -> object:
        given = JoinRequest(chat_id=GROUP, user_id=user_id, **more)
        return telegram.perform(ACTIONS["join_requests"], given)["update_id"]

    assert ask(3) is None
    _change(telegram, status="administrator", rights={"can_invite_users": False})
    assert ask(3) is None
    _change(telegram, status="administrator")
    assert ask(3, first_name="Bo", bio="Hello") is not None
    request = telegram.get_updates()[-1]["chat_join_request"]
    assert (request["chat"]["id"], request["from"]["first_name"], request["bio"]) == (GROUP, "Bo", "Hello")
    send(telegram, request["user_chat_id"])
    with pytest.raises(ValueError, match="in the chat already"):
        ask(1)

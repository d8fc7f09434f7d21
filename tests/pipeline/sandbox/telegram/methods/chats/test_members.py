"""Who is in a chat, and what the bot changes there."""

from typing import Any

import pytest

from pipeline.sandbox.telegram.people.members import JoinRequest, MemberChange
from pipeline.sandbox.telegram.people.table import ACTIONS
from pipeline.sandbox.telegram.simulator import Telegram
from tests.support.simulated import refused, says, send

GROUP = -1_001_000_000_010


def _call(telegram: Telegram, method: str, chat_id: int = GROUP, **more: Any) -> Any:
    return telegram.call(method, {"chat_id": chat_id, **more})


def _status(telegram: Telegram, user_id: int) -> object:
    return _call(telegram, "getChatMember", user_id=user_id)["status"]


@pytest.fixture
def group(telegram: Telegram) -> Telegram:
    """A group of an owner (1) and a member (2), in which the bot is a member."""
    says(telegram, chat_id=GROUP)
    says(telegram, chat_id=GROUP, user_id=2, first_name="Bo")
    return telegram


@pytest.fixture
def managed(group: Telegram) -> Telegram:
    """The same group with the bot as an administrator, which asks for changes of members."""
    group.perform(ACTIONS["members"], MemberChange(chat_id=GROUP, status="administrator"))
    group.get_updates(allowed_updates=["chat_member"])
    return group


@pytest.mark.shows("getChatMember")
def test_a_member_has_a_status(group: Telegram) -> None:
    """getChatMember: a ChatMember object, by user_id."""
    says(group, chat_id=3)
    assert [_status(group, user_id) for user_id in (1, 2, 3, 42)] == ["creator", "member", "left", "member"]
    assert _call(group, "getChatMember", 3, user_id=3)["status"] == "member"
    unknown = (400, "Bad Request: member not found")
    assert refused(lambda: _status(group, 99))[:2] == unknown
    assert refused(lambda: _call(group, "getChatMember", 3, user_id=2))[:2] == unknown
    for wrong in (0, -5, ""):
        error = refused(lambda user_id=wrong: _call(group, "getChatMember", user_id=user_id))  # type: ignore[misc]
        assert error[:2] == (400, "Bad Request: invalid user_id specified")


@pytest.mark.shows("getChatAdministrators")
def test_administrators_are_people_and_the_bot_itself(managed: Telegram) -> None:
    """getChatAdministrators: the administrators of a chat which aren't bots."""
    for user_id in (3, 99):
        says(managed, chat_id=GROUP, user_id=user_id, is_bot=user_id == 99)
        promoted = MemberChange(chat_id=GROUP, user_id=user_id, status="administrator", custom_title="Boss")
        managed.perform(ACTIONS["members"], promoted)
    found = _call(managed, "getChatAdministrators")
    assert [(each["user"]["id"], each["status"]) for each in found] == [
        (42, "administrator"),
        (1, "creator"),
        (3, "administrator"),
    ]
    assert found[2]["custom_title"] == "Boss"
    assert {"can_be_edited", "is_anonymous", "can_manage_chat", "can_pin_messages"} <= found[2].keys()
    says(managed)
    error = refused(lambda: _call(managed, "getChatAdministrators", 1))
    assert error[:2] == (400, "Bad Request: there are no administrators in the private chat")


@pytest.mark.shows("getChatMemberCount")
def test_the_bot_counts_as_a_member(group: Telegram) -> None:
    """getChatMemberCount: the number of members in a chat."""
    assert _call(group, "getChatMemberCount") == 3
    group.perform(ACTIONS["members"], MemberChange(chat_id=GROUP, user_id=2, status="left"))
    assert _call(group, "getChatMemberCount") == 2
    says(group)
    assert _call(group, "getChatMemberCount", 1) == 2


@pytest.mark.shows("leaveChat")
def test_a_bot_leaves_a_group(group: Telegram) -> None:
    """leaveChat: for a group, supergroup or channel."""
    assert _call(group, "leaveChat") is True
    change = group.get_updates()[-1]["my_chat_member"]
    assert (change["from"]["id"], change["new_chat_member"]["status"]) == (42, "left")
    gone = (403, "Forbidden: bot is not a member of the supergroup chat")
    assert refused(lambda: send(group, GROUP))[:2] == gone
    assert refused(lambda: _call(group, "getChatMemberCount"))[:2] == gone
    says(group)
    error = refused(lambda: _call(group, "leaveChat", 1))
    assert error[:2] == (400, "Bad Request: chat member status can't be changed in private chats")


@pytest.mark.shows("banChatMember", "unbanChatMember")
def test_a_banned_member_is_out_until_it_is_unbanned(managed: Telegram) -> None:
    """unbanChatMember: the user will not return automatically; only_if_banned does nothing to a member."""
    _call(managed, "banChatMember", user_id=2, until_date=5)
    assert _status(managed, 2) == "kicked"
    assert managed.get_updates()[-1]["chat_member"]["new_chat_member"]["until_date"] == 5
    _call(managed, "unbanChatMember", user_id=2)
    assert _status(managed, 2) == "left"
    says(managed, chat_id=GROUP, user_id=2)
    _call(managed, "unbanChatMember", user_id=2, only_if_banned=True)
    assert _status(managed, 2) == "member"
    _call(managed, "unbanChatMember", user_id=2)
    assert _status(managed, 2) == "left"


@pytest.mark.shows("restrictChatMember")
def test_a_restriction_ends_with_every_permission(managed: Telegram) -> None:
    """restrictChatMember: pass True for all permissions to lift restrictions from a user."""
    _call(managed, "restrictChatMember", user_id=2, permissions={"can_send_messages": True})
    member = _call(managed, "getChatMember", user_id=2)
    assert (member["status"], member["is_member"]) == ("restricted", True)
    assert (member["can_send_messages"], member["can_send_polls"]) == (True, False)
    everything = {name: True for name in member if name.startswith("can_")}
    _call(managed, "restrictChatMember", user_id=2, permissions=everything)
    assert _status(managed, 2) == "member"


@pytest.mark.shows("promoteChatMember")
def test_a_promotion_ends_with_no_right(managed: Telegram) -> None:
    """promoteChatMember: pass False for all boolean parameters to demote a user."""
    _call(managed, "promoteChatMember", user_id=2, can_pin_messages=True)
    member = _call(managed, "getChatMember", user_id=2)
    assert (member["can_manage_chat"], member["can_pin_messages"], member["can_delete_messages"]) == (True, True, False)
    _call(managed, "promoteChatMember", user_id=2)
    assert _status(managed, 2) == "member"


@pytest.mark.parametrize(
    ("method", "reason"),
    [
        ("promoteChatMember", "method is available for supergroup and channel chats only"),
        ("unbanChatMember", "method is available for supergroup and channel chats only"),
        ("restrictChatMember", "method is available only for supergroups"),
    ],
)
def test_a_basic_group_has_members_that_are_banned_only(group: Telegram, method: str, reason: str) -> None:
    """promoteChatMember, unbanChatMember: in a supergroup or a channel; restrictChatMember: in a supergroup."""
    says(group, chat_id=-5)
    says(group, chat_id=-5, user_id=2)
    group.perform(ACTIONS["members"], MemberChange(chat_id=-5, status="administrator"))
    error = refused(lambda: _call(group, method, -5, user_id=2, permissions={}))
    assert error[:2] == (400, f"Bad Request: {reason}")
    assert _call(group, "banChatMember", -5, user_id=2) is True


@pytest.mark.parametrize(
    ("method", "action"),
    [
        ("banChatMember", "restrict/unrestrict chat member"),
        ("unbanChatMember", "restrict/unrestrict chat member"),
        ("restrictChatMember", "restrict/unrestrict chat member"),
        ("promoteChatMember", "promote chat member"),
    ],
)
def test_a_change_needs_an_administrators_right(group: Telegram, method: str, action: str) -> None:
    """banChatMember: the bot must be an administrator and must have the appropriate administrator rights."""
    error = refused(lambda: _call(group, method, user_id=2))
    assert error[:2] == (400, f"Bad Request: not enough rights to {action}")


def test_the_owner_and_the_bot_itself_stay(managed: Telegram) -> None:
    """banChatMember: user_id is the target user, whom the bot must be able to remove."""
    owner = refused(lambda: _call(managed, "banChatMember", user_id=1))
    assert owner[:2] == (400, "Bad Request: can't remove chat owner")
    itself = refused(lambda: _call(managed, "banChatMember", user_id=42))
    assert itself[:2] == (400, "Bad Request: can't restrict self")
    itself = refused(lambda: _call(managed, "promoteChatMember", user_id=42))
    assert itself[:2] == (400, "Bad Request: can't promote self")
    unknown = refused(lambda: _call(managed, "banChatMember", user_id=77))
    assert unknown[:2] == (400, "Bad Request: user not found")
    _call(managed, "promoteChatMember", user_id=2, can_pin_messages=True)
    administrator = refused(lambda: _call(managed, "restrictChatMember", user_id=2, permissions={}))
    assert administrator[:2] == (400, "Bad Request: user is an administrator of the chat")


@pytest.mark.shows("approveChatJoinRequest", "declineChatJoinRequest")
def test_a_request_to_join_is_decided_once(managed: Telegram) -> None:
    """approveChatJoinRequest, declineChatJoinRequest: the bot must have the can_invite_users right."""
    for user_id in (3, 4):
        managed.perform(ACTIONS["join_requests"], JoinRequest(chat_id=GROUP, user_id=user_id))
    assert _call(managed, "approveChatJoinRequest", user_id=3) is True
    assert _call(managed, "declineChatJoinRequest", user_id=4) is True
    assert (_status(managed, 3), _status(managed, 4)) == ("member", "left")
    again = refused(lambda: _call(managed, "approveChatJoinRequest", user_id=4))
    assert again[:2] == (400, "Bad Request: HIDE_REQUESTER_MISSING")

"""Who is in a chat, and what the bot changes there: https://core.telegram.org/bots/api#getchatmember."""

from pipeline.sandbox.json_types import Json, Parameters
from pipeline.sandbox.telegram.chat_state.members import ADMINISTRATOR_RIGHTS, PERMISSIONS, Member
from pipeline.sandbox.telegram.chats import ChatState, ChatType
from pipeline.sandbox.telegram.errors import bad_request
from pipeline.sandbox.telegram.methods.table import bot_api_method
from pipeline.sandbox.telegram.parameters import boolean, decoded, integer
from pipeline.sandbox.telegram.state import TelegramState

_EVERY_RIGHT = (
    *ADMINISTRATOR_RIGHTS,
    "can_pin_messages",
    "can_manage_topics",
    "can_manage_tags",
    "can_post_messages",
    "can_edit_messages",
    "can_manage_direct_messages",
)

_ANY_GROUP: tuple[tuple[ChatType, ...], str] = (
    ("group", "supergroup", "channel"),
    "chat member status can't be changed in private chats",
)
_SUPERGROUP: tuple[tuple[ChatType, ...], str] = (("supergroup",), "method is available only for supergroups")
_SUPERGROUP_OR_CHANNEL: tuple[tuple[ChatType, ...], str] = (
    ("supergroup", "channel"),
    "method is available for supergroup and channel chats only",
)


@bot_api_method
def get_chat_member(state: TelegramState, parameters: Parameters) -> Json:
    """Somebody who was seen but is not in the chat has left; an unknown user is an error."""
    user_id = _user_id(parameters)
    chat = state.chats.readable(parameters)
    if user_id == state.account.bot_id:
        return chat.bot.as_json(state.account.as_user(), chat.type)
    user = state.chats.known_user(user_id)
    if user is None or (chat.type == "private" and user_id != chat.id):
        raise bad_request("member not found")
    return chat.members.get(user_id, Member("left")).as_json(user, chat.type)


@bot_api_method
def get_chat_administrators(state: TelegramState, parameters: Parameters) -> list[Json]:
    """The owner and the administrators, among them the bot but no other bot; a private chat has none."""
    chat = state.chats.readable(parameters)
    if chat.type == "private":
        raise bad_request("there are no administrators in the private chat")
    found = [
        member.as_json(state.chats.user(user_id, {}), chat.type)
        for user_id, member in chat.members.items()
        if member.is_administrator
    ]
    people = [member for member in found if not member["user"]["is_bot"]]
    return [chat.bot.as_json(state.account.as_user(), chat.type), *people] if chat.bot.is_administrator else people


@bot_api_method
def get_chat_member_count(state: TelegramState, parameters: Parameters) -> int:
    """Everybody who was seen in the chat and is still in it, and the bot."""
    chat = state.chats.readable(parameters)
    return 2 if chat.type == "private" else 1 + sum(member.is_present for member in chat.members.values())


@bot_api_method
def leave_chat(state: TelegramState, parameters: Parameters) -> bool:
    """The bot learns by my_chat_member that it left, and may not write any more; a private chat can't be left."""
    chat = state.chats.readable(parameters)
    if chat.type == "private":
        raise bad_request("chat member status can't be changed in private chats")
    before, chat.bot = chat.bot, Member("left")
    bot = state.account.as_user()
    state.activity.notify("about", chat.id)
    state.updates.offer("my_chat_member", state.membership_change(chat, bot, bot, before, chat.bot))
    return True


@bot_api_method
def ban_chat_member(state: TelegramState, parameters: Parameters) -> bool:
    """The bot must be an administrator with the right to restrict members; an owner can't be banned."""
    chat, user_id = _managed(state, parameters, _ANY_GROUP, "can_restrict_members", "restrict/unrestrict chat member")
    return _change(state, chat, user_id, Member("kicked", until_date=integer(parameters, "until_date", 0)))


@bot_api_method
def unban_chat_member(state: TelegramState, parameters: Parameters) -> bool:
    """Only in supergroups and channels; a member is removed too, unless only_if_banned says otherwise."""
    chat, user_id = _managed(
        state, parameters, _SUPERGROUP_OR_CHANNEL, "can_restrict_members", "restrict/unrestrict chat member"
    )
    banned = chat.members.get(user_id, Member("left")).status == "kicked"
    if boolean(parameters, "only_if_banned") and not banned:
        return True
    return _change(state, chat, user_id, Member("left"))


@bot_api_method
def restrict_chat_member(state: TelegramState, parameters: Parameters) -> bool:
    """Only in supergroups; with every permission the person is an ordinary member again."""
    chat, user_id = _managed(state, parameters, _SUPERGROUP, "can_restrict_members", "restrict/unrestrict chat member")
    given = decoded(parameters, "permissions")
    if not isinstance(given, dict):
        raise bad_request("object expected as permissions")
    rights = {name: boolean(given, name) for name in PERMISSIONS}
    is_member = chat.members.get(user_id, Member("left")).is_present
    until = integer(parameters, "until_date", 0)
    free = Member("member" if is_member else "left")
    restricted = Member("restricted", rights, until_date=until, is_member=is_member)
    return _change(state, chat, user_id, free if all(rights.values()) else restricted)


@bot_api_method
def promote_chat_member(state: TelegramState, parameters: Parameters) -> bool:
    """Only in supergroups and channels; without any right the person is an ordinary member again."""
    chat, user_id = _managed(state, parameters, _SUPERGROUP_OR_CHANNEL, "can_promote_members", "promote chat member")
    rights = {name: boolean(parameters, name) for name in _EVERY_RIGHT}
    promoted = Member("administrator", rights | {"can_manage_chat": True})
    return _change(state, chat, user_id, promoted if any(rights.values()) else Member())


@bot_api_method
def approve_chat_join_request(state: TelegramState, parameters: Parameters) -> bool:
    """The bot must have the right to invite users, and the user must have asked."""
    chat, user_id = _requested(state, parameters)
    return _change(state, chat, user_id, Member())


@bot_api_method
def decline_chat_join_request(state: TelegramState, parameters: Parameters) -> bool:
    """The bot must have the right to invite users, and the user must have asked."""
    _requested(state, parameters)
    return True


def _requested(state: TelegramState, parameters: Parameters) -> tuple[ChatState, int]:
    """The chat and the person whose request to join is over now."""
    user_id = _user_id(parameters)
    chat = state.chats.writable(parameters)
    if not chat.bot.may("can_invite_users"):
        raise bad_request("not enough rights")
    if user_id not in chat.join_requests:
        raise bad_request("HIDE_REQUESTER_MISSING")
    chat.join_requests.remove(user_id)
    return chat, user_id


def _user_id(parameters: Parameters) -> int:
    user_id = integer(parameters, "user_id", 0)
    if user_id <= 0:
        raise bad_request("invalid user_id specified")
    return user_id


def _managed(
    state: TelegramState, parameters: Parameters, where: tuple[tuple[ChatType, ...], str], right: str, action: str
) -> tuple[ChatState, int]:
    """The chat and the person whose status the bot may change there.

    `where`: the types of chat that the method is for, and what the server says of another.
    """
    user_id = _user_id(parameters)
    chat = state.chats.writable(parameters)
    types, refusal = where
    if chat.type not in types:
        raise bad_request(refusal)
    if not chat.bot.may(right):
        raise bad_request(f"not enough rights to {action}")
    promotes = right == "can_promote_members"
    if user_id == state.account.bot_id:
        raise bad_request("can't promote self" if promotes else "can't restrict self")
    if state.chats.known_user(user_id) is None:
        raise bad_request("user not found")
    status = chat.members.get(user_id, Member("left")).status
    if status == "creator":
        raise bad_request("can't remove chat owner")
    if status == "administrator" and not promotes:
        raise bad_request("user is an administrator of the chat")
    return chat, user_id


def _change(state: TelegramState, chat: ChatState, user_id: int, after: Member) -> bool:
    before = chat.members.get(user_id, Member("left"))
    chat.members[user_id] = after
    if before != after:
        user = state.chats.user(user_id, {})
        change = state.membership_change(chat, state.account.as_user(), user, before, after)
        state.updates.offer("chat_member", change)
    return True

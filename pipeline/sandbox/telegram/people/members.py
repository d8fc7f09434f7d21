"""People join and leave chats, make others or the bot something in them, and block the bot."""

from pydantic import BaseModel, ConfigDict, Field

from pipeline.sandbox.json_types import Json
from pipeline.sandbox.telegram.chat_state.members import Member, MemberStatus
from pipeline.sandbox.telegram.chats import ChatType
from pipeline.sandbox.telegram.people.messages import UserMessage, write_message
from pipeline.sandbox.telegram.people.table import person_action
from pipeline.sandbox.telegram.state import TelegramState


class Block(BaseModel):
    model_config = ConfigDict(extra="forbid", json_schema_extra={"examples": [{"chat_id": 1}]})

    chat_id: int
    blocked: bool = True


class MemberChange(BaseModel):
    model_config = ConfigDict(
        extra="forbid", json_schema_extra={"examples": [{"chat_id": -1001000000009, "user_id": 2, "status": "member"}]}
    )

    chat_id: int
    chat_type: ChatType | None = Field(default=None, description="For a new chat.")
    user_id: int | None = Field(default=None, description="Whose status changes; by default the bot's.")
    status: MemberStatus = "member"
    by_user_id: int = Field(default=1, description="Who changes it; joining and leaving is a person's own doing.")
    first_name: str | None = None
    username: str | None = None
    rights: dict[str, bool] = Field(default_factory=dict, description="Of an administrator or a restricted member.")
    custom_title: str | None = None
    until_date: int = 0


class JoinRequest(BaseModel):
    model_config = ConfigDict(
        extra="forbid", json_schema_extra={"examples": [{"chat_id": -1001000000009, "user_id": 2}]}
    )

    chat_id: int
    user_id: int
    first_name: str | None = None
    bio: str | None = None


@person_action("block")
def block(state: TelegramState, given: Block) -> Json:
    """The user blocks or unblocks the bot, or a group removes or readmits it: the update_id of my_chat_member."""
    chat = state.chats.existing_or_new(given.chat_id)
    allowed = Member("administrator" if chat.type == "channel" else "member")
    before, chat.bot = chat.bot, Member("kicked") if given.blocked else allowed
    person = state.chats.user(chat.person(None), {})
    change = state.membership_change(chat, person, state.account.as_user(), before, chat.bot)
    state.activity.notify("about", chat.id)
    return {"update_id": state.updates.offer("my_chat_member", change)}


@person_action("join_requests")
def ask_to_join(state: TelegramState, given: JoinRequest) -> Json:
    """Somebody asks to join: only a bot that may invite users learns of it, and may then write to them."""
    chat = state.chats.by_id[given.chat_id]
    if chat.type not in ("supergroup", "channel"):
        raise ValueError("only a supergroup or a channel can be asked to let somebody join")
    if chat.members.get(given.user_id, Member("left")).is_present:
        raise ValueError("the user is in the chat already")
    user = state.chats.user(given.user_id, {"first_name": given.first_name})
    chat.join_requests.add(given.user_id)
    if not chat.bot.may("can_invite_users"):
        return {"update_id": None}
    state.chats.existing_or_new(given.user_id, "private").first_name = user["first_name"]
    request: Json = {"chat": chat.as_json(), "from": user, "user_chat_id": given.user_id, "date": state.date()}
    if given.bio is not None:
        request["bio"] = given.bio
    return {"update_id": state.updates.offer("chat_join_request", request)}


@person_action("members")
def change_member(state: TelegramState, given: MemberChange) -> Json:
    """Somebody joins or leaves a group or channel, or is promoted, restricted or banned: the update_ids.

    The bot learns of its own status by my_chat_member, of others' by chat_member when it is an administrator and asks
    for this kind, and in groups by a service message when somebody comes or goes.
    """
    chat = state.chats.existing_or_new(given.chat_id, given.chat_type)
    if chat.type == "private":
        raise ValueError("a private chat has no members to change; the bot is blocked with /sandbox/block")
    is_bot = given.user_id in (None, state.account.bot_id)
    after = Member(given.status, given.rights, given.custom_title, given.until_date)
    if is_bot:
        user, before, chat.bot = state.account.as_user(), chat.bot, after
    else:
        user_id = given.user_id or 0
        user = state.chats.user(user_id, {"first_name": given.first_name, "username": given.username})
        before = chat.members.get(user_id, Member("left"))
        chat.members[user_id] = after
    by_themselves = not is_bot and given.status in ("member", "left")
    actor = user if by_themselves else state.chats.user(given.by_user_id, {})
    change = state.membership_change(chat, actor, user, before, after)
    state.activity.notify("about", chat.id)
    update_id = None
    if is_bot:
        update_id = state.updates.offer("my_chat_member", change)
    elif chat.bot.is_administrator:
        update_id = state.updates.offer("chat_member", change)
    service_id = None
    if chat.type != "channel" and before.is_present != after.is_present and chat.bot.is_present:
        field: Json = {"new_chat_members": [user]} if after.is_present else {"left_chat_member": user}
        service = UserMessage(chat_id=chat.id, user_id=actor["id"], first_name=actor["first_name"], extra=field)
        service_id = write_message(state, service).update_id
    if not is_bot and not after.is_present:
        # Writing the service message made its author a member again.
        chat.members[user["id"]] = after
    return {"update_id": update_id, "service_update_id": service_id}

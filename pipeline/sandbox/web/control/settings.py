"""What a test sets: messages and updates, ids, the token, limits, faults and the clock."""

from typing import Any

from pydantic import BaseModel, ConfigDict, Field

from pipeline.sandbox.json_types import Json
from pipeline.sandbox.server import EscapedJson
from pipeline.sandbox.telegram.flood import Limits
from pipeline.sandbox.telegram.people.messages import UserMessage
from pipeline.sandbox.web.control.table import Controlled, ControlRequest, control_call
from pipeline.sandbox.web.faults import ScriptedFault

_FARTHEST = 10 * 365 * 86400


class ManyMessages(BaseModel):
    model_config = ConfigDict(extra="forbid")

    messages: list[UserMessage] = Field(description="Each as for `messages`.")


class NewToken(BaseModel):
    model_config = ConfigDict(extra="forbid")

    token: str = Field(description="A token of the same bot: its number stays.")


class NextUpdateId(BaseModel):
    model_config = ConfigDict(extra="forbid")

    next_update_id: int = Field(ge=1, lt=2**63)


class ClockMove(BaseModel):
    model_config = ConfigDict(extra="forbid")

    advance: float = Field(ge=0, le=_FARTHEST, description="Seconds that pass at once; ten years at most.")


@control_call("POST", "messages", UserMessage, example={"chat_id": 1, "text": "hello"})
def write_message(controlled: Controlled, asked: ControlRequest) -> Json:
    """A person writes a message, or edits one: its `message_id` and `update_id`, null when the bot doesn't get it."""
    delivered = controlled.telegram.receive(asked.body)
    return {"update_id": delivered.update_id, "message_id": delivered.message_id}


@control_call("POST", "messages/bulk", ManyMessages, example={"messages": [{"text": "one"}, {"text": "two"}]})
def write_messages(controlled: Controlled, asked: ControlRequest) -> Json:
    """People write many messages at once: a poll that waits gets all of them."""
    delivered = controlled.telegram.receive_all(asked.body.messages)
    return {
        "update_ids": [each.update_id for each in delivered],
        "message_ids": [each.message_id for each in delivered],
    }


@control_call("DELETE", "messages/{chat_id}/{message_id}")
def delete_message(controlled: Controlled, asked: ControlRequest) -> Any:
    """A person deletes a message; the bot is not told. 404 when there is no such message."""
    deleted = controlled.telegram.delete_message(asked.number("chat_id"), asked.number("message_id"))
    return EscapedJson({"deleted": deleted}, status_code=200 if deleted else 404)


@control_call("POST", "updates", Json | list[Json], example=[{"message": {"text": "anything"}}])
def queue_updates(controlled: Controlled, asked: ControlRequest) -> Json:
    """Queue a raw update, or a list of them, whatever they hold; with `?filtered=1` as `allowed_updates` lets them."""
    updates = asked.body if isinstance(asked.body, list) else [asked.body]
    filtered = asked.query.get("filtered", "") in ("1", "true")
    return {"update_ids": [controlled.telegram.inject(update, filtered=filtered) for update in updates]}


@control_call("POST", "update_ids", NextUpdateId, example={"next_update_id": 5})
def skip_update_ids(controlled: Controlled, asked: ControlRequest) -> Json:
    """The next update has this id, as after a week of silence."""
    controlled.telegram.skip_update_ids(asked.body.next_update_id)
    return {"ok": True}


@control_call("POST", "token", NewToken, example={"token": "42:another-sandbox-token"})
def rotate_token(controlled: Controlled, asked: ControlRequest) -> Json:
    """The owner replaces the bot's token: the old one is refused with 401."""
    controlled.telegram.rotate_token(asked.body.token)
    return {"ok": True}


@control_call("POST", "limits", Limits | None, model=Limits, example={"per_second": 30})
def set_limits(controlled: Controlled, asked: ControlRequest) -> Json:
    """Switch the flood limits on; null switches them off."""
    controlled.telegram.limits = asked.body
    return {"ok": True}


@control_call("GET", "clock")
def clock(controlled: Controlled, _: ControlRequest) -> Json:
    """The simulated Telegram's time, in seconds since the epoch."""
    return {"now": controlled.telegram.now()}


@control_call("POST", "clock", ClockMove, example={"advance": 86400})
def move_clock(controlled: Controlled, asked: ControlRequest) -> Json:
    """Time passes at once: updates get 24 hours old, a week's silence ends, limits and pauses are over."""
    controlled.telegram.move_clock(asked.body.advance)
    return {"now": controlled.telegram.now()}


@control_call("GET", "faults")
def list_faults(controlled: Controlled, _: ControlRequest) -> Json:
    """The scripted faults, with how often each was applied."""
    return {"faults": controlled.faults.as_json()}


@control_call("POST", "faults", ScriptedFault, example={"method": "sendMessage", "kind": "too_many_requests"})
def add_fault(controlled: Controlled, asked: ControlRequest) -> Json:
    """Script a fault: calls of a method that go wrong."""
    controlled.faults.add(asked.body)
    return {"faults": controlled.faults.as_json()}


@control_call("DELETE", "faults")
def clear_faults(controlled: Controlled, _: ControlRequest) -> Json:
    """Clear all faults."""
    controlled.faults.clear()
    return {"faults": []}

"""What a test looks at: what the bot did, and what the chats hold."""

from typing import Any

from pipeline.sandbox.json_types import Json
from pipeline.sandbox.web.control.table import Controlled, ControlRequest, control_call


@control_call("GET", "sent")
def sent(controlled: Controlled, asked: ControlRequest) -> list[Json]:
    """A record of each message that the bot sent, in order; `?since=3` leaves out the first three."""
    return controlled.telegram.sent(asked.number("since", "0"))


@control_call("GET", "actions")
def actions(controlled: Controlled, _: ControlRequest) -> list[Json]:
    """A record of each chat action of the bot, in order."""
    return controlled.telegram.actions()


@control_call("GET", "requests")
def requests(controlled: Controlled, _: ControlRequest) -> Json:
    """How often the bot called each method, with which outcomes, and the offsets of its polls."""
    return controlled.calls.as_json()


@control_call("GET", "pending")
def pending(controlled: Controlled, _: ControlRequest) -> Json:
    """How many updates the bot has not confirmed."""
    return {"pending": controlled.telegram.pending()}


@control_call("GET", "chats")
def chats(controlled: Controlled, _: ControlRequest) -> list[Json]:
    """Every chat, with the number of its messages."""
    return controlled.telegram.chats()


@control_call("GET", "chats/{chat_id}/messages")
def transcript(controlled: Controlled, asked: ControlRequest) -> Any:
    """Every message of a chat that was not deleted, both ways, in order."""
    return controlled.telegram.transcript(asked.number("chat_id"))

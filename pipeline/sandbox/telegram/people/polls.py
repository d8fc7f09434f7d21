"""People vote in the bot's polls."""

from pydantic import BaseModel, ConfigDict, Field

from pipeline.sandbox.json_types import Json
from pipeline.sandbox.telegram.content.polls import tell_change
from pipeline.sandbox.telegram.people.table import person_action
from pipeline.sandbox.telegram.state import TelegramState


class PollVote(BaseModel):
    model_config = ConfigDict(
        extra="forbid", json_schema_extra={"examples": [{"chat_id": 1, "message_id": 3, "option_ids": [0]}]}
    )

    chat_id: int = 1
    message_id: int
    user_id: int | None = Field(default=None, description="By default the chat's id in a private chat, else 1.")
    option_ids: list[int] = Field(description="Positions from 0; an empty list takes the vote back.")


@person_action("votes")
def vote(state: TelegramState, given: PollVote) -> Json:
    """A vote, changed or taken back, reaches the bot as poll_answer (if the poll isn't anonymous) and as poll."""
    chat = state.chats.by_id.get(given.chat_id)
    message = None if chat is None else chat.messages.get(given.message_id)
    poll = None if message is None else state.polls.shown_in(message)
    if chat is None or poll is None:
        raise KeyError(f"chat {given.chat_id} has no poll of the bot's in message {given.message_id}")
    if poll.close_in_time(state.now()):
        tell_change(poll, state.chats, state.activity, state.updates.offer)
    user_id = chat.person(given.user_id)
    offered: list[int | None] = []
    if poll.vote(user_id, given.option_ids):
        if not poll.is_anonymous:
            chosen = poll.votes.get(user_id, [])
            answer: Json = {
                "poll_id": poll.id,
                "user": state.chats.user(user_id, {}),
                "option_ids": chosen,
                "option_persistent_ids": [str(position) for position in chosen],
            }
            offered.append(state.updates.offer("poll_answer", answer))
        offered.append(tell_change(poll, state.chats, state.activity, state.updates.offer, voter=user_id))
    return {"poll": poll.as_json(), "update_ids": [each for each in offered if each is not None]}

"""People see drafts, and stop them."""

from pydantic import BaseModel, ConfigDict

from pipeline.sandbox.json_types import Json
from pipeline.sandbox.telegram.people.table import person_action
from pipeline.sandbox.telegram.state import TelegramState


class DraftsOfChat(BaseModel):
    model_config = ConfigDict(extra="forbid")

    chat_id: int


class StopButton(BaseModel):
    model_config = ConfigDict(extra="forbid")

    chat_id: int
    draft_id: int


@person_action("drafts")
def look_at_drafts(state: TelegramState, given: DraftsOfChat) -> Json:
    """The drafts that a chat shows now, one for each topic; a draft disappears 30 seconds after its last change."""
    chat = state.chats.by_id[given.chat_id]
    shown = chat.drafts.shown(state.now())
    return {"drafts": [draft.as_json(thread_id) for thread_id, draft in shown.items()]}


@person_action("drafts/stop")
def press_stop(state: TelegramState, given: StopButton) -> Json:
    """The stop button of a draft that has one: the update_id of stopped_message_generation.

    The draft disappears unless the bot wanted it kept, and what the bot writes to it later is not shown.
    """
    chat = state.chats.by_id[given.chat_id]
    found = [
        (thread_id, draft)
        for thread_id, draft in chat.drafts.shown(state.now()).items()
        if draft.draft_id == given.draft_id
    ]
    if not found:
        raise KeyError(f"chat {chat.id} shows no draft {given.draft_id}")
    thread_id, draft = found[0]
    if not draft.can_stop or draft.draft_id in chat.drafts.stopped:
        raise ValueError("the draft has no stop button")
    chat.drafts.stopped.add(draft.draft_id)
    if not draft.keep_on_stop:
        state.end_draft(chat, thread_id)
    stopped: Json = {"chat": chat.as_json(), "draft_id": draft.draft_id}
    if thread_id is not None:
        stopped["message_thread_id"] = thread_id
    return {"update_id": state.updates.offer("stopped_message_generation", stopped)}

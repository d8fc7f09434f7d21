"""Drafts that the user sees grow: https://core.telegram.org/bots/api#sendmessagedraft."""

from pipeline.sandbox.json_types import Parameters
from pipeline.sandbox.telegram.chat_state.drafts import Draft
from pipeline.sandbox.telegram.errors import bad_request
from pipeline.sandbox.telegram.methods.table import bot_api_method
from pipeline.sandbox.telegram.parameters import boolean, integer
from pipeline.sandbox.telegram.state import TelegramState
from pipeline.sandbox.telegram.text.formatted import formatted_draft


@bot_api_method
def send_message_draft(state: TelegramState, parameters: Parameters) -> bool:
    """A draft is shown for 30 seconds, in private chats only, until a message takes its place; its id is not 0."""
    chat = state.chats.writable(parameters)
    formatted = formatted_draft(parameters)
    draft_id = integer(parameters, "draft_id", 0)
    if draft_id == 0:
        raise bad_request("RANDOM_ID_INVALID")
    if chat.type != "private":
        raise bad_request("TEXTDRAFT_PEER_INVALID")
    thread_id = chat.topic(parameters)
    if draft_id in chat.drafts.stopped:
        return True
    draft = Draft(
        draft_id,
        formatted.marked.text,
        formatted.marked.entities,
        boolean(parameters, "can_stop"),
        boolean(parameters, "keep_on_stop"),
        state.now(),
    )
    chat.drafts.by_thread[thread_id] = draft
    state.activity.notify("draft", chat.id, **draft.as_json(thread_id))
    return True

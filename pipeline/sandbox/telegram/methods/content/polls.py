"""Methods about polls: https://core.telegram.org/bots/api#sendpoll"""

from pipeline.sandbox.json_types import Json, Parameters
from pipeline.sandbox.telegram.content.keyboards import inline_keyboard
from pipeline.sandbox.telegram.content.media import sent_record
from pipeline.sandbox.telegram.content.polls import poll_of, tell_change
from pipeline.sandbox.telegram.errors import bad_request
from pipeline.sandbox.telegram.methods.sending import destination, send
from pipeline.sandbox.telegram.methods.table import bot_api_method
from pipeline.sandbox.telegram.parameters import integer
from pipeline.sandbox.telegram.state import TelegramState


@bot_api_method
def send_poll(state: TelegramState, parameters: Parameters) -> Json:
    """A poll has a question of 1 to 300 characters and 1 to 12 options of 1 to 100; in a channel it is anonymous."""
    to = destination(state, parameters)
    poll = poll_of(parameters, state.date())
    if to.chat.type == "channel" and not poll.is_anonymous:
        raise bad_request("non-anonymous polls can't be sent to channel chats")
    shown = state.polls.add(poll).as_json()
    return send(state, to, {"poll": shown}, sent_record("poll"))


@bot_api_method
def stop_poll(state: TelegramState, parameters: Parameters) -> Json:
    """A bot closes a poll of its own, once; it gets the update poll, and the old keyboard goes."""
    chat = state.chats.writable(parameters)
    keyboard = inline_keyboard(parameters, chat.type)
    message_id = integer(parameters, "message_id", 0)
    message = chat.messages.get(message_id)
    if message is None:
        raise bad_request("message with poll to stop not found")
    if "poll" not in message:
        raise bad_request("message is not a poll")
    poll = state.polls.shown_in(message)
    if poll is None or "forward_origin" in message or message.get("from", {}).get("id") != state.account.bot_id:
        raise bad_request("poll can't be stopped")
    if poll.is_closed or poll.close_in_time(state.now()):
        raise bad_request("poll has already been closed")
    poll.is_closed = True
    kept = {name: value for name, value in message.items() if name != "reply_markup"}
    chat.messages[message_id] = kept | ({} if keyboard is None else {"reply_markup": keyboard})
    tell_change(poll, state.chats, state.activity, state.updates.offer)
    return poll.as_json()

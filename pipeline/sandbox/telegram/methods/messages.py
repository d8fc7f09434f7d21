"""Methods that send messages of text."""

from pipeline.sandbox.json_types import Json, Parameters
from pipeline.sandbox.telegram.content.link_previews import link_preview_options
from pipeline.sandbox.telegram.methods.sending import destination, send
from pipeline.sandbox.telegram.methods.table import bot_api_method
from pipeline.sandbox.telegram.state import TelegramState
from pipeline.sandbox.telegram.text.formatted import formatted_text


@bot_api_method
def send_message(state: TelegramState, parameters: Parameters) -> Json:
    """The text has 1 to 4096 characters, in UTF-16 units, after its markup is parsed."""
    # Like the real server: an upgraded or blocked chat is an error whatever the text is.
    state.chats.writable(parameters)
    preview = link_preview_options(parameters)
    formatted = formatted_text(parameters)
    to = destination(state, parameters)
    content: Json = {"text": formatted.marked.text, **preview}
    if formatted.marked.entities:
        content["entities"] = formatted.marked.entities
    record = {"text": formatted.marked.text, "parse_mode": formatted.parse_mode, "raw_text": formatted.raw}
    return send(state, to, content, record)

"""Another file for a message: https://core.telegram.org/bots/api#editmessagemedia"""

from typing import get_args

from pipeline.sandbox.json_types import Json, Parameters
from pipeline.sandbox.telegram.content.files import FileKind
from pipeline.sandbox.telegram.errors import bad_request
from pipeline.sandbox.telegram.methods.content.albums import input_media
from pipeline.sandbox.telegram.methods.edits import edit, message_to_edit
from pipeline.sandbox.telegram.methods.table import bot_api_method
from pipeline.sandbox.telegram.state import TelegramState

_REPLACED = (
    *("text", "entities", "link_preview_options", "caption", "caption_entities"),
    *("show_caption_above_media", "has_media_spoiler"),
    *get_args(FileKind),
)
_EDITABLE = ("text", "photo", "video", "animation", "audio", "document")
_PICTURES = frozenset({"photo", "video"})


@bot_api_method
def edit_message_media(state: TelegramState, parameters: Parameters) -> Json | bool:
    """A text, photo, video, animation, audio file or document becomes another one; in an album it keeps its kind."""
    media = input_media(state, parameters)
    chat, message = message_to_edit(state, parameters)
    before = next((kind for kind in _EDITABLE if kind in message), None)
    if before is None:
        raise bad_request("message media can't be edited")
    if "media_group_id" in message and before != media.kind and not {before, media.kind} <= _PICTURES:
        raise bad_request("can't change media type in the album")
    return edit(state, chat, message, parameters, _REPLACED, media.content)

"""Albums, and another file for a message: https://core.telegram.org/bots/api#sendmediagroup, #editmessagemedia"""

from typing import Any, get_args

from pipeline.sandbox.json_types import Json, Parameters
from pipeline.sandbox.telegram.content.files import FileKind, given_file
from pipeline.sandbox.telegram.content.media import CAPTIONED, Media, media_of
from pipeline.sandbox.telegram.errors import bad_request
from pipeline.sandbox.telegram.methods.content.media import without_keyboard
from pipeline.sandbox.telegram.methods.sending import destination, send
from pipeline.sandbox.telegram.methods.table import bot_api_method
from pipeline.sandbox.telegram.parameters import decoded
from pipeline.sandbox.telegram.state import TelegramState

_LARGEST_ALBUM = 10
_IN_ALBUMS = frozenset[FileKind]({"photo", "video", "document", "audio"})
_ALONE = frozenset[FileKind]({"document", "audio"})
"""Kinds whose albums hold nothing else."""


@bot_api_method
def send_media_group(state: TelegramState, parameters: Parameters) -> list[Json]:
    """An album has 10 files at most; documents and audio files are only with their own kind; one file is no album."""
    items = decoded(parameters, "media")
    if items is None:
        raise bad_request('parameter "media" is required')
    if not isinstance(items, list):
        raise bad_request("expected an Array of InputMedia")
    kinds = [_kind(parameters, item) for item in items]
    for kind in kinds:
        if kind not in _IN_ALBUMS:
            raise bad_request(f"can't parse InputMedia: type \"{kind}\" can't be used in sendMediaGroup")
    to = destination(state, without_keyboard(parameters))
    if not kinds:
        raise bad_request("there are no messages to send")
    if len(kinds) > _LARGEST_ALBUM:
        raise bad_request("too many messages to send as an album")
    for kind in kinds:
        if kind in _ALONE and len(set(kinds)) > 1:
            raise bad_request(f"{kind} can't be mixed with other media types")
    album = {"media_group_id": state.files.new_album()} if len(items) > 1 else {}
    # All of them are checked before the first is sent: a refused album sends nothing.
    every = [media_of(state.files, kind, item, parameters, "media") for kind, item in zip(kinds, items, strict=True)]
    return [send(state, to, media.content | album, media.record) for media in every]


def input_media(state: TelegramState, parameters: Parameters) -> Media:
    """The file and caption of an InputMedia in parameter `media`, for a message whose file is replaced."""
    item = decoded(parameters, "media", "can't parse input media JSON object")
    if item is None:
        raise bad_request('parameter "media" is required')
    return media_of(state.files, _kind(parameters, item), item, parameters, "media")


def _kind(parameters: Parameters, item: Any) -> FileKind:
    """The kind of an InputMedia. MethodError 400 when it is none, or names no file."""
    if not isinstance(item, dict):
        raise bad_request("can't parse InputMedia: expected an Object")
    if given_file(parameters, "media", value=item.get("media", "")) is None:
        raise bad_request("can't parse InputMedia: media not found")
    wanted = item.get("type")
    if wanted is None:
        raise bad_request("can't parse InputMedia: Can't find field \"type\"")
    kind: FileKind | None = next((kind for kind in get_args(FileKind) if kind == wanted), None)
    if kind is None or kind not in CAPTIONED - {"voice"}:
        raise bad_request(f'can\'t parse InputMedia: type "{wanted}" is unsupported')
    return kind

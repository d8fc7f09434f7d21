"""What a message with a file holds: https://core.telegram.org/bots/api#available-types, from PhotoSize to Sticker."""

from dataclasses import dataclass
from io import BytesIO
from mimetypes import MimeTypes
from typing import Any

import imagesize

from pipeline.sandbox.json_types import Json, Parameters
from pipeline.sandbox.telegram.content.files import (
    FileKind,
    Files,
    StoredFile,
    UploadedFile,
    checked_upload,
    given_file,
    is_url,
    name_in_url,
)
from pipeline.sandbox.telegram.content.made_up import made_up_file
from pipeline.sandbox.telegram.errors import bad_request
from pipeline.sandbox.telegram.parameters import boolean, integer
from pipeline.sandbox.telegram.text.formatted import FormattedText, formatted_caption

CAPTIONED = frozenset[FileKind]({"photo", "document", "video", "animation", "audio", "voice"})
_COVERABLE = frozenset[FileKind]({"photo", "video", "animation"})
"""Kinds that can be hidden behind a spoiler, and have their caption above."""

FILES_OF_RESULTS: dict[str, tuple[FileKind, str]] = {
    "photo": ("photo", "photo"),
    "gif": ("animation", "gif"),
    "mpeg4_gif": ("animation", "mpeg4"),
    "video": ("video", "video"),
    "audio": ("audio", "audio"),
    "voice": ("voice", "voice"),
    "document": ("document", "document"),
    "sticker": ("sticker", "sticker"),
}
"""By the type of an InlineQueryResult: the kind of its file, and how the names of its fields begin."""

# Python's own list, and not the machine's, which differs from one to another; with what Python 3.11 doesn't know.
_TYPES = MimeTypes()
for _suffix, _type in {
    ".flac": "audio/flac",
    ".m4a": "audio/mp4",
    ".md": "text/markdown",
    ".oga": "audio/ogg",
    ".ogg": "audio/ogg",
    ".webp": "image/webp",
}.items():
    _TYPES.add_type(_type, _suffix)

_LONGEST = 24 * 3600
_WIDEST = 10_000
_WIDEST_NOTE = 640
_LARGEST_THUMBNAIL = 204_799
_PHOTO_SIZES = (90, 320, 800, 1280)
_PICTURES = (b"\x89PNG\r\n\x1a\n", b"\xff\xd8", b"GIF8", b"RIFF", b"BM")
"""How files begin that Telegram takes as photos: PNG, JPEG, GIF, WebP and BMP."""


@dataclass(frozen=True)
class Media:
    """A message's file and caption, as fields of the Message; and what tests see of them."""

    kind: FileKind
    content: Json
    record: Json


def media_of(files: Files, kind: FileKind, item: Parameters, request: Parameters, name: str) -> Media:
    """The file that field `name` of `item` names, with its caption.

    `item` is the request itself, or an InputMedia of it. MethodError 400 when there is no file, or it can't be sent.
    """
    given = given_file(request, name) if item is request else given_file(request, name, value=item.get(name, ""))
    if given is None:
        raise bad_request(f"there is no {kind.replace('_', ' ')} in the request")
    caption = formatted_caption(item) if kind in CAPTIONED else None
    stored = _stored(files, kind, given, item, request)
    content = _described(files, stored) | caption_fields(caption)
    if stored.kind in _COVERABLE:
        content |= {"has_media_spoiler": True} if boolean(item, "has_spoiler") else {}
        content |= {"show_caption_above_media": True} if boolean(item, "show_caption_above_media") else {}
    return Media(stored.kind, content, sent_record(stored.kind, caption))


def caption_fields(formatted: FormattedText | None) -> Json:
    """The fields of a message's caption, if it has one."""
    if formatted is None:
        return {}
    entities = formatted.marked.entities
    return {"caption": formatted.marked.text} | ({"caption_entities": entities} if entities else {})


def sent_record(content: str, formatted: FormattedText | None = None) -> Json:
    """What tests see of a message besides its place: what it holds, and its text or caption."""
    text = None if formatted is None else formatted.marked.text
    parse_mode = None if formatted is None else formatted.parse_mode
    raw = None if formatted is None else formatted.raw
    return {"content": content, "text": text, "parse_mode": parse_mode, "raw_text": raw}


def attached(files: Files, kind: FileKind, uploaded: UploadedFile, item: Parameters) -> Json:
    """The fields of a message with this file, whose attributes (duration, width …) are in `item`. MethodError 400."""
    return _described(files, _kept(files, kind, uploaded, item, {}))


def inline_file(files: Files, result: Json) -> Json:
    """The fields of the message that an InlineQueryResult's file becomes. MethodError 400, ValueError for a game."""
    if (kind_and_prefix := FILES_OF_RESULTS.get(result["type"].lower())) is None:
        raise ValueError(f"a chosen {result['type']} is not simulated")
    kind, prefix = kind_and_prefix
    numbers = {name: result.get(f"{prefix}_{name}") for name in ("width", "height", "duration")}
    named = result.get(f"{prefix}_url") or result.get(f"{prefix}_file_id")
    item = {**result, **numbers, kind: named}
    return media_of(files, kind, item, item, kind).content


def check_inline_file(files: Files, result: Json) -> None:
    """MethodError 400 for an InlineQueryResult that names an unknown file by its file_id."""
    if result["type"].lower() not in FILES_OF_RESULTS:
        return
    kind, prefix = FILES_OF_RESULTS[result["type"].lower()]
    named = str(result.get(f"{prefix}_url") or result[f"{prefix}_file_id"])
    if not is_url(named):
        files.sent_again(kind, named)


def _stored(
    files: Files, kind: FileKind, given: UploadedFile | str, item: Parameters, request: Parameters
) -> StoredFile:
    if isinstance(given, UploadedFile):
        return _kept(files, kind, given, item, request)
    if is_url(given):
        # Telegram would download it. The simulator makes no request to anywhere: it keeps a file of its own instead.
        return _kept(files, kind, made_up_file(kind, name_in_url(given)), item, request)
    return files.sent_again(kind, given)


def _kept(files: Files, kind: FileKind, uploaded: UploadedFile, item: Parameters, request: Parameters) -> StoredFile:
    checked_upload(kind, uploaded)
    if kind == "photo":
        return _kept_photo(files, uploaded)
    attributes = _attributes(kind, uploaded.name, item)
    thumbnail = given_file(request, "thumbnail", value=item.get("thumbnail"))
    if isinstance(thumbnail, UploadedFile) and 0 < len(thumbnail.content) <= _LARGEST_THUMBNAIL:
        width, height = picture_size(thumbnail.content)
        if width > 0:
            attributes["thumbnail"] = files.keep("thumbnail", thumbnail, {"width": width, "height": height}).as_object()
    return files.keep(kind, uploaded, attributes)


def _kept_photo(files: Files, uploaded: UploadedFile) -> StoredFile:
    """The largest size of a photo. The smaller ones hold the same bytes: nothing is scaled."""
    width, height = picture_size(uploaded.content)
    if width <= 0:
        raise bad_request("IMAGE_PROCESS_FAILED")
    if width + height > 10_000 or max(width, height) > 20 * min(width, height):
        raise bad_request("PHOTO_INVALID_DIMENSIONS")
    longest = max(width, height)
    sides = [side for side in _PHOTO_SIZES if side < longest] + [longest]
    sizes = tuple(
        files.keep(
            "photo",
            uploaded,
            {"width": max(width * side // longest, 1), "height": max(height * side // longest, 1)},
        )
        for side in sides
    )
    files.keep_sizes(sizes)
    return sizes[-1]


def picture_size(content: bytes) -> tuple[int, int]:
    """Width and height of a picture; -1 and -1 for a file that isn't one."""
    if not content.startswith(_PICTURES):
        return -1, -1
    width, height = imagesize.get(BytesIO(content))
    return int(width), int(height)


def _described(files: Files, stored: StoredFile) -> Json:
    if stored.kind == "photo":
        return {"photo": [size.as_object() for size in files.sizes_of(stored)]}
    described = stored.as_object()
    if stored.kind != "animation":
        return {stored.kind: described}
    # For bots from before animations existed, the document field is set as well.
    document = {name: value for name, value in described.items() if name not in ("width", "height", "duration")}
    return {"animation": described, "document": document}


def _attributes(kind: FileKind, name: str, item: Parameters) -> Json:
    guessed = _TYPES.guess_type(name)[0] or ""
    lasting = {"duration": _number(item, "duration", _LONGEST)}
    sized = {"width": _number(item, "width", _WIDEST), "height": _number(item, "height", _WIDEST)}
    named = {"file_name": name} if name else {}
    match kind:
        case "video":
            video_type = guessed if guessed.startswith("video/") else "video/mp4"
            return {**sized, **lasting, **named, "mime_type": video_type}
        case "animation":
            return {**sized, **lasting, **named, "mime_type": "image/gif" if guessed == "image/gif" else "video/mp4"}
        case "audio":
            audio_type = guessed if guessed.startswith("audio/") else "audio/mpeg"
            return {**lasting, **_texts(item, "performer", "title"), **named, "mime_type": audio_type}
        case "voice":
            known = guessed in ("audio/ogg", "audio/mpeg", "audio/mp4")
            return {**lasting, "mime_type": guessed if known else "audio/ogg"}
        case "video_note":
            length = _number(item, "length", _WIDEST)
            if length > _WIDEST_NOTE:
                raise bad_request("wrong video note length")
            return {"length": length, **lasting}
        case "sticker":
            moving = {"is_animated": name.endswith(".tgs"), "is_video": name.endswith(".webm")}
            return {"type": "regular", "width": 512, "height": 512, **moving, **_texts(item, "emoji")}
        case _:
            return {**named, "mime_type": guessed or "application/octet-stream"}


def _number(item: Parameters, name: str, highest: int) -> int:
    return min(max(integer(item, name, 0), 0), highest)


def _texts(item: Parameters, *names: str) -> dict[str, Any]:
    return {name: str(item[name]) for name in names if item.get(name)}

"""Files: how they are given, kept and found again. https://core.telegram.org/bots/api#sending-files"""

import base64
import hashlib
import re
from dataclasses import dataclass, field
from pathlib import PurePosixPath
from typing import Literal
from urllib.parse import urlsplit

from pipeline.sandbox.json_types import Json, Parameters
from pipeline.sandbox.telegram.errors import MethodError, bad_request

FileKind = Literal["photo", "document", "video", "animation", "audio", "voice", "video_note", "sticker", "thumbnail"]

LARGEST_UPLOAD = 50 * 2**20
LARGEST_DOWNLOAD = 20 * 2**20
LARGEST_PHOTO = 10 * 2**20


@dataclass(frozen=True)
class _Naming:
    """How Telegram names files of a kind."""

    name: str
    """In error messages."""
    folder: str
    """In paths."""
    prefix: str
    """Of a file_id."""


_NAMING: dict[FileKind, _Naming] = {
    "photo": _Naming("Photo", "photos", "AgAC"),
    "document": _Naming("Document", "documents", "BQAC"),
    "video": _Naming("Video", "videos", "BAAC"),
    "animation": _Naming("Animation", "animations", "CgAC"),
    "audio": _Naming("Audio", "music", "CQAC"),
    "voice": _Naming("VoiceNote", "voice", "AwAC"),
    "video_note": _Naming("VideoNote", "video_notes", "DQAC"),
    "sticker": _Naming("Sticker", "stickers", "CAAC"),
    "thumbnail": _Naming("Thumbnail", "thumbnails", "AAMC"),
}
_OWN_CLASS = frozenset[FileKind]({"photo", "thumbnail"})
"""Kinds that nothing else can be sent as. The others are one class: a file of it stays what it was first."""


@dataclass(frozen=True)
class UploadedFile:
    """A file as it was uploaded."""

    name: str
    content: bytes = field(repr=False)


@dataclass(frozen=True)
class StoredFile:
    """A file that Telegram keeps."""

    kind: FileKind
    file_id: str
    file_unique_id: str
    path: str
    name: str
    content: bytes = field(repr=False)
    attributes: Json
    """Fields of the object that describes it in a message, as its first sender gave them."""

    def as_object(self) -> Json:
        """The object that describes it in a message: PhotoSize, Document, Video …"""
        ids: Json = {"file_id": self.file_id, "file_unique_id": self.file_unique_id}
        return ids | self.attributes | {"file_size": len(self.content)}

    def as_file(self) -> Json:
        """The File object."""
        return {
            "file_id": self.file_id,
            "file_unique_id": self.file_unique_id,
            "file_size": len(self.content),
            "file_path": self.path,
        }


class Files:
    """Every file that was sent, and the numbers of albums. Files are kept, and their paths valid, until the end."""

    def __init__(self) -> None:
        self._by_id: dict[str, StoredFile] = {}
        self._by_path: dict[str, StoredFile] = {}
        self._sizes: dict[str, tuple[StoredFile, ...]] = {}
        self._albums = 0

    def keep(self, kind: FileKind, uploaded: UploadedFile, attributes: Json) -> StoredFile:
        """A new file. Whether it may be sent is checked before."""
        naming, number = _NAMING[kind], len(self._by_id)
        unique = hashlib.sha256(f"{kind} {attributes.get('width')} ".encode() + uploaded.content).digest()
        suffix = PurePosixPath(uploaded.name).suffix.lower()
        stored = StoredFile(
            kind=kind,
            file_id=naming.prefix + _token(number.to_bytes(8, "big") + unique[:18]),
            file_unique_id=_token(unique[:9]),
            path=f"{naming.folder}/file_{number}{suffix}",
            name=uploaded.name,
            content=uploaded.content,
            attributes=attributes,
        )
        self._by_id[stored.file_id] = self._by_path[stored.path] = stored
        return stored

    def keep_sizes(self, sizes: tuple[StoredFile, ...]) -> None:
        """Note that these files are the sizes of one photo: the file_id of one stands for all."""
        self._sizes |= dict.fromkeys((size.file_id for size in sizes), sizes)

    def sizes_of(self, photo: StoredFile) -> tuple[StoredFile, ...]:
        """The sizes of a photo, the smallest first."""
        return self._sizes.get(photo.file_id, (photo,))

    def by_id(self, file_id: str) -> StoredFile | None:
        return self._by_id.get(file_id)

    def by_path(self, path: str) -> StoredFile | None:
        return self._by_path.get(path)

    def sent_again(self, kind: FileKind, file_id: str) -> StoredFile:
        """The file to send again as `kind`; it stays what it was. MethodError 400 when that is not possible."""
        stored = self._by_id.get(file_id)
        if stored is None:
            reason = "can't unserialize it" if re.fullmatch(r"[\w-]+", file_id, re.ASCII) else "wrong character"
            raise bad_request(f"wrong remote file identifier specified: {reason}")
        if stored.kind != kind and {stored.kind, kind} & _OWN_CLASS:
            raise bad_request(f"can't use file of type {_NAMING[stored.kind].name} as {_NAMING[kind].name}")
        return stored

    def new_album(self) -> str:
        """A media_group_id."""
        self._albums += 1
        return str(13_000_000_000_000_000 + self._albums)


def given_file(parameters: Parameters, name: str, *, value: object = None) -> UploadedFile | str | None:
    """The file that a parameter names: an upload, or the text of a file_id or URL. None without one.

    `value` replaces the parameter's own, for a file that is named inside of an object.
    """
    given = parameters.get(name) if value is None else value
    if isinstance(given, UploadedFile) or given is None:
        return given
    text = str(given).strip()
    if text.startswith("attach://"):
        attached = parameters.get(text.removeprefix("attach://"))
        return attached if isinstance(attached, UploadedFile) else None
    return text or None


def checked_upload(kind: FileKind, uploaded: UploadedFile) -> UploadedFile:
    """The same file. MethodError 400 when it is empty or too big for a photo, 413 when it is too big for anything."""
    size = len(uploaded.content)
    if size > LARGEST_UPLOAD:
        raise MethodError(413, "Request Entity Too Large")
    if size == 0:
        raise bad_request("file must be non-empty")
    if kind == "photo" and size > LARGEST_PHOTO:
        raise bad_request(
            f"file of size {size} bytes is too big for a photo; the maximum size is {LARGEST_PHOTO} bytes"
        )
    return uploaded


def name_in_url(url: str) -> str:
    """The file's name at the end of an HTTP URL. MethodError 400 for another kind of URL."""
    try:
        parts = urlsplit(url if "://" in url else f"http://{url}")
    except ValueError:
        raise bad_request("invalid file HTTP URL specified: Wrong URL") from None
    if parts.scheme not in ("http", "https"):
        raise bad_request("invalid file HTTP URL specified: Unsupported URL protocol")
    if not parts.hostname:
        raise bad_request("invalid file HTTP URL specified: URL host is empty")
    return PurePosixPath(parts.path).name


def is_url(given: str) -> bool:
    """Whether a text is a URL and no file_id: as for the real server, one with a dot is."""
    return "." in given


def _token(content: bytes) -> str:
    return base64.urlsafe_b64encode(content).decode().rstrip("=")

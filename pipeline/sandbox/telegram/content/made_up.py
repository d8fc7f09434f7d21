"""Content for files that nobody gave: a person's attachment in a test, and what a URL would have held."""

import struct
import zlib

from pipeline.sandbox.telegram.content.files import FileKind, UploadedFile

_NAMES: dict[FileKind, str] = {
    "photo": "photo.png",
    "document": "document.txt",
    "video": "video.mp4",
    "animation": "animation.mp4",
    "audio": "audio.mp3",
    "voice": "voice.ogg",
    "video_note": "video_note.mp4",
    "sticker": "sticker.webp",
    "thumbnail": "thumbnail.png",
}


def made_up_file(kind: FileKind, name: str = "") -> UploadedFile:
    """A small file of a kind: a picture that can be shown for a photo, a line of text for all other kinds."""
    content = _picture(320, 240) if kind in ("photo", "thumbnail") else f"A made-up {kind}.\n".encode()
    return UploadedFile(name or _NAMES[kind], content)


def _picture(width: int, height: int) -> bytes:
    """A PNG of a plain colour."""
    rows = (b"\x00" + b"\x4f\x8f\xc0" * width) * height
    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    chunks = [_chunk(b"IHDR", header), _chunk(b"IDAT", zlib.compress(rows)), _chunk(b"IEND", b"")]
    return b"\x89PNG\r\n\x1a\n" + b"".join(chunks)


def _chunk(name: bytes, content: bytes) -> bytes:
    return struct.pack(">I", len(content)) + name + content + struct.pack(">I", zlib.crc32(name + content))

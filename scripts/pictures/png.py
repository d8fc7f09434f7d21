"""A screenshot in few bytes: a PNG of at most 256 colours, which is enough for a page of text and charts."""

from __future__ import annotations

import struct
import zlib
from collections import Counter

_MOST = 256
_SIGNATURE = b"\x89PNG\r\n\x1a\n"
_Color = tuple[int, int, int]


def encoded(width: int, pixels: bytes) -> bytes:
    """The picture as a PNG with a palette. Beyond 256 colours, a rare one becomes the nearest of the most frequent.

    `pixels`: red, green, blue and alpha of each, row by row, as a browser's canvas gives them. Alpha is left out.
    """
    codes = struct.unpack(f"<{len(pixels) // 4}I", pixels)
    counted = Counter(codes)
    kept = [_color(code) for code, _ in sorted(counted.items(), key=lambda item: (-item[1], item[0]))[:_MOST]]
    index = {code: _nearest(_color(code), kept) for code in counted}
    indexes = bytes(map(index.__getitem__, codes))
    # Each row begins with its filter: none, which suits a palette.
    rows = b"".join(b"\0" + indexes[start : start + width] for start in range(0, len(indexes), width))
    header = struct.pack(">IIBBBBB", width, len(indexes) // width, 8, 3, 0, 0, 0)
    return b"".join(
        (
            _SIGNATURE,
            _chunk(b"IHDR", header),
            _chunk(b"PLTE", bytes(part for color in kept for part in color)),
            _chunk(b"IDAT", zlib.compress(rows, 9)),
            _chunk(b"IEND", b""),
        )
    )


def _color(code: int) -> _Color:
    return code & 255, code >> 8 & 255, code >> 16 & 255


def _nearest(color: _Color, kept: list[_Color]) -> int:
    return min(range(len(kept)), key=lambda i: sum((a - b) ** 2 for a, b in zip(color, kept[i], strict=True)))


def _chunk(kind: bytes, content: bytes) -> bytes:
    return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", zlib.crc32(kind + content))

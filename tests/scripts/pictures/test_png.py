"""A PNG with a palette: the pixels come back, and a rare colour becomes the nearest frequent one."""

from __future__ import annotations

import struct
import zlib

from scripts.pictures.png import encoded

Color = tuple[int, int, int]


def _pixels(*colors: Color) -> bytes:
    return b"".join(bytes((*color, 255)) for color in colors)


def _decoded(png: bytes) -> tuple[int, int, list[Color]]:
    """Width, height and colours, read as the format says; the check sums of all chunks are right."""
    assert png.startswith(b"\x89PNG\r\n\x1a\n")
    chunks: dict[bytes, bytes] = {}
    at = 8
    while at < len(png):
        [length] = struct.unpack(">I", png[at : at + 4])
        kind, content = png[at + 4 : at + 8], png[at + 8 : at + 8 + length]
        assert struct.unpack(">I", png[at + 8 + length : at + 12 + length]) == (zlib.crc32(kind + content),)
        chunks[kind] = content
        at += 12 + length
    assert [*chunks] == [b"IHDR", b"PLTE", b"IDAT", b"IEND"]
    width, height, depth, kind_of_color = struct.unpack(">IIBB", chunks[b"IHDR"][:10])
    assert (depth, kind_of_color) == (8, 3)
    palette = [(*chunks[b"PLTE"][start : start + 3],) for start in range(0, len(chunks[b"PLTE"]), 3)]
    rows = zlib.decompress(chunks[b"IDAT"])
    assert {rows[start] for start in range(0, len(rows), width + 1)} == {0}
    indexes = [index for row in range(height) for index in rows[row * (width + 1) + 1 : (row + 1) * (width + 1)]]
    return width, height, [(red, green, blue) for red, green, blue in (palette[index] for index in indexes)]


def test_the_pixels_come_back() -> None:
    colors: list[Color] = [(255, 0, 0), (0, 255, 0), (0, 0, 255), (255, 0, 0), (1, 2, 3), (0, 0, 0)]
    assert _decoded(encoded(3, _pixels(*colors))) == (3, 2, colors)


def test_a_rare_colour_becomes_the_nearest_frequent_one() -> None:
    frequent: list[Color] = [(value, 0, 0) for value in range(256)] * 2
    _, _, colors = _decoded(encoded(1, _pixels(*frequent, (100, 3, 2))))
    assert colors[:-1] == frequent
    assert colors[-1] == (100, 0, 0)


def test_equal_pixels_give_equal_bytes() -> None:
    pixels = _pixels(*((value % 251, value % 7, 9) for value in range(1000)))
    assert encoded(10, pixels) == encoded(10, pixels)

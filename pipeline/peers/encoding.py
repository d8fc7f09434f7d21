"""Unpacking a body piece by piece, within the bounds of its call: a compressed one may grow a thousandfold."""

from __future__ import annotations

import zlib
from collections.abc import Iterable, Iterator

from pipeline.peers.bounds import Bounds

_PIECE = 1 << 16


class NotUnpacked(OSError):
    """A body is compressed in a way that is not known, or is damaged."""


def unpacked(pieces: Iterable[bytes], encoding: str | None, bounds: Bounds) -> Iterator[bytes]:
    """The content of a body. `encoding`: its Content-Encoding, which servers should not use as we don't ask for it.

    Raises NotUnpacked, TooLarge where the content is larger than the bounds allow, and what reading a piece raises.
    """
    name = (encoding or "").strip().lower()
    if name in ("", "identity"):
        yield from pieces
        return
    if name not in ("gzip", "x-gzip", "deflate"):
        raise NotUnpacked("the response is compressed in a way that was not asked for")
    # With this number zlib tells gzip from deflate by the first bytes.
    unpacker = zlib.decompressobj(zlib.MAX_WBITS | 32)
    for piece in pieces:
        packed = piece
        while packed:
            try:
                content = unpacker.decompress(packed, _PIECE)
            except zlib.error:
                raise NotUnpacked("the response is compressed and damaged") from None
            bounds.take(len(content))
            yield content
            packed = unpacker.unconsumed_tail
    if not unpacker.eof:
        raise NotUnpacked("the response is compressed and damaged")

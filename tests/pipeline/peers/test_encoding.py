"""Unpacking bodies within the bounds of a call."""

import gzip
import zlib
from collections.abc import Iterator

import pytest

from pipeline.peers.bounds import Bounds, TooLarge
from pipeline.peers.encoding import NotUnpacked, unpacked

CONTENT = b"a sentence. " * 20_000


def in_pieces(body: bytes, size: int) -> Iterator[bytes]:
    return (body[start : start + size] for start in range(0, len(body), size))


@pytest.mark.parametrize("size", [1, 7, 1_000_000])
@pytest.mark.parametrize(
    ("encoding", "body"),
    [
        (None, CONTENT),
        ("", CONTENT),
        (" Identity ", CONTENT),
        ("gzip", gzip.compress(CONTENT)),
        ("X-GZIP", gzip.compress(CONTENT)),
        ("deflate", zlib.compress(CONTENT)),
    ],
)
def test_a_body_is_unpacked_however_it_comes_in(encoding: str | None, body: bytes, size: int) -> None:
    assert b"".join(unpacked(in_pieces(body, size), encoding, Bounds(9.0, len(CONTENT)))) == CONTENT


def test_what_is_unpacked_counts() -> None:
    with pytest.raises(TooLarge):
        list(unpacked([gzip.compress(CONTENT)], "gzip", Bounds(9.0, len(CONTENT) - 1)))


def test_a_bomb_is_unpacked_to_the_limit_only() -> None:
    bounds, content = Bounds(9.0, 1000), list[bytes]()
    with pytest.raises(TooLarge):
        content.extend(unpacked([gzip.compress(b" " * 50_000_000)], "gzip", bounds))
    assert sum(map(len, content)) <= 1000


@pytest.mark.parametrize(
    ("encoding", "body"),
    [
        ("br", CONTENT),
        ("gzip, gzip", gzip.compress(CONTENT)),
        ("gzip", CONTENT),
        ("gzip", gzip.compress(CONTENT)[:-9]),
        ("gzip", b""),
    ],
)
def test_what_can_not_be_unpacked_is_an_error(encoding: str, body: bytes) -> None:
    with pytest.raises(NotUnpacked):
        list(unpacked([body], encoding, Bounds(9.0, 10**9)))

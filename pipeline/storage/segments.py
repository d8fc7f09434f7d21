"""Segments: numbered files of records, each with a first line by which damage to it is noticed.

The first line says the segment's number, how many records follow, whether they are a snapshot of everything, and the
checksum of their bytes. It is a JSON object with one key that no record has, so a release from before these lines
reads it as a record without content. A segment without such a line was written by that release, and is accepted.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

_KEY = "segment"


class DamagedSegment(Exception):
    """A segment is not as it was written. The text says what is wrong, without the file's name."""


class Segment(NamedTuple):
    records: list[bytes]
    snapshot: bool | None
    """Whether its records are a snapshot. None: it has no first line that says so."""


def segment_name(number: int) -> str:
    return f"{number:015d}.json"


def segment_numbers(folder: Path) -> list[int]:
    """The numbers of the segments in a folder, in their order. A file with any other name is none of them."""
    numbers = (int(path.stem) for path in folder.glob("*.json") if path.stem.isascii() and path.stem.isdigit())
    return sorted(number for number in set(numbers) if (folder / segment_name(number)).exists())


def sealed(number: int, records: Sequence[bytes], *, snapshot: bool = False) -> bytes:
    """The content of a segment's file. No record has a line break in it."""
    body = b"\n".join(records)
    about = {"number": number, "records": len(records), "snapshot": snapshot, "sha256": _checksum(records)}
    return json.dumps({_KEY: about}).encode() + b"\n" + body


def _checksum(records: Sequence[bytes]) -> str:
    """Of their bytes with a line break between each two."""
    checksum = hashlib.sha256()
    for i, record in enumerate(records):
        # One by one: over much at once, other threads go first.
        checksum.update(b"\n" + record if i else record)
    return checksum.hexdigest()


def opened(number: int, content: bytes) -> Segment:
    """The records in the content of a segment's file. Raises DamagedSegment."""
    if not content.strip():
        raise DamagedSegment("it is empty")
    first, _, body = content.partition(b"\n")
    try:
        about = json.loads(first).get(_KEY)
    except (ValueError, AttributeError, RecursionError):
        raise DamagedSegment("its first line is damaged") from None
    if about is None:
        return Segment(content.splitlines(), None)
    records = body.split(b"\n")
    if not isinstance(about, dict) or about.get("number") != number:
        raise DamagedSegment("its first line is that of another segment")
    if about.get("records") != len(records) or about.get("sha256") != hashlib.sha256(body).hexdigest():
        raise DamagedSegment("its records are not those that were written")
    return Segment(records, about.get("snapshot") is True)

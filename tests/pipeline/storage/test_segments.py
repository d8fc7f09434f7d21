"""Numbered segments with a first line that tells damage."""

import json
from pathlib import Path

import pytest

from pipeline.storage.segments import DamagedSegment, Segment, opened, sealed, segment_name, segment_numbers

RECORDS = [b'{"a":1}', b'{"b":2}', b'{"c":3}']


@pytest.mark.parametrize("snapshot", [True, False])
def test_a_segment_is_read_as_it_was_written(snapshot: bool) -> None:
    assert opened(7, sealed(7, RECORDS, snapshot=snapshot)) == Segment(RECORDS, snapshot)


def test_a_segment_cut_anywhere_is_damaged() -> None:
    whole = sealed(7, RECORDS)
    for length in range(len(whole)):
        with pytest.raises(DamagedSegment):
            opened(7, whole[:length])


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"", "empty"),
        (b"\n\n", "empty"),
        (b"[]", "first line is damaged"),
        (b"\x00" * 100, "first line is damaged"),
        (b'{"segment": 7}\n{}', "another segment"),
        (sealed(8, RECORDS), "another segment"),
        (sealed(7, RECORDS) + b"\n", "not those that were written"),
        (sealed(7, RECORDS) + b"\n" + RECORDS[0], "not those that were written"),
        (sealed(7, RECORDS).replace(b'"b":2', b'"b":3'), "not those that were written"),
        (sealed(7, RECORDS) + b"\x00", "not those that were written"),
    ],
)
def test_damage_has_a_reason(content: bytes, reason: str) -> None:
    with pytest.raises(DamagedSegment, match=reason):
        opened(7, content)


def test_a_segment_without_a_first_line_of_its_own_is_accepted() -> None:
    assert opened(7, b"\n".join(RECORDS)) == Segment(RECORDS, None)


def test_the_first_line_is_an_object_with_one_key() -> None:
    assert list(json.loads(sealed(7, RECORDS).partition(b"\n")[0])) == ["segment"]


def test_only_files_with_a_segments_name_are_segments(tmp_path: Path) -> None:
    for name in (
        segment_name(2),
        segment_name(10),
        "7.json",
        "x.json",
        ".000000000000003.json.tmp",
        "²²²²²²²²²²²²²²².json",
    ):
        (tmp_path / name).touch()
    assert segment_numbers(tmp_path) == [2, 10]

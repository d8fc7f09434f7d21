"""The body of a poll, in which one update can't be read."""

import json
from pathlib import Path

import pytest

from pipeline.storage.landed import Unreadable
from pipeline.storage.landing import Landing
from pipeline.telegram.poll import read_poll
from pipeline.telegram.update import Malformed, read_line
from tests.support.updates import raw_update

GOOD = [raw_update(1), raw_update(3)]


def body(bad: str) -> bytes:
    return f'{{"ok": true, "result": [{json.dumps(GOOD[0])}, {bad}, {json.dumps(GOOD[1])}]}}'.encode()


def test_an_ordinary_body_is_read_as_json() -> None:
    payload = {"ok": True, "result": [*GOOD, raw_update(4, body={"text": "lone \ud800 and 1e5"})]}
    assert read_poll(json.dumps(payload).encode()) == payload


@pytest.mark.parametrize(
    ("bad", "reason"),
    [
        ('{"update_id": 2, "message": {"date": ' + "9" * 5000 + "}}", "not JSON: Exceeds the limit"),
        ('{"update_id": 2, "deep": ' + "[" * 3000 + "]" * 3000 + "}", "nested too deeply"),
        ('{"deep": ' + '{"a":[' * 200 + "]}" * 200 + ', "update_id": 2}', "nested too deeply"),
        ('{"update_id": 2, "x": NaN}', "not JSON: NaN"),
        ('{"update_id": 2, "x": -Infinity}', "not JSON: -Infinity"),
        ('{"update_id": 2, "x": 1e999}', "not JSON: a number is too large"),
        ('{"update_id": 2, "x": tru}', "not JSON: "),
        ('{"x": "a \\" ] , }", "y": {"update_id": 9}, "update_id": 2, "z": NaN}', "not JSON: NaN"),
    ],
)
def test_an_update_that_cannot_be_read_is_kept_as_its_text_beside_the_others(
    bad: str, reason: str, tmp_path: Path
) -> None:
    result = read_poll(body(bad))["result"]
    unreadable = result[1]
    assert [result[0], result[2]] == GOOD
    assert isinstance(unreadable, Unreadable)
    assert (unreadable.text, unreadable.update_id) == (bad, 2)
    assert unreadable.reason.startswith(reason)
    landing = Landing(tmp_path, 42)
    path = landing.land(result)
    assert path is not None
    assert path.name.endswith("-1-3.jsonl")
    read = read_line(path.read_text().splitlines()[1], 42)
    assert read == Malformed(f"update: {unreadable.reason}", bad)
    assert Landing(tmp_path, 42).unseen(result) == []


@pytest.mark.parametrize(
    "bad",
    [
        '{"update_id": ' + "9" * 5000 + "}",
        '{"x": NaN}',
        '[NaN, {"update_id": 2}]',
        "NaN",
        '{"update_id": -2, "x": NaN}',
    ],
)
def test_an_id_that_the_text_does_not_show_is_none(bad: str) -> None:
    assert read_poll(body(bad))["result"][1].update_id is None


def test_bytes_that_are_no_utf_8_spoil_only_their_own_characters() -> None:
    text = body('{"update_id": 2, "message": {"text": "a-b"}}').replace(b"a-b", b"a\xffb")
    assert read_poll(text)["result"] == [GOOD[0], {"update_id": 2, "message": {"text": "a\ufffdb"}}, GOOD[1]]


@pytest.mark.parametrize(
    "text",
    [
        "", "<html>", "[", '{"ok": true', '{"ok": false, "x": NaN}', '{"ok": true, "result": {"a": NaN}}',
        '{"ok": true, "result": [NaN,,1]}', '{"ok": true, "result": [NaN}]', '{"ok": true, "result": [NaN]} x',
        '{"ok": true, "result": ["no end]}', "[NaN]", '{NaN: 1}',
    ],
)  # fmt: skip
def test_a_body_that_is_no_json_at_all_is_no_poll(text: str) -> None:
    with pytest.raises(ValueError, match=r".+"):
        read_poll(text.encode())


def test_a_large_body_without_an_end_takes_no_time_beyond_its_length() -> None:
    with pytest.raises(ValueError, match="no end"):
        read_poll(b'{"ok": true, "result": [NaN, "' + b'\\"' * 1_000_000)


def test_an_id_before_what_cannot_be_read_is_found() -> None:
    read = read_poll(b'{"ok":true,"result":[{"update_id":7,"message":{}, oops},{"update_id":8}]}')
    unreadable, other = read["result"]
    assert (unreadable.update_id, other) == (7, {"update_id": 8})

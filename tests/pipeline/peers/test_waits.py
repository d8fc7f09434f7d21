"""Waits that another party names."""

import json
import math
from datetime import UTC, datetime

import pytest

from pipeline.peers.waits import LONGEST, finite, named_wait

NOW = datetime(2026, 1, 2, 12, tzinfo=UTC)

NASTY: list[object] = [
    *(json.loads(text) for text in ("NaN", "Infinity", "-Infinity", "1e999", "-1e999", "1e308", "-0.0", "1e-320")),
    *(10**power for power in (5, 9, 11, 19, 308, 400, 4000)),
    *(-(10**power) for power in (0, 11, 400)),
    *("nan", "inf", "-inf", "1e11", "1e999", "9" * 5000, "١٢", "1_0", "0x10", "", " ", "soon", "\0", "\ud83d", "7; 8"),
    *("Wed, 21 Oct 9999 07:28:00 GMT", "Wed, 99 Oct 2026 07:28:00 GMT", "Mon, 01 Jan 0001 00:00:00 +2359"),
    *("Wed, 21 Oct 2026 07:28:00 +9999999999999", "2026-10-21T07:28:00Z", "x" * 100_000),
    *(True, False, None, [], [7], {}, {"seconds": 7}, b"7"),
]


@pytest.mark.parametrize("said", NASTY, ids=range(len(NASTY)))
def test_whatever_is_said_is_a_wait_within_bounds_or_none(said: object) -> None:
    wait = named_wait(said, NOW)
    assert wait is None or (type(wait) is float and 0.0 <= wait <= LONGEST)


@pytest.mark.parametrize(
    ("said", "wait"),
    [
        (7, 7.0),
        (0, 0.0),
        (2.5, 2.5),
        ("2.5", 2.5),
        (" 3 ", 3.0),
        (-1, 0.0),
        (3601, 3600.0),
        (86_400, 3600.0),
        (86_401, None),
        (1_767_355_200_000, None),
        ("100000000000", None),
        (10**400, None),
        (math.nan, None),
        (math.inf, None),
        (True, None),
        ("soon", None),
        ("Fri, 02 Jan 2026 12:00:30 GMT", 30.0),
        ("Fri, 02 Jan 2026 15:00:00 GMT", 3600.0),
        ("Fri, 02 Jan 2026 11:59:59 GMT", None),
        ("Fri, 02 Jan 2026 12:00:30", 30.0),
    ],
)
def test_a_wait_is_read_in_every_form_that_http_and_json_have(said: object, wait: float | None) -> None:
    assert named_wait(said, NOW) == wait


def test_a_date_is_compared_with_the_present() -> None:
    assert named_wait("Wed, 21 Oct 2015 07:28:00 GMT") is None


@pytest.mark.parametrize("said", ["7", 7, 7.0])
def test_a_number_is_finite_and_not_a_truth_value(said: object) -> None:
    assert finite(said) == 7.0
    assert finite(True) is finite(math.nan) is finite(10**400) is finite("x") is None

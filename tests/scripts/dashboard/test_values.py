"""Values as a reader sees them."""

from __future__ import annotations

from datetime import UTC, date, datetime
from decimal import Decimal

import pytest

from scripts.dashboard.specs import DecimalPlaces, NumberFormat
from scripts.dashboard.values import number, shown


def _form(kind: str = "number-plain", places: int = 0, rule: str = "max") -> NumberFormat:
    decimal_places = DecimalPlaces.model_validate({"type": rule, "places": places})
    return NumberFormat.model_validate({"type": kind, "decimalPlaces": decimal_places})


@pytest.mark.parametrize(
    ("value", "form", "text"),
    [
        (1606, _form(), "1,606"),
        (1.55, _form(places=1), "1.6"),
        (2.0, _form(places=1), "2"),
        (2.0, _form(places=1, rule="exact"), "2.0"),
        (-0.001, _form(places=1), "0"),
        (0.0125, _form("number-percent", 2), "1.25%"),
        (0.00004, _form("number-currency", 4), "$0"),
        (-12.5, _form("number-currency", 2), "-$12.5"),
        (Decimal("1234.5"), NumberFormat(), "1,234.5"),
        (0.1 + 0.2, None, "0.3"),
        (500123, None, "500123"),
        (None, _form(), "–"),
        (True, None, "true"),
        (date(2026, 11, 25), None, "2026-11-25"),
        (datetime(2026, 11, 25, 8, 1, 2, tzinfo=UTC), None, "2026-11-25 08:01:02"),
        ("<b>", None, "<b>"),
    ],
)
def test_a_value_is_written_in_its_format(value: object, form: NumberFormat | None, text: str) -> None:
    assert shown(value, form) == text


def test_what_is_no_number_counts_as_none() -> None:
    assert [number(value) for value in (None, "1", True, 2, Decimal("0.5"))] == [None, None, None, 2.0, 0.5]

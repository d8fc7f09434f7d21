"""How the dashboard writes values: numbers in the format that a widget names, days, times."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, date, datetime
from decimal import Decimal

from scripts.dashboard.specs import DecimalPlaces, NumberFormat

Row = Mapping[str, object]

MISSING = "–"
"""What stands for null."""

_SIGNS = {"USD": "$", "EUR": "€", "GBP": "£"}
_TWO_AT_MOST = DecimalPlaces()


def number(value: object) -> float | None:
    """A value as a number; None where it is not one."""
    if isinstance(value, bool) or not isinstance(value, int | float | Decimal):
        return None
    return float(value)


def shown(value: object, form: NumberFormat | None = None) -> str:
    """A value as a reader sees it."""
    if value is None:
        return MISSING
    if isinstance(value, datetime):
        # Spark gives times without a zone, in the machine's own.
        return f"{value.astimezone(UTC):%Y-%m-%d %H:%M:%S}"
    if isinstance(value, date):
        return f"{value:%Y-%m-%d}"
    if isinstance(value, bool):
        return str(value).lower()
    amount = number(value)
    if amount is None:
        return str(value)
    # A number without a format in a table is often an id, which has no thousands.
    return str(value) if form is None and isinstance(value, int) else formatted(amount, form or NumberFormat())


def formatted(amount: float, form: NumberFormat) -> str:
    """A number in its format."""
    if form.type == "number-percent":
        return f"{_plain(amount * 100, form.decimal_places)}%"
    if form.type == "number-currency":
        sign = _SIGNS.get(form.currency_code, f"{form.currency_code} ")
        return f"{'-' if amount < 0 else ''}{sign}{_plain(abs(amount), form.decimal_places)}"
    return _plain(amount, form.decimal_places)


def _plain(amount: float, places: DecimalPlaces | None) -> str:
    places = places or _TWO_AT_MOST
    if places.type == "all":
        return f"{amount:,}"
    text = f"{amount:,.{places.places}f}"
    if places.type == "max" and "." in text:
        text = text.rstrip("0").rstrip(".")
    return "0" if text == "-0" else text

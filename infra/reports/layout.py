"""The dashboard in the form of AI/BI (`.lvdash.json`): its datasets, and its pages of widgets over them."""

from __future__ import annotations

import json
from typing import NamedTuple

from infra.reports.pages.feedback import feedback, feedback_data
from infra.reports.pages.overview import overview, overview_data
from infra.reports.pages.spending import spending, spending_data
from infra.reports.queries import TokenPrices


class Sources(NamedTuple):
    """The names of what the dashboard reads."""

    silver: str
    answers: str
    """The view."""


def serialized(sources: Sources, prices: TokenPrices) -> str:
    """The dashboard's definition. The same names and prices give the same text, so that `up` finds no change."""
    datasets = [
        *overview_data(sources.silver, prices),
        *feedback_data(sources.answers),
        *spending_data(sources.silver, prices),
    ]
    pages = [overview(prices), feedback(), spending(prices)]
    return json.dumps({"datasets": datasets, "pages": pages}, indent=2, sort_keys=True)

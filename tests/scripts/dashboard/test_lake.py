"""The pages that are deployed, drawn over rows in Delta with Spark."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from datetime import UTC, datetime
from html import escape
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from infra.reports.queries import TokenPrices
from pipeline.stream.delta import DeltaTable
from pipeline.tables import ANSWERS, SILVER, TABLES
from scripts.dashboard.definition import DashboardDefinition, current, read
from scripts.dashboard.lake import Lake, show_tables, tables_in
from scripts.dashboard.page import anchor, dashboard_html
from scripts.dashboard.results import QueryFailure
from scripts.dashboard.specs import CounterWidget, WidgetQuery
from scripts.pictures.synthetic import ROWS, write_tables

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

pytestmark = pytest.mark.spark

NOW = datetime.now(UTC)
PRICES = TokenPrices(0.5, 1.5, price_a_month=20)


@pytest.fixture
def views(spark: SparkSession) -> Iterator[None]:
    yield
    for shown in (*TABLES, ANSWERS):
        spark.catalog.dropTempView(shown.name)


@pytest.fixture(scope="module")
def month(spark: SparkSession, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("month")
    write_tables(spark, folder, NOW)
    return folder


def _section(html: str, dashboard: DashboardDefinition, number: int) -> str:
    pages = [*dashboard.pages[number : number + 2]]
    text = html[html.index(f'id="{anchor(pages[0])}"') :]
    return text[: text.index(f'id="{anchor(pages[1])}"')] if len(pages) > 1 else text


@pytest.mark.usefixtures("views")
def test_every_page_is_drawn_over_real_rows_with_its_titles_and_numbers(spark: SparkSession, month: Path) -> None:
    assert tables_in(month) == [table.name for table in TABLES]
    show_tables(spark, month)
    dashboard = read(current(PRICES))
    html = dashboard_html(dashboard, Lake(spark).ask, "")
    assert "This can’t be shown" not in html
    for number, page in enumerate(dashboard.pages):
        shown = _section(html, dashboard, number)
        for item in page.layout:
            assert f'data-widget="{item.widget.name}"' in shown
            if item.widget.spec is not None:
                assert escape(item.widget.spec.frame.title) in shown
        counters = sum(isinstance(item.widget.spec, CounterWidget) for item in page.layout)
        values = re.findall(r'<p class="value">([^<]+)</p>', shown)
        assert len(values) == counters
    messages = sum(row["origin"] is None for row in ROWS[SILVER.name](NOW))
    assert f'<p class="value">{messages:,}</p>' in _section(html, dashboard, 0)
    assert 20 < html.count(", Messages: ") <= 30
    assert "no response within 30 s" in html


@pytest.mark.usefixtures("views")
def test_a_broken_dataset_is_said_in_its_widgets_places_and_the_others_are_drawn(
    spark: SparkSession, month: Path
) -> None:
    show_tables(spark, month)
    raw = json.loads(current(PRICES))
    [broken] = [dataset for dataset in raw["datasets"] if dataset["name"] == "totals"]
    broken["queryLines"] = ["SELECT no_such_column FROM silver"]
    html = dashboard_html(read(json.dumps(raw)), Lake(spark).ask, "")
    assert html.count("This can’t be shown: [UNRESOLVED_COLUMN") == 6
    assert ", Messages: " in html


@pytest.mark.usefixtures("views")
def test_a_table_that_the_storage_lacks_is_empty(spark: SparkSession, tmp_path: Path) -> None:
    DeltaTable(SILVER, str(tmp_path / SILVER.name), spark).ensure()
    assert tables_in(tmp_path) == [SILVER.name]
    show_tables(spark, tmp_path)
    assert [spark.table(table.name).count() for table in TABLES] == [0] * len(TABLES)
    assert "This can’t be shown" not in dashboard_html(read(current(PRICES)), Lake(spark).ask, "")


def test_aggregates_are_grouped_by_the_other_fields(spark: SparkSession) -> None:
    fields = [{"name": "kind", "expression": "`kind`"}, {"name": "sum", "expression": "SUM(`n`)"}]
    query = WidgetQuery.model_validate({"datasetName": "d", "fields": fields})
    rows = Lake(spark).ask("SELECT * FROM VALUES ('a', 1), ('b', 2), ('a', 3) AS t (kind, n)", query)
    assert not isinstance(rows, QueryFailure)
    assert sorted(rows, key=str) == [{"kind": "a", "sum": 4}, {"kind": "b", "sum": 2}]


def test_the_order_of_a_dataset_is_kept(spark: SparkSession) -> None:
    query = WidgetQuery.model_validate(
        {"datasetName": "d", "fields": [{"name": "n", "expression": "`n`"}], "disaggregated": True}
    )
    rows = Lake(spark).ask("SELECT * FROM VALUES (2), (3), (1) AS t (n) ORDER BY n DESC", query)
    assert rows == [{"n": 3}, {"n": 2}, {"n": 1}]

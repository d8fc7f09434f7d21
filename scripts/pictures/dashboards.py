"""The pages of the AI/BI dashboard over made-up rows, as pictures: `dashboard-<page>.png`."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path
from tempfile import TemporaryDirectory

from infra.reports.queries import TokenPrices
from scripts.dashboard.definition import current, read
from scripts.dashboard.grid import WIDTH
from scripts.dashboard.lake import Lake, show_tables, spark_session
from scripts.dashboard.page import anchor, dashboard_html
from scripts.pictures.browser import chromium, page_of, save
from scripts.pictures.synthetic import write_tables

PRICES = TokenPrices(input_price=0.5, output_price=1.5)
_MARGIN = 24
_NOTE = "Synthetic data, drawn from the definition and the SQL that are deployed"


def take(images: Path) -> None:
    """Take a picture of each page. Raises NoBrowser, and what `local_spark.session` raises."""
    definition = read(current(PRICES))
    with chromium() as browser, TemporaryDirectory(prefix="pictures-") as folder:
        storage, file = Path(folder, "tables"), Path(folder, "dashboard.html")
        with spark_session() as spark:
            write_tables(spark, storage, _last_night())
            show_tables(spark, storage)
            file.write_text(dashboard_html(definition, Lake(spark).ask, _NOTE), encoding="utf-8")
        with page_of(browser, WIDTH + 2 * _MARGIN, 900) as page:
            page.goto(file.as_uri())
            for shown in definition.pages:
                save(browser, page.locator(f"#{anchor(shown)}"), images / picture_name(shown.name))


def _last_night() -> datetime:
    """The end of yesterday: a day that has only begun would look like one on which hardly anybody wrote."""
    return datetime.now(UTC).replace(hour=0, minute=0, second=0, microsecond=0) - timedelta(microseconds=1)


def picture_name(page: str) -> str:
    """The file of a page's picture."""
    return f"dashboard-{page}.png"

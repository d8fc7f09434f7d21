"""Show the dashboard that a deployment gets over the tables of a local run: `python -m scripts.dashboard`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from infra.reports.queries import TokenPrices
from pipeline.command import run_command
from pipeline.errors import OperatorError
from pipeline.terminal import say
from scripts.dashboard.definition import current, read
from scripts.dashboard.lake import Lake, show_tables, spark_session, tables_in
from scripts.dashboard.page import dashboard_html

app = typer.Typer(add_completion=False, pretty_exceptions_enable=False)


@app.command()
def dashboard(
    storage: Annotated[Path, typer.Option(help="The storage of a run: the folder with its tables.")],
    out: Annotated[Path, typer.Option(help="The HTML file to write.")],
    input_price: Annotated[float, typer.Option(help="USD for a million tokens of prompts; 0: unknown.", min=0)] = 0.0,
    output_price: Annotated[float, typer.Option(help="USD for a million tokens of answers; 0: unknown.", min=0)] = 0.0,
) -> None:
    """Write the pages of the AI/BI dashboard as one HTML file, with the rows of a run on this machine.

    Exit code 0: written; 1: failed; 2: you must fix something first.
    """
    definition = read(current(TokenPrices(input_price, output_price)))
    found = tables_in(storage)
    if not out.parent.is_dir():
        raise OperatorError(
            f"--out {out} is in a folder that does not exist: create {out.parent}, or give another file"
        )
    with spark_session() as spark:
        show_tables(spark, storage)
        html = dashboard_html(definition, Lake(spark).ask, f"Rows of {', '.join(found)} in {storage}")
    out.write_text(html, encoding="utf-8")
    say(f"{out}: {', '.join(page.title for page in definition.pages)}")


if __name__ == "__main__":
    run_command("dashboard", app)

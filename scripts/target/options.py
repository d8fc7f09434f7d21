"""The options that choose the pipeline, the same for every command."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

Stack = Annotated[str, typer.Option("--stack", help="The environment, as dev or prod.")]
OutputsFile = Annotated[
    Path | None,
    typer.Option("--outputs", help="The output of `pulumi stack output --json`.", show_default="the engine is asked"),
]
Local = Annotated[bool, typer.Option("--local", help="A local run, by the settings of `pipeline run`.")]

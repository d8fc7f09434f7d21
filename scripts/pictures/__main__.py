"""Take the pictures of the documentation again: `make pictures`, or some of them with `python -m scripts.pictures`."""

from __future__ import annotations

from typing import Annotated

import typer

from pipeline.command import run_command
from pipeline.errors import OperatorError
from pipeline.terminal import say
from scripts.pictures.browser import NoBrowser
from scripts.pictures.gallery import GALLERY, IMAGES

app = typer.Typer(add_completion=False, pretty_exceptions_enable=False)


@app.command()
def pictures(
    names: Annotated[
        list[str] | None, typer.Argument(help=f"Some of {', '.join(GALLERY)}.", show_default="all")
    ] = None,
) -> None:
    """Take the pictures. One that needs a browser is left as it is where there is none.

    Exit code 0: taken or left; 1: failed; 2: you must fix something first.
    """
    unknown = [name for name in names or () if name not in GALLERY]
    if unknown:
        raise OperatorError(f"there is no picture {unknown[0]!r}: name some of {', '.join(GALLERY)}")
    for name in names or GALLERY:
        try:
            GALLERY[name](IMAGES)
        except NoBrowser as missing:
            say(f"{name}: left as it is, {missing}", error=True)
        else:
            say(f"{name}: taken")


if __name__ == "__main__":
    run_command("pictures", app)

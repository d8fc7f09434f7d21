"""The files of a folder that others still change."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator
from pathlib import Path


def contents(folder: Path) -> Iterator[tuple[Path, bytes]]:
    """Every file in a folder with its content, but for those that are removed meanwhile.

    A JVM removes its temporary files for a second after its run has ended.
    """
    for parent, _, names in os.walk(folder):
        for name in names:
            path = Path(parent) / name
            with contextlib.suppress(FileNotFoundError):
                yield path, path.read_bytes()

"""The wheel that the job runs: built from this repository, and named by its content."""

from __future__ import annotations

import base64
import contextlib
import hashlib
import os
import tempfile
from dataclasses import dataclass
from pathlib import Path

from pipeline.errors import OperatorError

ROOT = Path(__file__).resolve().parents[1]

_HASH_DIGITS = 12
_SOURCE_DATE = "SOURCE_DATE_EPOCH"
"""Some build systems set this date of the files. It is removed, or each machine's wheel would have other bytes."""


class BuildError(OperatorError):
    """The wheel can't be built."""


@dataclass(frozen=True)
class Wheel:
    """A wheel. On every machine, the same sources give the same bytes and so the same name."""

    content: bytes
    built_name: str

    @property
    def name(self) -> str:
        """The file's name, with a build tag made from its content: a cluster does not load a name again that it knows.

        A build tag must begin with a digit (PEP 427): hence the leading zero.
        """
        distribution, version, *tags = self.built_name.split("-")
        digest = hashlib.sha256(self.content).hexdigest()[:_HASH_DIGITS]
        return "-".join([distribution, version, f"0{digest}", *tags])

    @property
    def base64(self) -> str:
        return base64.b64encode(self.content).decode()


def build_wheel(root: Path = ROOT) -> Wheel:
    """Build the wheel of the sources in `root`. Raises BuildError."""
    from hatchling.build import build_wheel as build

    date = os.environ.pop(_SOURCE_DATE, None)
    with tempfile.TemporaryDirectory(prefix="wheel-") as folder:
        try:
            with contextlib.chdir(root):  # a build backend builds the current folder (PEP 517)
                name = build(folder)
        except Exception as error:
            raise BuildError(f"the wheel of {root.name} can't be built ({type(error).__name__}: {error})") from error
        finally:
            if date is not None:
                os.environ[_SOURCE_DATE] = date
        return Wheel((Path(folder) / name).read_bytes(), name)

"""What ends a demo that can't run."""

from __future__ import annotations

from pipeline.errors import OperatorError


class DemoError(OperatorError):
    """The demo can't run with these options, or its run failed."""

"""What only the operator can mend."""

from __future__ import annotations


class OperatorError(Exception):
    """A run can't go on until somebody changes something. The text is one line, the fault and its mend; no secret."""

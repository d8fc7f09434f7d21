"""The errors that end a run."""

from __future__ import annotations


class OperatorError(Exception):
    """A run can't continue until somebody changes something.

    The text is one line: what is wrong and how to fix it. It holds no secret.
    """


class SettingsError(OperatorError):
    """A setting can't be used. The text names its key, its value (never a secret) and how to fix it."""


class RunFailed(Exception):
    """A run can't continue, but nothing has to be changed: another run may succeed. One line of text, no secret."""

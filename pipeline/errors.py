"""How a run ends that does not end well."""

from __future__ import annotations


class OperatorError(Exception):
    """A run can't go on until somebody changes something. The text is one line, the fault and its fix; no secret."""


class SettingsError(OperatorError):
    """A setting can't be used. The text names its key, its value (never a secret) and how to fix it."""


class RunFailed(Exception):
    """A run can't go on, though nothing is set wrongly: another run may. The text is one line; no secret."""

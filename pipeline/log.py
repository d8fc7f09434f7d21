"""Logs: one event per line on standard error, readable on a terminal, JSON elsewhere. Secrets are removed."""

from __future__ import annotations

import logging
import sys
from collections.abc import Mapping
from typing import Any

import structlog
from structlog.typing import EventDict, WrappedLogger

from pipeline.messages.text import printable
from pipeline.platform.databricks import on_databricks
from pipeline.redaction import scrub


def _scrubbed(value: Any) -> Any:
    """A value of a log event without secrets; an object that JSON has no type for becomes its `repr`."""
    if value is None or isinstance(value, (bool, int, float)):
        return value
    if isinstance(value, str):
        return scrub(value)
    if isinstance(value, Mapping):
        return {scrub(str(key)): _scrubbed(item) for key, item in value.items()}
    if isinstance(value, (list, tuple, set, frozenset)):
        return [_scrubbed(item) for item in value]
    return scrub(repr(value))


def _scrub_event(_logger: WrappedLogger, _method: str, event: EventDict) -> EventDict:
    return {key: _scrubbed(value) for key, value in event.items()}


def _printable_event(_logger: WrappedLogger, _method: str, event: EventDict) -> EventDict:
    # Only texts: the renderer shows everything else by its `repr`.
    return {printable(key): printable(value) if isinstance(value, str) else value for key, value in event.items()}


def configure_logs(level: str = "info") -> None:
    """Set up logging for the whole process. `level` is debug, info, warning or error. Never called on import."""
    on_terminal = sys.stderr.isatty() and not on_databricks()
    rendering: tuple[Any, ...] = (structlog.processors.JSONRenderer(),)
    if on_terminal:
        rendering = (_printable_event, structlog.dev.ConsoleRenderer())
    structlog.configure(
        processors=[
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="%H:%M:%S" if on_terminal else "iso", utc=not on_terminal),
            _scrub_event,
            *rendering,
        ],
        wrapper_class=structlog.make_filtering_bound_logger(logging.getLevelNamesMapping()[level.upper()]),
        logger_factory=structlog.PrintLoggerFactory(sys.stderr),
        cache_logger_on_first_use=False,
    )
    # Their messages contain request addresses, and an address of the Bot API contains the token; the SDK's messages
    # are plain text, not JSON.
    for name in ("urllib3", "requests", "httpx", "httpcore", "openai", "py4j", "databricks"):
        logging.getLogger(name).setLevel(logging.CRITICAL)

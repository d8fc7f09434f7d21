"""Logs: one event a line on standard error, for a person at a terminal and as JSON elsewhere. No secret gets in."""

from __future__ import annotations

import logging
import sys
from collections.abc import Mapping
from typing import Any

import structlog
from structlog.typing import EventDict, WrappedLogger

from pipeline.platform.databricks import on_databricks
from pipeline.redaction import scrub


def _scrubbed(value: Any) -> Any:
    """A value of a log event without secrets; what is no plain value is told in its own words."""
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


def configure_logs(level: str = "info") -> None:
    """Set logging up for a process of ours. Never called on import."""
    person = sys.stderr.isatty() and not on_databricks()
    structlog.configure(
        processors=[
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="%H:%M:%S" if person else "iso", utc=not person),
            _scrub_event,
            structlog.dev.ConsoleRenderer() if person else structlog.processors.JSONRenderer(),
        ],
        wrapper_class=structlog.make_filtering_bound_logger(logging.getLevelNamesMapping()[level.upper()]),
        logger_factory=structlog.PrintLoggerFactory(sys.stderr),
        cache_logger_on_first_use=False,
    )
    # Their messages carry request addresses, and the Bot API's carry the token; the SDK's are plain text.
    for name in ("urllib3", "requests", "httpx", "httpcore", "openai", "py4j", "databricks"):
        logging.getLogger(name).setLevel(logging.CRITICAL)

"""Logs: one event a line on standard error, for a person at a terminal and as JSON elsewhere. No secret gets in."""

from __future__ import annotations

import logging
import re
import sys

import structlog
from structlog.typing import EventDict, WrappedLogger

_TOKEN = re.compile(r"\b\d{1,20}:[A-Za-z0-9_-]{20,}")
_BEARER = re.compile(r"(?i)\b(bearer\s+|sk-|dapi|dose)[A-Za-z0-9._~+/-]{8,}=*")


def scrub(text: str) -> str:
    """A text without anything that has the form of a bot token or a bearer: the last line of defence, not the first."""
    return _BEARER.sub("<secret>", _TOKEN.sub("<secret>", text))


def _scrub_event(_logger: WrappedLogger, _method: str, event: EventDict) -> EventDict:
    return {key: scrub(value) if isinstance(value, str) else value for key, value in event.items()}


def configure_logs(level: str = "info") -> None:
    """Set logging up for a process of ours. Never called on import."""
    person = sys.stderr.isatty()
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
    # Their messages carry request addresses, and the Bot API's carry the token.
    for name in ("urllib3", "requests", "httpx", "httpcore", "openai", "py4j"):
        logging.getLogger(name).setLevel(logging.CRITICAL)

"""Addresses of servers, as people write them: what is wrong with one, and what was probably meant."""

from __future__ import annotations

import re
from urllib.parse import urlsplit

from pipeline.redaction import scrub

_BEGIN = re.compile(r"^([A-Za-z][A-Za-z0-9+.-]*)://")
_AFTER_SCHEME = re.compile(r"^(?:https?:)?/*", re.IGNORECASE)
_NEAR = re.compile(r"^(localhost|127\.|10\.|192\.168\.|172\.(1[6-9]|2\d|3[01])\.|\[|[^/.]+:\d+)", re.IGNORECASE)
"""Hosts that are asked without encryption: this machine, a private network, a name without a dot."""


def check_address(text: str, *, leave_out: str = "") -> None:
    """Raises ValueError, with the fix as its text, unless this is the address of a server, to which paths are added.

    `leave_out` is a pattern of what people copy with it, at its end. Whether the port is a number is not checked.
    """
    if not text:
        raise ValueError("it is empty: give it as https://host")
    if any(char.isspace() or not char.isprintable() for char in text):
        raise ValueError("an address has no blanks in it: remove them")
    begin = _BEGIN.match(text)
    if begin is None:
        rest = _AFTER_SCHEME.sub("", text)
        meant = f"{'http' if _NEAR.match(rest) else 'https'}://{rest}"
        raise ValueError(f"http:// or https:// is missing: give {shown_address(meant)}")
    if begin[1].lower() not in ("http", "https"):
        raise ValueError("it should begin with http:// or https://")
    if "?" in text or "#" in text:
        raise ValueError("paths are added to it: leave out what begins with ? or #")
    if not _host(text):
        raise ValueError("it names no host: give it as https://host")
    if leave_out and (found := re.search(f"({leave_out})/*$", text)):
        raise ValueError(f"leave out {scrub(found[1])}: it is added to the address")


def shown_address(text: str) -> str:
    """An address without what may be secret in it: its query, and the user and password before its host."""
    begin = _BEGIN.match(text)
    scheme, rest = (begin[0], text[begin.end() :]) if begin else ("", text)
    return scheme + re.sub(r"[?#].*", "?…", re.sub(r"^\S*@", "…@", rest), flags=re.DOTALL)


def _host(text: str) -> str:
    try:
        return urlsplit(text).hostname or ""
    except ValueError:
        return ""

"""What may be given as a folder or as a table: paths of the file system, and not everything that looks like one."""

from __future__ import annotations

import re
from pathlib import Path

from pipeline.tables import is_table_name

_SCHEME = re.compile(r"^([A-Za-z][A-Za-z0-9+.-]+):/+")
"""`s3://bucket`, and `s3:/bucket`, which Python makes of it. A single letter would be a drive."""

_FOLDER = "give a folder or a volume path, as /srv/bot or /Volumes/catalog/schema/volume"
_TABLE = "a local run keeps its tables in folders: give a path, as /srv/bot/bronze"


def check_folder(text: str, fix: str = _FOLDER) -> None:
    """Raises ValueError, with the fix as its text, unless a folder of this name would be the one that is meant."""
    if not text.strip():
        raise ValueError(f"it is empty: {fix}")
    if text != text.strip() or not text.isprintable():
        raise ValueError("it has blanks at an end, or control characters: remove them")
    if text[0] in "~$":
        raise ValueError(f"only a shell knows what {text.partition('/')[0]} is: {_in_full(text)}")
    if scheme := _SCHEME.match(text):
        rest = f"/{text[scheme.end() :]}"
        if scheme[1] == "file" or (scheme[1] == "dbfs" and rest.startswith("/Volumes/")):
            raise ValueError(f"leave out {scheme[1]}: and give {rest}")
        raise ValueError(f"{scheme[0]} is no folder: {fix}")


def check_table(text: str, *, on_cluster: bool) -> None:
    """The same for a table, which may also be a name. Only a cluster reaches stores beyond its own file system."""
    if is_table_name(text):
        return
    if "/" not in text or "`" in text:
        raise ValueError("a table is a path with a slash in it, or catalog.schema.table")
    if not (on_cluster and _SCHEME.match(text)):
        check_folder(text, _TABLE)


def _in_full(text: str) -> str:
    try:
        return f"give {Path(text).expanduser()}" if text[0] == "~" else "write the path in full"
    except RuntimeError:  # a user whom this machine does not know
        return "write the path in full"

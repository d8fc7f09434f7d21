"""The state of a deployment's secrets, as a table for people and as JSON for machines. No value is read for it."""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from rich.table import Table

from pipeline.terminal import terminal
from rotation.ledger import Noted, Standing
from rotation.lock import Holder

_ID = 8


def show(environment: str, standings: Mapping[str, Standing], holder: Holder | None) -> None:
    """Print a table."""
    table = Table("secret", "version", "age", "proved", "previous", "state", title=f"secrets of {environment}")
    for secret, standing in standings.items():
        current, previous = standing.current, standing.previous
        table.add_row(
            secret,
            _id(current),
            _ago(current.created_at) if current else "",
            f"{_ago(current.proved_at)} ago" if current and current.proved_at else "never",
            _id(previous),
            _state(standing),
        )
    console = terminal()
    console.print(table)
    if holder is not None:
        console.print(
            f"locked by {holder.owner}, process {holder.pid}, for {holder.secret}, "
            f"until {holder.expires_at:%Y-%m-%d %H:%M:%S} UTC",
            markup=False,
        )


def as_json(environment: str, standings: Mapping[str, Standing], holder: Holder | None) -> str:
    secrets = {
        secret: {
            "current": _facts(standing.current),
            "pending": _facts(standing.pending),
            "previous": _facts(standing.previous),
            "unfinished": standing.unfinished,
        }
        for secret, standing in standings.items()
    }
    lock = (
        holder.model_dump(mode="json", include={"owner", "pid", "secret", "taken_at", "expires_at"}) if holder else None
    )
    return json.dumps({"environment": environment, "secrets": secrets, "lock": lock}, indent=2)


def _facts(noted: Noted | None) -> dict[str, Any] | None:
    if noted is None:
        return None
    age = (datetime.now(UTC) - noted.created_at).total_seconds()
    return {
        "version": noted.id,
        "created_at": noted.created_at.isoformat(),
        "age_seconds": round(age),
        "proved_at": noted.proved_at.isoformat() if noted.proved_at else None,
    }


def _state(standing: Standing) -> str:
    if standing.pending is not None:
        return f"unfinished: version {_id(standing.pending)} is pending, {_ago(standing.pending.created_at)}"
    if standing.current is None:
        return "the job reads a value that is not in AWS" if standing.lags else "does not exist yet"
    return "unfinished: the job does not read this version yet" if standing.lags else "in use"


def _id(noted: Noted | None) -> str:
    return noted.id[:_ID] if noted else "none"


def _ago(at: datetime) -> str:
    seconds = max(0.0, (datetime.now(UTC) - at).total_seconds())
    for size, unit in ((86400, "d"), (3600, "h"), (60, "min")):
        if seconds >= size:
            return f"{int(seconds // size)} {unit}"
    return f"{int(seconds)} s"

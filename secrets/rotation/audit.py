"""The audit log of rotations: who did which step on which secret, when, and with what result. Never a value.

Before and after each step a JSON line is appended to a file on this machine. When a call ends, its lines are also
written to the deployment's state volume, where the team finds them. Each call has a file of its own there, since such a
file can't be appended to.
"""

from __future__ import annotations

import json
import os
import uuid
from datetime import UTC, datetime
from io import BytesIO
from pathlib import Path

from databricks.sdk import WorkspaceClient

from pipeline.errors import OperatorError
from pipeline.redaction import scrub


def default_file() -> Path:
    """The file of the log if no other is given."""
    state = os.environ.get("XDG_STATE_HOME") or "~/.local/state"
    return Path(state).expanduser() / "telegram-lakehouse" / "rotation-audit.jsonl"


class Audit:
    """The log of one call."""

    def __init__(self, file: Path, by: str, environment: str, secret: str) -> None:
        """Open the log. Raises OperatorError if the file can't be appended to."""
        self.file = file
        self.id = str(uuid.uuid4())
        self._facts = {"call": self.id, "by": by, "environment": environment, "secret": secret}
        self._lines: list[bytes] = []
        self._began = datetime.now(UTC)
        try:
            file.parent.mkdir(parents=True, exist_ok=True)
            # Kept open until the call ends: a step then can't fail because the folder was removed meanwhile.
            self._log = os.open(file, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
        except OSError as error:
            raise OperatorError(
                f"--audit {file} can't be written ({error.strerror}): give a file that can be appended to"
            ) from None

    def write(self, step: str, outcome: str, detail: str = "") -> None:
        """Append one line. It is on disk when this returns."""
        now = datetime.now(UTC).isoformat(timespec="milliseconds")
        entry = {"at": now, **self._facts, "step": step, "outcome": outcome, "detail": scrub(detail)}
        line = json.dumps({key: value for key, value in entry.items() if value}).encode() + b"\n"
        os.write(self._log, line)
        os.fsync(self._log)
        self._lines.append(line)

    def close(self) -> None:
        os.close(self._log)

    def share(self, workspace: WorkspaceClient, storage: str) -> str | None:
        """Write this call's lines to the state volume. Returns the file's path, or None if that fails."""
        folder = f"{storage.rstrip('/')}/audit"
        path = f"{folder}/{self._began:%Y%m%dT%H%M%SZ}-{self.id[:8]}.jsonl"
        try:
            workspace.files.create_directory(folder)
            workspace.files.upload(path, BytesIO(b"".join(self._lines)), overwrite=True)
        except Exception:  # whatever the reason: the rotation is over, and its lines are in the local file
            return None
        return path

"""The audit log of rotations: who did which step on which secret, when, and what came of it. Never a value.

Each step is a JSON line, appended to a file of this machine before and after the step. When a call ends, its lines are
also put into the deployment's state volume, where the team finds them: one file to a call, since such a file can't be
appended to.
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
    """Where the log is kept unless told otherwise."""
    state = os.environ.get("XDG_STATE_HOME") or "~/.local/state"
    return Path(state).expanduser() / "telegram-lakehouse" / "rotation-audit.jsonl"


class Audit:
    """The log of one call."""

    def __init__(self, file: Path, by: str, environment: str, secret: str) -> None:
        """Raises OperatorError where the file can't be appended to."""
        self.file = file
        self.id = str(uuid.uuid4())
        self._facts = {"call": self.id, "by": by, "environment": environment, "secret": secret}
        self._lines: list[bytes] = []
        self._began = datetime.now(UTC)
        try:
            file.parent.mkdir(parents=True, exist_ok=True)
            # Opened anew for each line would do; kept open, a step can't fail for a folder that was taken away.
            self._log = os.open(file, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
        except OSError as error:
            raise OperatorError(
                f"--audit {file} can't be written ({error.strerror}): give a file that can be appended to"
            ) from None

    def write(self, step: str, outcome: str, detail: str = "") -> None:
        """Append one line, durably."""
        now = datetime.now(UTC).isoformat(timespec="milliseconds")
        entry = {"at": now, **self._facts, "step": step, "outcome": outcome, "detail": scrub(detail)}
        line = json.dumps({key: value for key, value in entry.items() if value}).encode() + b"\n"
        os.write(self._log, line)
        os.fsync(self._log)
        self._lines.append(line)

    def close(self) -> None:
        os.close(self._log)

    def share(self, workspace: WorkspaceClient, storage: str) -> str | None:
        """Put this call's lines into the state volume; the file's path, or None where that can't be done."""
        folder = f"{storage.rstrip('/')}/audit"
        path = f"{folder}/{self._began:%Y%m%dT%H%M%SZ}-{self.id[:8]}.jsonl"
        try:
            workspace.files.create_directory(folder)
            workspace.files.upload(path, BytesIO(b"".join(self._lines)), overwrite=True)
        except Exception:  # whatever the reason: the rotation is done, and its lines are in the local file
            return None
        return path

"""Questions to the engine's command line."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

from pipeline.redaction import scrub

PROJECT = Path(__file__).resolve().parents[1]


def ask(*arguments: str, within: float, folder: Path = PROJECT) -> tuple[str, str]:
    """The engine's answer to a question, and, if it refuses, the reason in one line without secrets.

    Raises FileNotFoundError without an engine on the PATH, and TimeoutExpired after `within` seconds.
    """
    done = subprocess.run(
        ["pulumi", *arguments, "--non-interactive"],
        cwd=folder,
        env={**os.environ, "PULUMI_SKIP_UPDATE_CHECK": "true"},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=within,
        check=False,
    )
    if done.returncode == 0:
        return done.stdout, ""
    lines = [line.strip() for line in done.stderr.splitlines() if line.strip()]
    # Warnings may come before it.
    reason = next((line for line in lines if line.startswith("error:")), lines[0] if lines else "")
    return done.stdout, scrub(reason.removeprefix("error:").strip()) or f"exit code {done.returncode}"

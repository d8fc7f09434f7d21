"""The demo, as README shows it: the whole product on one machine, with the embedded model."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
from deltalake import DeltaTable

pytestmark = pytest.mark.e2e

_MESSAGES = [
    "What is a lakehouse?",
    "¿Cuál es la capital de Francia?",
    "日本の首都はどこですか？",
    "🎉🎉🎉",
    "",
    "/start",
    "Please read this: " + "the quick brown fox jumps over the lazy dog. " * 132 + "The end.",
]


def test_each_line_of_a_file_is_answered_and_nothing_is_left_running(tmp_path: Path) -> None:
    file, storage = tmp_path / "messages.txt", tmp_path / "lake"
    file.write_text("".join(f"{message}\n" for message in _MESSAGES), encoding="utf-8")
    environment = {k: v for k, v in os.environ.items() if not k.startswith(("PIPELINE_", "OPENAI_", "TELEGRAM_"))}
    done = subprocess.run(
        [sys.executable, "-m", "pipeline", "demo", "--messages", str(file), "--storage", str(storage)],
        env=environment | {"COLUMNS": "160"},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=280,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert "not answered" not in done.stdout
    # /start, and the photo that the empty line stands for.
    assert done.stdout.count("fixed, sent") == 2
    bronze = DeltaTable(str(storage / "bronze")).to_pyarrow_table().to_pylist()
    assert [row["text"] for row in sorted(bronze, key=lambda row: row["seq"])] == _MESSAGES
    silver = DeltaTable(str(storage / "silver")).to_pyarrow_table().to_pylist()
    assert sorted(row["user_message"] for row in silver) == sorted(_MESSAGES)
    assert {row["delivery_status"] for row in silver} == {"sent"}
    assert sum(row["model_name"] == "smollm2-135m-instruct" for row in silver) >= 4
    assert not any(str(storage) in _command_line(process) for process in Path("/proc").glob("[0-9]*"))


def _command_line(process: Path) -> str:
    try:
        return process.joinpath("cmdline").read_text()
    except OSError:  # it has ended meanwhile
        return ""


def test_a_file_that_is_not_there_is_one_line_and_exit_code_2(tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "pipeline", "demo", "--messages", str(tmp_path / "none.txt")],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 2
    assert done.stderr == (
        f"pipeline: --messages {tmp_path}/none.txt can't be read (No such file or directory): "
        "give a text file, one message a line\n"
    )

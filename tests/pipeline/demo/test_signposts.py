"""What the demo gives to copy works as it stands."""

from __future__ import annotations

import shlex
import subprocess
import sys
from pathlib import Path

import pytest

from pipeline.demo import signposts
from pipeline.tables import SILVER
from tests.support.delta_rows import append

OWN = {
    "TELEGRAM_BOT_TOKEN": "42:sandbox-token-not-a-secret",
    "TELEGRAM_API_URL": "http://127.0.0.1:1",
    "OPENAI_BASE_URL": "http://127.0.0.1:2/v1",
    "OPENAI_API_KEY": "none",
    "PIPELINE_MODEL": "small",
    "PIPELINE_CONCURRENCY": "1",
}


POLARS = """
import atexit, os, sys
from deltalake import DeltaTable

# On a busy machine pyarrow's threads may abort an interpreter that ends.
atexit.register(lambda: (sys.stdout.flush(), os._exit(0)))

class read_delta:
    def __init__(self, source):
        self.table = DeltaTable(source).to_pyarrow_table()
    def select(self, *columns):
        return self.table.select(list(columns)).to_pylist()
"""
"""As much of polars as the reader uses, over the library that polars itself reads Delta tables with."""


def test_the_reader_is_two_lines_that_read_the_answers(tmp_path: Path) -> None:
    folder = tmp_path / "it's here"
    append(
        SILVER,
        folder / "silver",
        {"user_message": "2+2?", "llm_response": "4", "delivery_status": "sent", "answer_status": "answered"},
    )
    (tmp_path / "polars.py").write_text(POLARS)
    lines = signposts.reader(folder)
    assert len(lines) == 2
    command = [sys.executable, "-c", "\n".join(lines)]
    done = subprocess.run(command, env={"PYTHONPATH": str(tmp_path)}, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout == "[{'user_message': '2+2?', 'llm_response': '4', 'delivery_status': 'sent'}]\n"


def test_the_exports_are_what_commands_beside_the_demo_need(tmp_path: Path) -> None:
    folder = tmp_path / "two words"
    lines = [shlex.split(line) for line in signposts.exports(folder, OWN)]
    assert all(word == "export" and len(rest) == 1 for word, *rest in lines)
    given = dict(assignment.split("=", 1) for _, assignment in lines)
    assert given == {name: OWN[name] for name in signposts.SHARED} | {"PIPELINE_STORAGE": str(folder)}


def test_what_comes_from_the_environment_is_not_printed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TELEGRAM_BOT_TOKEN", "42:" + "s" * 35)
    monkeypatch.setenv("OPENAI_API_KEY", "key-of-somebody")
    own = {"OPENAI_BASE_URL": "http://127.0.0.1:2/v1", "PIPELINE_MODEL": "small"}
    shown = "\n".join([*signposts.places(tmp_path), *signposts.beside(tmp_path, own)])
    assert "sss" not in shown
    assert "key-of-somebody" not in shown
    assert "export PIPELINE_MODEL=small" in shown


def test_a_program_of_this_environment_is_named_from_where_one_is(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "executable", str(tmp_path / ".venv" / "bin" / "python"))
    monkeypatch.chdir(tmp_path)
    assert signposts.program("pipeline") == ".venv/bin/pipeline"
    monkeypatch.chdir("/")
    monkeypatch.setattr(sys, "executable", str(tmp_path / "a b" / "python"))
    assert signposts.program("pipeline") in (f"'{tmp_path}/a b/pipeline'", f"'{str(tmp_path)[1:]}/a b/pipeline'")


def test_how_to_begin_afresh_depends_on_whose_folder_it_is(tmp_path: Path) -> None:
    assert signposts.afresh(tmp_path, is_default=True).endswith("make demo FRESH=1")
    assert signposts.afresh(tmp_path, is_default=False).endswith(f"rm -r {tmp_path}")

"""The warnings of a run's log, without its other lines and without secrets."""

from __future__ import annotations

import json
from pathlib import Path

from pipeline.watch.sources.log import LogLine, LogTail, log_line

_WARNING = {"event": "the model fails", "level": "warning", "timestamp": "2026-01-02T12:00:00Z", "reason": "503"}


def test_only_warnings_and_errors_are_kept() -> None:
    assert log_line(json.dumps(_WARNING)) == LogLine("2026-01-02T12:00:00Z", "warning", "the model fails, reason: 503")
    assert log_line(json.dumps(_WARNING | {"level": "info"})) is None
    assert log_line("26/01/02 WARN NativeCodeLoader: of Spark's own") is None
    assert log_line("[" * 5000) is None


def test_the_line_that_a_run_ends_with_is_an_error() -> None:
    assert log_line("pipeline: no space left: free some") == LogLine(None, "error", "no space left: free some")


def test_no_secret_and_nothing_that_steers_is_passed_on() -> None:
    line = log_line(json.dumps(_WARNING | {"reason": f"42:{'A' * 35} \x1b[2J\u202e"}))
    assert line is not None
    assert "AAAA" not in line.text
    assert line.text.isprintable()


def test_lines_come_once_and_whole(tmp_path: Path) -> None:
    file = tmp_path / "pipeline.log"
    tail = LogTail(file)
    assert tail.look() == []
    content = json.dumps(_WARNING) + "\n"
    file.write_text(content + content[:20])
    assert len(tail.look()) == 1
    with file.open("a") as log:
        log.write(content[20:])
    assert len(tail.look()) == 1
    assert tail.look() == []


def test_a_log_that_begins_anew_is_read_from_its_beginning(tmp_path: Path) -> None:
    file = tmp_path / "pipeline.log"
    file.write_text((json.dumps(_WARNING) + "\n") * 3)
    tail = LogTail(file)
    assert len(tail.look()) == 3
    file.write_text(json.dumps(_WARNING) + "\n")
    assert len(tail.look()) == 1

"""`pipeline status --watch`: in place on a terminal, one view after another in a pipe."""

from __future__ import annotations

import json
import os
import pty
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from pipeline.errors import OperatorError
from pipeline.settings import RunSettings
from pipeline.storage.places import Storage
from pipeline.view import watched_status
from pipeline.view.watched_status import watch_status

ROOT = Path(__file__).parents[3]


@pytest.fixture
def storage(tmp_path: Path) -> Storage:
    places = RunSettings(storage=tmp_path / "lake").places
    places.prepare()
    return places


class _Waits:
    """Ends the watch with Ctrl-C after some waits; does something at each."""

    def __init__(self, most: int, storage: Storage | None = None) -> None:
        self.left = most
        self._storage = storage

    def __call__(self, _: float) -> None:
        self.left -= 1
        if self.left == 0:
            raise KeyboardInterrupt
        if self._storage is not None:
            self._storage.root.rename(self._storage.root.with_name("away"))
            self._storage = None


def test_in_a_pipe_each_view_follows_the_one_before_with_its_time(
    storage: Storage, capsys: pytest.CaptureFixture[str]
) -> None:
    watch_status(storage, wait=_Waits(3))
    shown = capsys.readouterr().out
    assert shown.count("quarantine  0") == 3
    assert shown.count(" UTC\n") == 3


def test_as_json_each_look_is_one_line(storage: Storage, capsys: pytest.CaptureFixture[str]) -> None:
    watch_status(storage, as_json=True, wait=_Waits(2))
    lines = capsys.readouterr().out.splitlines()
    assert [json.loads(line)["storage"] for line in lines] == [str(storage.root)] * 2


def test_a_storage_that_is_not_there_at_first_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(OperatorError, match="does not exist"):
        watch_status(RunSettings(storage=tmp_path / "gone").places)


def test_one_that_goes_away_meanwhile_is_said_and_the_watch_goes_on(
    storage: Storage, capsys: pytest.CaptureFixture[str]
) -> None:
    watch_status(storage, wait=_Waits(3, storage))
    out, err = capsys.readouterr()
    assert out.count("quarantine") == 1
    assert err.count("not readable now: PIPELINE_STORAGE") == 2


def _command(storage: Storage) -> list[str]:
    return [sys.executable, "-m", "pipeline", "status", "--watch", "--storage", str(storage.root)]


def test_a_reader_that_leaves_ends_it_quietly(storage: Storage) -> None:
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    shown = subprocess.Popen(
        _command(storage), stdout=subprocess.PIPE, stderr=subprocess.PIPE, env=environment, text=True
    )
    assert shown.stdout is not None
    assert shown.stderr is not None
    assert shown.stdout.readline().endswith(" UTC\n")
    shown.stdout.close()
    assert shown.wait(30) == 0
    assert shown.stderr.read() == ""
    shown.stderr.close()


@pytest.fixture
def _interruptible() -> Iterator[None]:
    """A shell starts what runs in its background with Ctrl-C ignored, and a process passes that on."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


@pytest.mark.usefixtures("_interruptible")
def test_on_a_terminal_it_stays_in_its_place_until_ctrl_c(storage: Storage) -> None:
    ours, theirs = pty.openpty()
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "TERM": "xterm-256color", "COLUMNS": "100"}
    watched = subprocess.Popen(
        _command(storage), stdin=theirs, stdout=theirs, stderr=theirs, env=environment, start_new_session=True
    )
    os.close(theirs)
    shown, until = b"", time.monotonic() + 30
    while shown.count(b"quarantine") < 2 and time.monotonic() < until:
        shown += os.read(ours, 4096)
    watched.send_signal(signal.SIGINT)
    assert watched.wait(30) == 0
    os.close(ours)
    assert b"\x1b[1A" in shown, "the second view takes the place of the first"
    assert b"Traceback" not in shown


def test_two_looks_are_seconds_apart() -> None:
    assert 1 <= watched_status._EVERY <= 10

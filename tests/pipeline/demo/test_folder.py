"""The folder of a demo: used again, never by two at once."""

from __future__ import annotations

import fcntl
import stat
from pathlib import Path

import pytest

from pipeline.demo.failure import DemoError
from pipeline.demo.folder import demo_root, held_folder


def test_the_next_demo_has_the_same_folder(tmp_path: Path) -> None:
    for _ in range(2):
        with held_folder(tmp_path / "demo", 42) as folder:
            assert folder == tmp_path / "demo" / "bot-42"


def test_another_bot_has_a_folder_of_its_own(tmp_path: Path) -> None:
    with held_folder(tmp_path, 42) as ours, held_folder(tmp_path, 43) as theirs:
        assert (ours.name, theirs.name) == ("bot-42", "bot-43")


def test_two_demos_at_once_have_two_folders(tmp_path: Path) -> None:
    with held_folder(tmp_path, 42) as first, held_folder(tmp_path, 42) as second:
        assert (first.name, second.name) == ("bot-42", "bot-42-2")
    with held_folder(tmp_path, 42) as after:
        assert after == first


def test_a_folder_on_which_a_run_lives_on_is_left_to_it(tmp_path: Path) -> None:
    folder = tmp_path / "bot-42"
    folder.mkdir()
    with (folder / ".lease.lock").open("ab") as lease:
        fcntl.flock(lease, fcntl.LOCK_EX)
        with held_folder(tmp_path, 42, fresh=True) as other:
            assert other.name == "bot-42-2"
    assert folder.exists()


def test_there_is_an_end_to_the_folders(tmp_path: Path) -> None:
    for number in range(1, 10):
        folder = tmp_path / ("bot-42" if number == 1 else f"bot-42-{number}")
        folder.mkdir()
    files = [(folder / ".lease.lock").open("ab") for folder in tmp_path.glob("bot-*")]
    for file in files:
        fcntl.flock(file, fcntl.LOCK_EX)
    with pytest.raises(DemoError, match="9 demos run already: stop one"), held_folder(tmp_path, 42):
        pass
    for file in files:
        file.close()


def test_fresh_empties_the_folder_and_nothing_else(tmp_path: Path) -> None:
    for name in ("bot-42", "bot-43"):
        (tmp_path / name / "silver").mkdir(parents=True)
    with held_folder(tmp_path, 42, fresh=True) as folder:
        assert not folder.exists()
    assert (tmp_path / "bot-43" / "silver").exists()


def test_a_root_that_cannot_be_made_is_one_line(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with (
        pytest.raises(DemoError, match=r"^.*file/demo can't be used \(Not a directory\): give another"),
        held_folder(tmp_path / "file" / "demo", 42),
    ):
        pass


def test_an_error_within_the_block_is_not_taken_for_the_folders(tmp_path: Path) -> None:
    with pytest.raises(BrokenPipeError), held_folder(tmp_path, 42):
        raise BrokenPipeError


def test_the_root_is_among_what_programs_of_the_user_keep_and_closed_to_others(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    assert demo_root() == tmp_path / "state" / "telegram-lakehouse" / "demo"
    with held_folder(demo_root(), 42):
        assert stat.S_IMODE(demo_root().stat().st_mode) == 0o700
    monkeypatch.setenv("XDG_STATE_HOME", "here")
    monkeypatch.setenv("HOME", str(tmp_path))
    assert demo_root() == tmp_path / ".local" / "state" / "telegram-lakehouse" / "demo"

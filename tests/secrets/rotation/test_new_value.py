"""Where a new value comes from."""

from __future__ import annotations

import os
from collections.abc import Iterator
from typing import Any

import pytest
from pydantic import SecretStr
from rotation import new_value
from rotation.steps import Found, Version

from pipeline.errors import OperatorError

OLD, NEW = SecretStr("old"), SecretStr("new")
STAGED = Found(pending=Version(NEW), current=Version(OLD))
UNREAD = Found(current=Version(NEW), published=OLD, apart=True)


@pytest.fixture(name="pipe")
def _pipe() -> Iterator[int]:
    """Standard input as a pipe; its other end."""
    kept, (read, write) = os.dup(0), os.pipe()
    os.dup2(read, 0)
    os.close(read)
    yield write
    os.dup2(kept, 0)
    os.close(kept)


@pytest.fixture
def prompts(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The prompts shown at a terminal, each answered with white space around a value."""
    shown: list[str] = []

    def getpass(prompt: str) -> str:
        shown.append(prompt)
        return "  new \n"

    monkeypatch.setattr(new_value, "_at_a_terminal", lambda: True)
    monkeypatch.setattr("getpass.getpass", getpass)
    return shown


@pytest.mark.parametrize(("text", "value"), [(b"new\nmore\n", NEW), (b" new", NEW), (b"\nnew\n", None), (b"", None)])
def test_the_first_line_of_a_pipe_is_the_value(text: bytes, value: SecretStr | None, pipe: int) -> None:
    os.write(pipe, text)
    os.close(pipe)
    assert new_value.new_value("telegram-token", Found()) == value


def test_a_pipe_that_stays_silent_gives_no_value(pipe: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(new_value, "_PIPE_TIMEOUT", 0.05)
    os.write(pipe, b"new")
    assert new_value.piped_value() == NEW
    assert new_value.piped_value() is None
    os.close(pipe)


def test_bytes_that_are_not_text_are_refused_without_being_shown(pipe: int) -> None:
    os.write(pipe, b"\xff\xfenew\n")
    with pytest.raises(OperatorError, match=r"^standard input is not text: ") as refused:
        new_value.piped_value()
    assert "new\n" not in str(refused.value)
    os.close(pipe)


def test_at_a_terminal_the_value_is_asked_for_without_white_space(prompts: list[str]) -> None:
    assert new_value.new_value("telegram-token", Found()) == NEW
    assert prompts == ["new telegram-token (it is not shown): "]
    assert new_value.piped_value() is None


def test_a_pending_value_is_continued_without_a_question(prompts: list[str]) -> None:
    assert new_value.new_value("telegram-token", STAGED) is None
    assert prompts == []


def test_a_current_value_that_the_job_does_not_read_may_be_replaced(prompts: list[str]) -> None:
    assert new_value.new_value("telegram-token", UNREAD) == NEW
    assert prompts == ["new telegram-token (it is not shown; give none to continue the unfinished rotation): "]


def test_the_end_of_input_at_a_prompt_gives_no_value(prompts: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    def end(_: Any) -> str:
        raise EOFError

    monkeypatch.setattr("getpass.getpass", end)
    assert new_value.new_value("telegram-token", Found()) is None

"""How a command ends."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from pipeline.command import run_command
from pipeline.errors import OperatorError, RunFailed

TOKEN = "42:" + "s" * 35


def ended(error: Exception, explain: Callable[[Exception], str | None] = lambda error: None) -> int:
    def fail() -> None:
        raise error

    with pytest.raises(SystemExit) as exit_:
        run_command("smoke", fail, explain)
    assert exit_.value.__suppress_context__
    return int(exit_.value.code or 0)


def test_a_command_that_succeeds_just_returns() -> None:
    run_command("smoke", lambda: None)


@pytest.mark.parametrize(
    ("error", "code", "line"),
    [
        (OperatorError(f"--x is {TOKEN}: give y"), 2, "smoke: --x is <secret>: give y\n"),
        (RunFailed("no time"), 1, "smoke: no time\n"),
        (TimeoutError(TOKEN), 1, "smoke: the service is slow\n"),
    ],
)
def test_an_error_is_one_line_without_a_secret_and_a_code(
    error: Exception, code: int, line: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert ended(error, lambda error: "the service is slow") == code
    assert capsys.readouterr() == ("", line)


def test_an_error_that_nobody_foresaw_shows_its_place_and_not_its_text(capsys: pytest.CaptureFixture[str]) -> None:
    assert ended(KeyError("hunter2")) == 1
    said = capsys.readouterr().err
    assert said.startswith("smoke: KeyError in test_command.py:")
    assert said.endswith(": an error that was not foreseen\n")
    assert "hunter2" not in said


@pytest.mark.parametrize("kind", [OperatorError, RunFailed])
def test_the_line_stays_one_line_and_steers_no_terminal(
    kind: type[Exception], capsys: pytest.CaptureFixture[str]
) -> None:
    ended(kind("--x is \x1b[2J\u202e\nand more: give y"))
    assert capsys.readouterr().err == "smoke: --x is \\x1b[2J\\u202e\\x0aand more: give y\n"


def test_an_exit_of_the_command_line_itself_stays_as_it_is() -> None:
    with pytest.raises(SystemExit, match="5"):
        run_command("smoke", lambda: (_ for _ in ()).throw(SystemExit(5)).__next__())

"""How the demo begins and ends, without Spark."""

from __future__ import annotations

import signal
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path
from types import SimpleNamespace
from typing import Any, Self

import pytest

from pipeline.demo import command
from pipeline.demo.command import Choices, run_demo
from pipeline.demo.failure import DemoError
from pipeline.demo.progress import Progress
from pipeline.sandbox.telegram.people.messages import UserMessage
from pipeline.terminal import terminal


@pytest.fixture(autouse=True)
def _alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    for name in ("OPENAI_BASE_URL", "TELEGRAM_BOT_TOKEN", "TELEGRAM_BOT_TOKEN_FILE"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr(signal, "signal", lambda *_: None)


def _small_model(enter: Callable[[], None]) -> type[Any]:
    class Model:
        base_url, model = "http://127.0.0.1:9/v1", "small"

        def __init__(self, **_: Any) -> None:
            pass

        def __enter__(self) -> Self:
            enter()
            return self

        def __exit__(self, *_: object) -> None:
            pass

    return Model


def _raise(error: BaseException) -> Callable[[], None]:
    def enter() -> None:
        raise error

    return enter


@pytest.mark.parametrize(("messages", "code"), [(False, 0), (True, 1)])
def test_ctrl_c_during_the_start_ends_it_without_a_traceback(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, messages: bool, code: int
) -> None:
    file = tmp_path / "messages.txt"
    file.write_text("hi\n")
    monkeypatch.setattr(command, "EmbeddedModel", _small_model(_raise(KeyboardInterrupt())))
    assert run_demo(Choices(messages=file if messages else None)) == code


def test_a_missing_extra_is_one_line_that_names_the_other_way(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(command, "EmbeddedModel", _small_model(_raise(ImportError("the extra is missing"))))
    with pytest.raises(DemoError, match=r"^the extra is missing, or ask a server of your own: make demo MODEL_URL="):
        run_demo(Choices())


def test_a_folder_that_somebody_gave_is_not_emptied(tmp_path: Path) -> None:
    with pytest.raises(DemoError, match="leave --storage out, or remove that folder yourself"):
        run_demo(Choices(storage=tmp_path, fresh=True))


def test_nobody_writes_a_files_messages_to_a_real_bot(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "messages.txt").write_text("hi\n")
    monkeypatch.setenv("TELEGRAM_BOT_TOKEN", "42:" + "x" * 35)
    with pytest.raises(DemoError, match="TELEGRAM_BOT_TOKEN is set, so people write the messages"):
        run_demo(Choices(messages=tmp_path / "messages.txt"))


def test_a_run_that_cannot_begin_is_one_line_with_its_reason(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(command, "EmbeddedModel", _small_model(lambda: None))
    monkeypatch.setenv("PIPELINE_SEND_RATE", "0")
    monkeypatch.setenv("PYTHONPATH", str(Path(__file__).parents[3]))
    with pytest.raises(DemoError, match=r"^the run ended: PIPELINE_SEND_RATE is '0': "):
        run_demo(Choices())
    shown = capsys.readouterr().out
    assert "✓ Telegram: the simulated one" in shown
    assert "✓ pipeline" not in shown
    assert (tmp_path / "state" / "telegram-lakehouse" / "demo" / "bot-42" / "pipeline.log").exists()


@pytest.mark.parametrize(("said", "turns"), [(None, "3"), ("7", "7")])
def test_the_small_model_is_given_few_turns_unless_the_environment_says_how_many(
    monkeypatch: pytest.MonkeyPatch, said: str | None, turns: str
) -> None:
    monkeypatch.setattr(command, "EmbeddedModel", _small_model(lambda: None))
    if said is None:
        monkeypatch.delenv("PIPELINE_CONTEXT_TURNS", raising=False)
    else:
        monkeypatch.setenv("PIPELINE_CONTEXT_TURNS", said)
    with ExitStack() as running:
        own = command._start_services(running, Progress(terminal()), Choices()).own
    assert own["PIPELINE_CONTEXT_TURNS"] == turns


def test_the_simulated_telegram_never_counts_back_between_two_demos(monkeypatch: pytest.MonkeyPatch) -> None:
    moments = iter([command._EPOCH + 1000.0, command._EPOCH + 1020.0])
    monkeypatch.setattr(command, "time", SimpleNamespace(time=lambda: next(moments)))
    monkeypatch.setattr(command, "EmbeddedModel", _small_model(lambda: None))
    firsts = []
    for _ in range(2):
        with ExitStack() as running:
            telegram = command._start_services(running, Progress(terminal()), Choices()).telegram
            assert telegram is not None
            firsts.append(telegram.receive(UserMessage(text="hi")))
    assert [first.update_id for first in firsts] == [5000, 5100]
    assert [first.message_id for first in firsts] == [5000, 5100]

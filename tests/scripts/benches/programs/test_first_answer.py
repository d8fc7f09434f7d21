"""The way to the first answer is timed by what its programs say."""

from __future__ import annotations

import time
from collections.abc import Iterator

import pytest

from pipeline.errors import RunFailed
from pipeline.sandbox.server import serve
from pipeline.sandbox.telegram.people.messages import UserMessage
from pipeline.sandbox.telegram.simulator import Telegram
from pipeline.sandbox.web.app import create_app
from scripts.benches.programs.first_answer import TimedStep, TimedSteps, ask_on_page, take_setup, take_start


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    now = [0.0]
    monkeypatch.setattr(time, "monotonic", lambda: now[0])
    return now


def _at(clock: list[float], *lines: tuple[float, str]) -> Iterator[str]:
    for moment, line in lines:
        clock[0] = moment
        yield line


def test_each_line_of_the_set_up_begins_a_step(clock: list[float]) -> None:
    steps = TimedSteps(0.0)
    said = [
        (3.0, "setup: installing the locked packages (some 3 GB, once) …"),
        (90.0, "Java: /usr"),
        (91.0, "setup: done"),
    ]
    take_setup(steps, _at(clock, *said))
    assert steps.done[:2] == [
        TimedStep("setup: virtual environment", 3.0),
        TimedStep("setup: installing the locked packages", 87.0),
    ]


def test_each_phase_of_the_start_is_a_step_up_to_the_page(clock: list[float]) -> None:
    steps = TimedSteps(0.0)
    said = [
        (1.5, "✓ model: loading the small one  0.5 s"),
        (9.5, "✓ pipeline: Spark  8.0 s"),
        (9.5, "✓ ready  8.5 s"),
        (9.6, "Chat page: http://127.0.0.1:5000/"),
    ]
    assert take_start(steps, _at(clock, *said)) == "http://127.0.0.1:5000"
    assert steps.done == [
        TimedStep("start: model: loading the small one", 1.5),
        TimedStep("start: pipeline: Spark", 8.0),
    ]


def test_a_demo_that_ends_is_an_error_with_its_last_words(clock: list[float]) -> None:
    with pytest.raises(RunFailed, match="the job ended"):
        take_start(TimedSteps(0.0), _at(clock, (1.0, "pipeline: the job ended: no Java")))


def test_the_table_names_the_longest_step() -> None:
    steps = TimedSteps(0.0)
    for name, moment in (("clone", 1.0), ("setup: packages", 121.0), ("start", 131.0)):
        steps.end(name, moment)
    assert steps.table().splitlines()[-2:] == ["in all             131.0 s", "longest step: setup: packages, 120.0 s"]


def test_the_question_is_asked_on_the_page() -> None:
    telegram, steps = Telegram(), TimedSteps(0.0)
    with serve(create_app(telegram)) as page:
        telegram.receive(UserMessage(text="hi"))
        telegram.call("sendMessage", {"chat_id": 1, "text": "Tokyo"})
        assert ask_on_page(steps, page.url) == "Tokyo"
    assert [message["text"] for message in telegram.transcript(1)][-1] == "What is the capital of Japan?"
    assert [step.name for step in steps.done] == ["page: its first response", "page: the first answer"]

"""The "typing…" while the model works."""

import threading
import time
from collections.abc import Iterator

import pytest

from pipeline.telegram.client import Refused
from pipeline.telegram.progress.typing_action import TypingSchedule, Typist
from tests.support.fakes import FakeApi
from tests.support.replies import question
from tests.support.waiting import eventually


@pytest.fixture
def _quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """Shows and repeats the action within hundredths of a second."""
    monkeypatch.setattr("pipeline.telegram.progress.typing_action._FIRST_AFTER", 0.02)
    monkeypatch.setattr("pipeline.telegram.progress.typing_action._EVERY", 0.03)
    monkeypatch.setattr("pipeline.telegram.progress.typing_action._FOR", 0.2)


@pytest.fixture
def api() -> FakeApi:
    return FakeApi()


@pytest.fixture
def typist(api: FakeApi, _quick: None) -> Iterator[Typist]:
    typist = Typist(api)
    yield typist
    typist.stop()


def test_it_is_repeated_in_the_questions_chat_and_topic_until_the_answer_is_there(typist: Typist, api: FakeApi) -> None:
    waiting = question(chat_id=-5, topic_id=9)
    typist.begin(waiting)
    eventually(lambda: len(api.typed) >= 2)
    typist.end(waiting)
    time.sleep(0.01)
    count = len(api.typed)
    time.sleep(0.08)
    assert set(api.typed) == {(-5, 9)}
    assert len(api.typed) == count


def test_it_is_repeated_for_a_while_only(typist: Typist, api: FakeApi) -> None:
    typist.begin(question())
    eventually(lambda: not len(typist._schedule))
    time.sleep(0.02)
    assert 2 <= len(api.typed) <= 7


def test_a_quick_answer_and_a_channel_get_none(typist: Typist, api: FakeApi) -> None:
    quick = question()
    typist.begin(quick)
    typist.end(quick)
    typist.end(quick)
    typist.begin(question(chat_id=-1, chat_type="channel"))
    time.sleep(0.08)
    assert api.typed == []


def test_a_chat_that_refuses_it_is_not_tried_again_and_others_are(typist: Typist, api: FakeApi) -> None:
    api.typing_fails_with = Refused(403, "Forbidden")
    typist.begin(question(chat_id=1, seq=1))
    eventually(lambda: api.typed and not len(typist._schedule))
    assert api.typed == [(1, None)]
    api.typing_fails_with = None
    typist.begin(question(chat_id=2, seq=2))
    eventually(lambda: (2, None) in api.typed)


def test_nothing_is_shown_during_a_pause(typist: Typist, api: FakeApi) -> None:
    typist.pause(True)
    typist.begin(question())
    time.sleep(0.08)
    assert api.typed == []
    typist.pause(False)
    eventually(lambda: api.typed)


def test_requests_that_hang_never_pile_up(typist: Typist, api: FakeApi, monkeypatch: pytest.MonkeyPatch) -> None:
    go_on, hanging = threading.Event(), threading.Semaphore(0)

    def hang(chat_id: int, topic_id: int | None) -> None:
        hanging.release()
        assert go_on.wait(5)

    monkeypatch.setattr(api, "send_typing", hang)
    for seq in range(12):
        typist.begin(question(chat_id=seq, seq=seq))
    for _ in range(4):
        assert hanging.acquire(timeout=5)
    assert not hanging.acquire(timeout=0.08)
    go_on.set()


def test_after_a_stop_nothing_is_shown(typist: Typist, api: FakeApi) -> None:
    typist.begin(question())
    typist.stop()
    time.sleep(0.05)
    assert api.typed == []


def test_without_a_thread_to_begin_with_nothing_is_shown_and_the_next_one_tries_again(
    typist: Typist, api: FakeApi, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fails(_: threading.Thread) -> None:
        raise RuntimeError("can't start new thread")

    with monkeypatch.context() as patch:
        patch.setattr(threading.Thread, "start", fails)
        typist.begin(question(chat_id=1, seq=1))
    typist.begin(question(chat_id=2, seq=2))
    eventually(lambda: api.typed)
    assert {chat for chat, _ in api.typed} == {2}


# The schedule alone


def test_the_action_is_due_after_a_moment_and_then_every_few_seconds_for_a_minute() -> None:
    schedule, waiting = TypingSchedule(), question()
    schedule.begin(waiting, 100.0)
    times = []
    while (due := schedule.next_due) is not None:
        if schedule.take(due) is not None:
            times.append(round(due, 3))
            schedule.shown(due)
    assert times[:3] == [100.4, 104.9, 109.4]
    assert 155.0 < times[-1] < 160.0


def test_a_question_that_no_longer_waits_is_not_due() -> None:
    schedule, waiting = TypingSchedule(), question()
    schedule.begin(waiting, 100.0)
    schedule.end(waiting)
    assert schedule.next_due is None


def test_a_burst_shows_only_a_few_actions_at_once() -> None:
    schedule = TypingSchedule()
    for seq in range(40):
        schedule.begin(question(chat_id=seq, seq=seq), 100.0)
    at_once = 0
    for _ in range(40):
        if schedule.take(101.0) is not None:
            schedule.shown(101.0)
            at_once += 1
    assert 4 <= at_once <= 5  # 5 by the rounding of floats
    assert schedule.next_due == 105.5, "those left out are due with the next round"

"""Who presses a button gets an answer at once, whatever else happens."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator

import pytest

from pipeline.feedback.acknowledgement import Acknowledgements
from pipeline.messages.phrases import phrases
from pipeline.telegram.client import Refused
from tests.support.fakes import FakeApi
from tests.support.updates import Json, group, raw_press, raw_update
from tests.support.waiting import eventually

THANKS = phrases("en").thanks


class Api(FakeApi):
    """Notes which presses are answered with which text."""

    def __init__(self) -> None:
        super().__init__()
        self.answered: list[tuple[str, str]] = []
        self.before_answer: Callable[[], None] = lambda: None
        self.under_way = self.most_under_way = 0
        self.lock = threading.Lock()

    def answer_press(self, press_id: str, text: str = "") -> None:
        with self.lock:
            self.under_way += 1
            self.most_under_way = max(self.most_under_way, self.under_way)
        try:
            self.before_answer()
            with self.lock:
                self.answered.append((press_id, text))
        finally:
            with self.lock:
                self.under_way -= 1


@pytest.fixture
def api() -> Iterator[Api]:
    api = Api()
    yield api
    api.before_answer = lambda: None


def test_a_press_is_answered_in_the_language_of_who_pressed(api: Api) -> None:
    press = raw_press(1)
    press["callback_query"]["from"]["language_code"] = "pt-BR"
    Acknowledgements(api).take([raw_update(), press, raw_press(2)])
    eventually(lambda: len(api.answered) == 2)
    assert set(api.answered) == {("91", phrases("pt").thanks), ("92", THANKS)}


@pytest.mark.parametrize(
    ("update", "text"),
    [
        (raw_press(), THANKS),
        (raw_press(data="not ours"), ""),
        (raw_press(chat=group()), ""),
        (raw_press(user_id=98), ""),
    ],
)
def test_whose_press_does_not_count_is_not_thanked_but_need_not_wait(api: Api, update: Json, text: str) -> None:
    Acknowledgements(api, allowed_chats={7}, allowed_users={99}).take([update])
    eventually(lambda: api.answered)
    assert api.answered == [("91", text)]


@pytest.mark.parametrize(
    "update", [raw_update(), raw_update(kind="callback_query", body={"id": 5}), "no update", None, {}]
)
def test_what_is_no_press_starts_no_thread(api: Api, update: object) -> None:
    acknowledgements = Acknowledgements(api)
    acknowledgements.take([update])
    assert acknowledgements._threads == 0


def test_a_press_that_can_not_be_answered_is_dropped_and_the_next_one_is_answered(api: Api) -> None:
    errors = [Refused(400, "Bad Request: query is too old"), RuntimeError("unforeseen")]

    def fail() -> None:
        if errors:
            raise errors.pop(0)

    api.before_answer = fail
    acknowledgements = Acknowledgements(api)
    for number in (1, 2, 3):
        acknowledgements.take([raw_press(number)])
        eventually(lambda: acknowledgements._threads == 0)
    assert api.answered == [("93", THANKS)]


def test_requests_that_hang_hold_nobody_up_and_are_few(api: Api) -> None:
    go_on = threading.Event()

    def hang() -> None:
        go_on.wait(10)

    api.before_answer = hang
    acknowledgements = Acknowledgements(api)
    for number in range(300):
        acknowledgements.take([raw_press(number)])
    eventually(lambda: api.under_way == 4)
    assert len(acknowledgements._waiting) == 200
    go_on.set()
    eventually(lambda: len(api.answered) == 204)
    assert api.most_under_way == 4
    eventually(lambda: acknowledgements._threads == 0)


def test_a_press_that_nobody_waits_for_any_more_is_not_answered(api: Api) -> None:
    now = [100.0]
    go_on = threading.Event()

    def hang() -> None:
        go_on.wait(10)

    api.before_answer = hang
    acknowledgements = Acknowledgements(api, clock=lambda: now[0])
    for number in range(5):
        acknowledgements.take([raw_press(number)])
    eventually(lambda: api.under_way == 4)
    now[0] += 11.0
    acknowledgements.take([raw_press(5)])
    go_on.set()
    eventually(lambda: acknowledgements._threads == 0)
    assert {press for press, _ in api.answered} == {"90", "91", "92", "93", "95"}


def test_after_a_stop_nothing_is_answered(api: Api) -> None:
    acknowledgements = Acknowledgements(api)
    acknowledgements.stop()
    acknowledgements.take([raw_press()])
    eventually(lambda: acknowledgements._threads == 0)
    assert api.answered == []


def test_a_machine_without_a_thread_left_answers_later_presses(api: Api, monkeypatch: pytest.MonkeyPatch) -> None:
    acknowledgements = Acknowledgements(api)

    def none_left(name: str, job: Callable[[], None]) -> None:
        raise RuntimeError("can't start new thread")

    with monkeypatch.context() as patched:
        patched.setattr(acknowledgements._workers, "start", none_left)
        acknowledgements.take([raw_press(1)])
    acknowledgements.take([raw_press(2)])
    eventually(lambda: len(api.answered) == 2)

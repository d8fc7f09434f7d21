"""Drafts: threads and requests."""

import threading
import time
from collections.abc import Callable, Iterator

import pytest

from pipeline.redaction import learn_secret
from pipeline.telegram.client import Interrupted, Refused, Unreachable
from pipeline.telegram.progress import draft_schedule
from pipeline.telegram.progress.drafts import DraftListener, DraftSender
from tests.support.fakes import FakeApi
from tests.support.replies import question
from tests.support.waiting import eventually

ASKED = question(chat_id=7, seq=1)
"""Its message is number 101."""


@pytest.fixture(autouse=True)
def _quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(draft_schedule, "_EVERY", 0.03)
    monkeypatch.setattr(draft_schedule, "_FIRST_AFTER", 0.0)


@pytest.fixture
def api() -> FakeApi:
    return FakeApi()


@pytest.fixture
def drafts(api: FakeApi) -> Iterator[DraftSender]:
    drafts = DraftSender(api, enabled=True)
    yield drafts
    drafts.stop()


def begun(drafts: DraftSender, seq: int = 1) -> DraftListener:
    listener = drafts.begin(question(chat_id=6 + seq, seq=seq))
    assert listener is not None
    return listener


def says(text: str) -> Callable[[], str]:
    return lambda: text


def test_it_grows_in_the_questions_chat_under_its_messages_number(drafts: DraftSender, api: FakeApi) -> None:
    listener = begun(drafts)
    listener.words(says("Once"))
    eventually(lambda: api.drafts == [(7, 101, "Once")])
    listener.words(says("Once upon"))
    listener.words(says("Once upon a time"))
    eventually(lambda: api.drafts[-1] == (7, 101, "Once upon a time"))
    assert len(api.drafts) <= 3


def test_where_drafts_are_off_nobody_follows(api: FakeApi) -> None:
    assert DraftSender(api, enabled=False).begin(ASKED) is None


def test_after_the_end_none_is_sent(drafts: DraftSender, api: FakeApi) -> None:
    listener = begun(drafts)
    listener.words(says("a"))
    eventually(lambda: api.drafts)
    drafts.end(ASKED)
    listener.words(says("a b"))
    time.sleep(0.1)
    assert len(api.drafts) == 1


def test_a_reply_waits_for_the_last_request_but_not_for_long(
    drafts: DraftSender, api: FakeApi, monkeypatch: pytest.MonkeyPatch
) -> None:
    sending, go_on, ended = threading.Event(), threading.Event(), threading.Event()

    def hang(*_: object) -> None:
        sending.set()
        assert go_on.wait(5)
        ended.set()

    monkeypatch.setattr(api, "send_draft", hang)
    begun(drafts).words(says("a"))
    assert sending.wait(5)
    drafts.end(ASKED)
    began = time.monotonic()
    drafts.wait_for_last(ASKED)
    assert 0.4 < time.monotonic() - began < 2
    threading.Timer(0.05, go_on.set).start()
    drafts.wait_for_last(ASKED)
    assert ended.is_set()
    # Another's is not waited for.
    drafts.wait_for_last(question(chat_id=8, seq=2))


@pytest.mark.parametrize("failure", [Refused(403, "blocked"), Unreachable("no"), Interrupted("broke")])
def test_a_draft_that_fails_ends_those_of_its_answer_only(
    drafts: DraftSender, api: FakeApi, failure: Refused | Unreachable | Interrupted
) -> None:
    api.drafts_fail_with = failure
    first, second = begun(drafts, 1), begun(drafts, 2)
    first.words(says("a"))
    eventually(lambda: len(api.drafts) == 1)
    api.drafts_fail_with = None
    first.words(says("a b"))
    second.words(says("x"))
    eventually(lambda: (8, 102, "x") in api.drafts)
    time.sleep(0.1)
    assert api.drafts == [(7, 101, "a"), (8, 102, "x")]
    assert not first.stopped, "its answer goes on"


def test_a_limit_that_telegram_names_pauses_all(drafts: DraftSender, api: FakeApi) -> None:
    api.drafts_fail_with = Refused(429, "Too Many Requests", retry_after=0.3)
    first, second = begun(drafts, 1), begun(drafts, 2)
    first.words(says("a"))
    eventually(lambda: len(api.drafts) == 1)
    began = time.monotonic()
    api.drafts_fail_with = None
    second.words(says("x"))
    eventually(lambda: len(api.drafts) == 2)
    assert time.monotonic() - began > 0.15
    assert api.drafts[-1] == (8, 102, "x")


def test_during_an_outage_none_is_sent_and_after_it_the_latest(drafts: DraftSender, api: FakeApi) -> None:
    listener = begun(drafts)
    drafts.pause(True)
    listener.words(says("a"))
    time.sleep(0.05)
    assert api.drafts == []
    listener.words(says("a b"))
    drafts.pause(False)
    eventually(lambda: api.drafts == [(7, 101, "a b")])


def test_a_long_answer_shows_its_last_message(drafts: DraftSender, api: FakeApi) -> None:
    begun(drafts).words(says("word " * 819 + "\n\n" + "the next message"))
    eventually(lambda: api.drafts)
    assert api.drafts == [(7, 101, "the next message")]


def test_no_part_of_a_secret_is_shown(drafts: DraftSender, api: FakeApi) -> None:
    learn_secret("kEy/0123456789")
    listener = begun(drafts)
    listener.words(says("it is kEy/01234"))
    eventually(lambda: api.drafts == [(7, 101, "it is")])
    listener.words(says("it is kEy/0123456789!"))
    eventually(lambda: api.drafts[-1] == (7, 101, "it is <credential>!"))


def test_an_empty_draft_is_not_sent(drafts: DraftSender, api: FakeApi) -> None:
    listener = begun(drafts)
    listener.words(says(" \n"))
    time.sleep(0.05)
    assert api.drafts == []
    listener.words(says(" \nx"))
    eventually(lambda: api.drafts == [(7, 101, "x")])


def test_it_says_once_that_a_draft_is_shown(api: FakeApi) -> None:
    shown: list[str] = []
    drafts = DraftSender(api, enabled=True, as_shown=str.upper, first_shown=lambda question: shown.append(question.key))
    listener = drafts.begin(ASKED)
    assert listener is not None
    listener.words(says("a"))
    eventually(lambda: shown)
    listener.words(says("a b"))
    eventually(lambda: len(api.drafts) == 2)
    assert shown == [ASKED.key]
    assert api.drafts[-1][2] == "A B"
    drafts.stop()


def test_a_stopped_answer_shows_no_more_and_says_so_to_who_writes_it(drafts: DraftSender, api: FakeApi) -> None:
    listener = begun(drafts)
    drafts.stop_writing(question(chat_id=99, seq=9))
    assert not listener.stopped
    listener.words(says("a"))
    eventually(lambda: api.drafts)
    drafts.stop_writing(ASKED)
    assert listener.stopped
    listener.words(says("a b"))
    time.sleep(0.1)
    assert len(api.drafts) == 1
    again = drafts.begin(ASKED)
    assert again is not None
    assert again.stopped, "asked again, it stays stopped"


def test_without_a_thread_left_it_is_tried_later(
    drafts: DraftSender, api: FakeApi, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("pipeline.telegram.progress.drafts._HOLD", 0.05)
    start, failed = drafts._workers.start, list[bool]()

    def fail_once(name: str, job: Callable[[], None]) -> None:
        if not failed:
            failed.append(True)
            raise RuntimeError("can't start new thread")
        start(name, job)

    monkeypatch.setattr(drafts._workers, "start", fail_once)
    listener = begun(drafts)
    listener.words(says("a"))
    eventually(lambda: failed)
    listener.words(says("a b"))
    eventually(lambda: api.drafts == [(7, 101, "a b")])


def test_without_a_thread_to_begin_with_nobody_follows_and_the_next_one_tries_again(
    drafts: DraftSender, api: FakeApi, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fails(_: threading.Thread) -> None:
        raise RuntimeError("can't start new thread")

    with monkeypatch.context() as patch:
        patch.setattr(threading.Thread, "start", fails)
        assert drafts.begin(ASKED) is None
    listener = begun(drafts, seq=2)
    listener.words(says("a"))
    eventually(lambda: api.drafts == [(8, 102, "a")])

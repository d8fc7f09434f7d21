"""When drafts are sent, and for which answers."""

from typing import Any

import pytest

from pipeline.messages.origin import Probe
from pipeline.telegram.progress import draft_schedule
from pipeline.telegram.progress.draft_schedule import AT_ONCE, MOST_ASKED, MOST_SHOWN, AnswerDraft, DraftSchedule
from tests.support.replies import question


def begun(schedule: DraftSchedule, number: int = 1, **more: Any) -> AnswerDraft:
    draft = schedule.begin(question(chat_id=number, seq=number, **more))
    assert draft is not None
    return draft


def sent(schedule: DraftSchedule, draft: AnswerDraft, now: float) -> None:
    """The draft is due, and is sent in a moment."""
    assert schedule.next_due is not None
    assert schedule.next_due <= now
    assert schedule.take(now) is draft
    draft.shown = "words"
    schedule.returned(draft, now)


@pytest.fixture(autouse=True)
def _at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """The moment before the first draft has a test of its own."""
    monkeypatch.setattr(draft_schedule, "_FIRST_AFTER", 0.0)


@pytest.mark.parametrize(("words_at", "due"), [(100.0, 100.1), (100.04, 100.1), (100.3, 100.3)])
def test_the_first_words_are_due_after_a_moment_in_which_the_whole_answer_may_come(
    monkeypatch: pytest.MonkeyPatch, words_at: float, due: float
) -> None:
    monkeypatch.undo()
    schedule = DraftSchedule()
    draft = begun(schedule)
    schedule.words(draft, lambda: "", 100.0)
    assert schedule.next_due is None
    schedule.words(draft, lambda: "a", words_at)
    assert schedule.next_due == due
    sent(schedule, draft, due)
    schedule.words(draft, lambda: "a b c", 107.0)
    assert schedule.next_due == 107.0


def test_the_next_words_are_due_half_a_second_later() -> None:
    schedule = DraftSchedule()
    draft = begun(schedule)
    assert schedule.next_due is None
    schedule.words(draft, lambda: "a", 100.0)
    assert schedule.next_due == 100.0
    sent(schedule, draft, 100.0)
    schedule.words(draft, lambda: "a b", 100.1)
    schedule.words(draft, lambda: "a b c", 100.2)
    assert schedule.next_due == 100.5
    sent(schedule, draft, 100.5)
    schedule.words(draft, lambda: "a b c d", 107.0)
    assert schedule.next_due == 107.0


def test_words_that_come_while_a_request_is_under_way_are_due_after_it() -> None:
    schedule = DraftSchedule()
    draft = begun(schedule)
    schedule.words(draft, lambda: "a", 100.0)
    schedule.take(100.0)
    schedule.words(draft, lambda: "a b", 100.1)
    assert schedule.next_due is None
    assert schedule.is_under_way(draft.question)
    schedule.returned(draft, 103.0)
    assert not schedule.is_under_way(draft.question)
    assert schedule.next_due == 103.0


def test_two_answers_of_one_chat_keep_the_pace_of_one() -> None:
    schedule = DraftSchedule()
    first = begun(schedule)
    schedule.words(first, lambda: "a", 100.0)
    sent(schedule, first, 100.0)
    schedule.end(first.question)
    second = schedule.begin(question(chat_id=1, seq=2))
    assert second is not None
    schedule.words(second, lambda: "b", 100.1)
    assert schedule.next_due == 100.5


def test_a_draft_that_stands_still_is_sent_again_before_telegram_removes_it_for_a_minute() -> None:
    schedule = DraftSchedule()
    draft = begun(schedule)
    schedule.words(draft, lambda: "a", 100.0)
    times = []
    while (due := schedule.next_due) is not None:
        times.append(due)
        sent(schedule, draft, due)
    assert times == [100.0, 120.0, 140.0]


def test_what_was_never_shown_is_not_sent_again() -> None:
    schedule = DraftSchedule()
    draft = begun(schedule)
    schedule.words(draft, lambda: "half a key", 100.0)
    schedule.take(100.0)
    schedule.returned(draft, 100.0)
    assert schedule.next_due is None


@pytest.mark.parametrize("how", ["end", "over", "stopped"])
def test_nothing_is_due_for_an_answer_that_has_ended(how: str) -> None:
    schedule = DraftSchedule()
    draft = begun(schedule)
    schedule.words(draft, lambda: "a", 100.0)
    schedule.take(100.0)
    if how == "end":
        schedule.end(draft.question)
        assert schedule.is_under_way(draft.question), "its last request has not ended with it"
    else:
        setattr(draft, how, True)
    schedule.words(draft, lambda: "a b", 100.1)
    schedule.returned(draft, 100.2)
    assert schedule.next_due is None


def test_over_all_chats_ten_are_sent_at_once_and_then_ten_a_second() -> None:
    schedule = DraftSchedule()
    drafts = [begun(schedule, number) for number in range(MOST_SHOWN)]
    times: list[float] = []
    now = 100.0
    while len(times) < 40:
        for draft in drafts:
            schedule.words(draft, lambda: "a", now)
        while (due := schedule.next_due) is not None and due <= now:
            draft = schedule.take(now)
            schedule.returned(draft, now)
            times.append(now)
        now = round(now + 0.01, 2)
    assert times[AT_ONCE - 1] == 100.0
    assert 2.9 <= times[-1] - times[0] <= 3.1


def test_each_of_those_that_are_shown_gets_its_turn() -> None:
    schedule = DraftSchedule()
    drafts = [begun(schedule, number) for number in range(MOST_SHOWN)]
    turns: list[int] = []
    now = 100.0
    while len(turns) < 50:
        for draft in drafts:
            schedule.words(draft, lambda: "a", now)
        while (due := schedule.next_due) is not None and due <= now:
            draft = schedule.take(now)
            turns.append(draft.question.chat_id)
            schedule.returned(draft, now)
        now += 0.02
    assert {turns.count(number) for number in range(MOST_SHOWN)} == {5}


def test_a_wait_that_telegram_asks_for_is_kept_for_all() -> None:
    schedule = DraftSchedule()
    first, second = begun(schedule, 1), begun(schedule, 2)
    schedule.words(first, lambda: "a", 100.0)
    schedule.take(100.0)
    schedule.hold(107.0)
    schedule.words(second, lambda: "a", 100.1)
    assert schedule.next_due == pytest.approx(107.0)


def test_no_more_requests_are_under_way_than_there_may_be() -> None:
    schedule = DraftSchedule()
    drafts = [begun(schedule, number) for number in range(AT_ONCE)]
    for draft in drafts:
        schedule.words(draft, lambda: "a", 100.0)
        schedule.take(100.0)
        schedule.end(draft.question)
    late = begun(schedule, 99)
    schedule.words(late, lambda: "a", 105.0)
    assert schedule.next_due is None
    schedule.returned(drafts[0], 105.0)
    assert schedule.next_due == 105.0


# Which answers are shown


@pytest.mark.parametrize(
    "more",
    [
        {"chat_id": -5, "chat_type": "group"},
        {"chat_type": "channel"},
        {"chat_type": "supergroup"},
        {"origin": Probe(id="abc", deliver=True)},
        {"origin": Probe(id="abc", deliver=False)},
    ],
)
def test_only_what_a_person_asks_in_a_private_chat_is_shown(more: dict[str, Any]) -> None:
    assert DraftSchedule().begin(question(**more)) is None


def test_a_few_answers_are_shown_at_a_time() -> None:
    schedule = DraftSchedule()
    drafts = [begun(schedule, number) for number in range(MOST_SHOWN)]
    assert schedule.begin(question(chat_id=99, seq=99)) is None
    assert schedule.begin(drafts[0].question) is drafts[0], "asked again, it goes on"
    schedule.end(drafts[0].question)
    assert schedule.begin(question(chat_id=98, seq=98)) is not None


def test_none_begins_while_many_questions_are_asked() -> None:
    schedule = DraftSchedule()
    group = [question(chat_id=-n, seq=n, chat_type="group") for n in range(1, MOST_ASKED + 1)]
    for each in group:
        schedule.begin(each)
    assert schedule.begin(question(chat_id=5, seq=99)) is None
    for each in group[:2]:
        schedule.end(each)
    assert schedule.begin(question(chat_id=6, seq=100)) is not None

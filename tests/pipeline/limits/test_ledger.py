"""What a question gets from the ledger: a reservation, a wait, or the polite text, once."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import structlog

from pipeline.limits.accounts import Payer
from pipeline.limits.ceilings import Ceiling, Ceilings, Prices, reason
from pipeline.limits.charge import Charge, Tokens
from pipeline.limits.ledger import Kept, Ledger, Spent, Told, told
from pipeline.messages.answer import Answer, AnswerStatus
from pipeline.messages.origin import Probe
from pipeline.messages.phrases import phrases
from pipeline.messages.question import Question
from pipeline.model.outcome import Outcome, Verdict
from tests.support.fakes import failed, said
from tests.support.replies import answer, question

NOON = datetime(2026, 11, 26, 12, tzinfo=UTC)
MOST = Tokens(prompt=60, completion=40)
MET = reason(Ceiling.USER, NOON)


class Clock:
    def __init__(self) -> None:
        self.now = NOON

    def __call__(self) -> datetime:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


def ledger(clock: Clock, *, loaded: bool = True, **ceilings: Any) -> Ledger:
    made = Ledger(Ceilings(**ceilings), clock)
    if loaded:
        made.load([], [])
    return made


def asking(seq: int = 1, *, user: int = 1, chat_id: int = 7, **more: Any) -> Question:
    return question(seq=seq, author_id=user, chat_id=chat_id, **more)


def reserved(of: Ledger, asked: Question) -> Charge:
    charge = of.reserve(asked, Charge(), MOST)
    assert isinstance(charge, Charge)
    assert charge.reserved == MOST
    return charge


def refused(of: Ledger, asked: Question) -> Answer:
    given = of.reserve(asked, Charge(), MOST)
    assert isinstance(given, Answer)
    return given


def spend(of: Ledger, asked: Question, prompt: int, completion: int = 0) -> Charge:
    outcome = Outcome(verdict=Verdict.ANSWERED, prompt_tokens=prompt, completion_tokens=completion)
    return of.settle(asked, reserved(of, asked), outcome)


# Reservations


def test_without_a_ceiling_nothing_is_reserved_and_nothing_waits(clock: Clock) -> None:
    of, charge = ledger(clock, loaded=False), Charge()
    assert of.reserve(asking(), charge, MOST) is charge
    assert not of.limited


def test_before_silver_was_read_nobody_is_asked_where_there_is_a_ceiling(clock: Clock) -> None:
    of = ledger(clock, loaded=False, tokens_a_day=1000)
    assert of.reserve(asking(), Charge(), MOST) is None
    of.load([], [])
    assert reserved(of, asking()).reserved_at == NOON


def test_what_is_reserved_already_is_not_reserved_again(clock: Clock) -> None:
    of = ledger(clock, tokens_a_day=150)
    charge = reserved(of, asking())
    assert of.reserve(asking(), charge, MOST) is charge
    # The stream repeats a batch whose questions could not be accepted.
    assert of.reserve(asking(), Charge(), MOST) == charge


def test_a_question_waits_while_calls_under_way_may_pass_the_ceiling_and_goes_on_when_they_did_not(
    clock: Clock,
) -> None:
    of = ledger(clock, tokens_a_day=150)
    first = reserved(of, asking(1))
    assert of.reserve(asking(2, chat_id=8), Charge(), MOST) is None
    assert of.settle(asking(1), first, said("hello")).settled == Tokens(prompt=3, completion=2)
    assert reserved(of, asking(2, chat_id=8))


def test_an_attempt_that_was_taken_back_reserves_nothing(clock: Clock) -> None:
    of = ledger(clock, tokens_a_day=150)
    assert of.release(asking(1), reserved(of, asking(1))) == Charge()
    assert reserved(of, asking(2))


def test_no_more_is_reserved_at_once_than_a_kill_may_cost(clock: Clock) -> None:
    of = Ledger(Ceilings(tokens_a_day=10_000, user_tokens_a_day=150), clock, most_reservations=2)
    of.load([], [])
    first, _ = reserved(of, asking(1)), reserved(of, asking(2, user=2))
    assert of.reserve(asking(3, user=3), Charge(), MOST) is None
    of.settle(asking(1), first, Outcome(verdict=Verdict.ANSWERED, prompt_tokens=60, completion_tokens=0))
    assert reserved(of, asking(3, user=3))
    assert refused(of, asking(4)).reason == MET, "who is refused need not wait"


def test_an_attempt_of_unknown_cost_counts_as_all_that_was_reserved(clock: Clock) -> None:
    of = ledger(clock, tokens_a_day=150)
    assert of.settle(asking(), reserved(of, asking()), failed(Verdict.FAILING)).settled == MOST
    assert refused(of, asking(2)).reason == reason(Ceiling.ALL, NOON)


def test_a_model_that_counts_more_than_it_may_is_believed_and_logged(clock: Clock) -> None:
    of = ledger(clock, tokens_a_day=1000)
    with structlog.testing.capture_logs() as logs:
        assert spend(of, asking(), 61, 40).settled.total == 101
    assert [(line["log_level"], line["most"]) for line in logs] == [("warning", MOST)]


# Who meets a ceiling


def test_whoever_meets_a_ceiling_is_told_once_with_its_end_and_in_their_language(clock: Clock) -> None:
    of = ledger(clock, user_tokens_a_day=150)
    spend(of, asking(1), 60)
    first = refused(of, asking(2, language="de"))
    assert first.text == phrases("de").limit_user.format(when="2026-11-27 00:00 UTC")
    assert (first.status, first.reason, first.withheld) == (AnswerStatus.FALLBACK, MET, False)
    assert not refused(of, asking(2)).withheld, "the same question"
    again = refused(of, asking(3))
    assert (again.withheld, again.reason) == (True, MET)
    assert refused(of, asking(4, chat_id=8)).withheld, "in another chat too"
    assert reserved(of, asking(5, user=2))


def test_each_chat_is_told_of_a_ceiling_of_its_own_and_of_all(clock: Clock) -> None:
    of = ledger(clock, chat_tokens_a_day=150, tokens_a_day=300)
    spend(of, asking(1), 60)
    assert refused(of, asking(2)).text.startswith("This chat")
    assert refused(of, asking(3, user=2)).withheld
    spend(of, asking(4, chat_id=8), 60)
    spend(of, asking(5, chat_id=9), 60)
    spend(of, asking(6, chat_id=10), 60)
    by_chat = [refused(of, asking(seq, user=3, chat_id=chat)) for seq, chat in ((7, 11), (8, 11), (9, 12))]
    assert [each.withheld for each in by_chat] == [False, True, False]
    assert {each.reason for each in by_chat} == {reason(Ceiling.ALL, NOON)}
    assert by_chat[0].text.startswith("I have")


def test_a_price_of_a_month_is_met_until_the_month_ends(clock: Clock) -> None:
    of = ledger(clock, price_a_month=0.000_2, prices=Prices(1.0, 2.0))
    spend(of, asking(1), 60, 40)
    met = refused(of, asking(2))
    assert met.reason == "ceiling: price_a_month is met until 2026-12-01T00:00Z"
    clock.now = datetime(2026, 11, 30, 23, tzinfo=UTC)
    assert refused(of, asking(3)).withheld
    clock.now = datetime(2026, 12, 1, tzinfo=UTC)
    assert reserved(of, asking(4))


def test_a_new_day_lifts_a_ceiling_and_who_meets_the_next_is_told_again(clock: Clock) -> None:
    of = ledger(clock, user_tokens_a_day=150)
    spend(of, asking(1), 60)
    refused(of, asking(2))
    clock.now += timedelta(days=1)
    spend(of, asking(3), 60)
    met = refused(of, asking(4))
    assert (met.withheld, met.reason) == (False, reason(Ceiling.USER, clock.now))


def test_a_clock_that_is_put_back_gives_nobody_another_day(clock: Clock) -> None:
    of = ledger(clock, user_tokens_a_day=150)
    clock.now -= timedelta(days=1)
    spend(of, asking(1), 60)
    assert refused(of, asking(2)).reason == MET


def test_a_probe_tells_nobody(clock: Clock) -> None:
    of = ledger(clock, chat_tokens_a_day=150)
    spend(of, asking(1), 60)
    assert not refused(of, asking(2, origin=Probe(id="p"))).withheld
    assert not refused(of, asking(3)).withheld


def test_whoever_was_about_to_be_told_and_is_answered_after_all_is_told_later(clock: Clock) -> None:
    of = ledger(clock, user_tokens_a_day=150)
    spend(of, asking(1), 60)
    refused(of, asking(2))
    assert of.reserve(asking(2), Charge(), Tokens(prompt=10)) == Charge().with_reservation(Tokens(prompt=10), NOON)
    assert not refused(of, asking(3)).withheld


def test_whoever_was_about_to_be_told_and_is_told_of_another_ceiling_leaves_the_first_to_the_next(
    clock: Clock,
) -> None:
    of = ledger(clock, user_tokens_a_day=150, chat_tokens_a_day=150)
    spend(of, asking(1, user=2), 60)
    assert refused(of, asking(2)).reason == reason(Ceiling.CHAT, NOON)
    spend(of, asking(3, chat_id=8), 60)
    assert refused(of, asking(2)).reason == MET
    told_next = refused(of, asking(4, user=3))
    assert (told_next.reason, told_next.withheld) == (reason(Ceiling.CHAT, NOON), False)


# A start


def kept(seq: int, total: int, at: datetime | None = NOON, told: str | None = None) -> Kept:
    return Kept(asking(seq), Tokens(prompt=total), at, told)


def test_what_the_journal_and_silver_have_counts_and_open_replies_count_today(clock: Clock) -> None:
    of = ledger(clock, loaded=False, user_tokens_a_day=200)
    yesterday = NOON - timedelta(days=1)
    of.begin([kept(1, 40), kept(2, 30, None), kept(3, 100, yesterday)])
    assert of.counted == {asking(seq).identity for seq in (1, 2, 3)}
    of.load([Spent(Payer(1, 9), Tokens(completion=30), NOON), Spent(None, Tokens(prompt=500), yesterday)], [])
    assert of.totals is not None
    assert (of.totals.today, of.totals.month.total) == (100, 700)
    spend(of, asking(4), 1)
    assert refused(of, asking(5)).reason == MET
    assert of.counted == frozenset()


def test_silver_that_was_read_before_midnight_counts_as_yesterday_after_it(clock: Clock) -> None:
    of = ledger(clock, loaded=False, tokens_a_day=200)
    clock.now += timedelta(days=1)
    of.load([Spent(Payer(1, 7), Tokens(prompt=190), NOON.replace(hour=0))], [])
    assert of.totals is not None
    assert (of.totals.today, of.totals.month.total) == (0, 190)


def test_what_was_answered_before_silver_was_read_is_counted_already(clock: Clock) -> None:
    of = ledger(clock, loaded=False)
    of.settle(asking(1), Charge(), said("hello"))
    assert of.counted == {asking(1).identity}
    assert of.totals is None
    of.load([], [])
    assert of.totals is not None
    assert of.totals.today == 5


@pytest.mark.parametrize("where", ["journal", "silver", "silver, and not delivered"])
def test_whoever_was_told_before_a_restart_is_not_told_again(clock: Clock, where: str) -> None:
    of = ledger(clock, loaded=False, user_tokens_a_day=150)
    of.begin([kept(1, 140, told=MET if where == "journal" else None)])
    error = MET if where == "silver" else f"{MET}; 403 Forbidden: bot was blocked by the user"
    of.load([], [Told(error, Payer(1, 8))] if where != "journal" else [])
    assert refused(of, asking(2)).withheld


def test_what_was_told_on_another_day_or_of_another_ceiling_does_not_count(clock: Clock) -> None:
    of = ledger(clock, loaded=False, user_tokens_a_day=150)
    yesterday = reason(Ceiling.USER, NOON - timedelta(days=1))
    of.begin([kept(1, 140, told=yesterday)])
    of.load([], [Told(reason(Ceiling.CHAT, NOON), Payer(1, 7)), Told(MET, Payer(2, 7))])
    assert not refused(of, asking(2)).withheld


def test_an_answer_tells_of_a_ceiling_by_its_reason_unless_it_is_withheld() -> None:
    assert told(answer(reason=MET)) == MET
    assert [told(each) for each in (None, answer(), answer(reason="500"), answer(reason=MET, withheld=True))] == [
        None, None, None, None,
    ]  # fmt: skip


# /usage


def test_usage_waits_until_silver_was_read(clock: Clock) -> None:
    of = ledger(clock, loaded=False)
    assert of.usage(asking()) is None


def test_usage_tells_users_what_they_used_and_what_is_left(clock: Clock) -> None:
    of = ledger(clock, user_tokens_a_day=1000)
    spend(of, asking(1), 60, 12)
    spend(of, asking(2, user=2), 5)
    told_user = of.usage(asking(3))
    assert told_user is not None
    assert told_user.status is AnswerStatus.FIXED
    assert told_user.text.splitlines() == [
        "You have used 72 of your 1000 tokens today; 928 are left.",
        "The day ends at 2026-11-27 00:00 UTC.",
    ]


@pytest.mark.parametrize(
    ("chat_type", "ceilings", "lines"),
    [
        ("group", {}, ["You have used 0 tokens today."]),
        ("group", {"chat_tokens_a_day": 500}, ["You have used 0", "This chat has used 0 of its 500"]),
        ("private", {"chat_tokens_a_day": 500}, ["You have used 0", "This chat has used 0 of its 500"]),
        ("private", {"chat_tokens_a_day": 500, "user_tokens_a_day": 500}, ["You have used 0 of your 500"]),
        ("private", {"chat_tokens_a_day": 400, "user_tokens_a_day": 500}, ["You have used", "This chat has"]),
        ("private", {"tokens_a_day": 400}, ["You have used 0 tokens today."]),
    ],
)
def test_usage_shows_a_users_own_ceilings_and_never_the_owners(
    clock: Clock, chat_type: str, ceilings: dict[str, Any], lines: list[str]
) -> None:
    shown = ledger(clock, **ceilings).usage(asking(chat_type=chat_type))
    assert shown is not None
    found = shown.text.splitlines()[:-1]
    assert len(found) == len(lines)
    assert all(line.startswith(begin) for line, begin in zip(found, lines, strict=True))


def test_usage_of_somebody_unknown_is_that_of_the_chat(clock: Clock) -> None:
    of = ledger(clock)
    of.settle(asking(1), Charge(), said("hello"))
    shown = of.usage(question(chat_id=7))
    assert shown is not None
    assert shown.text.startswith("You have used 5 tokens")

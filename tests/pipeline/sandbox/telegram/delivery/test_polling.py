"""getUpdates: confirmation, long polling and conflicts."""

import pytest

from pipeline.sandbox.telegram.people.messages import UserMessage
from pipeline.sandbox.telegram.simulator import Telegram
from tests.support.simulated import refused, says, texts


@pytest.mark.shows("getUpdates")
def test_unconfirmed_updates_come_again_and_confirmed_ones_never(telegram: Telegram) -> None:
    """getUpdates: an update is confirmed as soon as getUpdates is called with an offset higher than its id."""
    for text in "abc":
        says(telegram, text)
    first = telegram.get_updates()
    assert telegram.get_updates() == first
    assert texts(telegram.get_updates(offset=first[1]["update_id"])) == ["b", "c"]
    assert texts(telegram.get_updates()) == ["b", "c"]
    assert telegram.get_updates(offset=first[2]["update_id"] + 1) == []
    assert telegram.pending() == 0


def test_a_negative_offset_counts_from_the_end_and_forgets_the_rest(telegram: Telegram) -> None:
    """getUpdates: from the -offset-th update from the end of the queue; all previous updates will be forgotten."""
    for text in "abcd":
        says(telegram, text)
    assert texts(telegram.get_updates(offset=-2)) == ["c", "d"]
    assert texts(telegram.get_updates()) == ["c", "d"]
    assert texts(telegram.get_updates(offset=-9)) == ["c", "d"]


def test_an_offset_above_a_new_random_id_drops_the_update(telegram: Telegram) -> None:
    """getUpdates: an offset higher than an update's id confirms it, whoever has seen it."""
    telegram.skip_update_ids(50)
    says(telegram, "lost to highest seen + 1")
    assert telegram.get_updates(offset=100) == []
    assert telegram.pending() == 0


@pytest.mark.parametrize(("limit", "number"), [(None, 100), (1, 1), (7, 7), (0, 1), (500, 100)])
def test_at_most_a_hundred_updates_come_at_once(telegram: Telegram, limit: int | None, number: int) -> None:
    """getUpdates: limit takes 1-100 and defaults to 100."""
    telegram.receive_all(UserMessage(text=str(n)) for n in range(120))
    assert len(telegram.get_updates(limit=limit)) == number
    assert telegram.pending() == 120


def test_a_long_poll_ends_with_the_first_update(telegram: Telegram) -> None:
    """getUpdates: timeout in seconds for long polling."""
    poll, seconds = telegram.start_poll({"timeout": "30"})
    assert seconds == 30
    assert not poll.future.done()
    says(telegram, "at last")
    assert texts(poll.future.result(0)) == ["at last"]


def test_a_long_poll_sees_everything_that_came_at_once(telegram: Telegram) -> None:
    """getUpdates: an array of Update objects is returned."""
    poll, _ = telegram.start_poll({"timeout": 30})
    telegram.receive_all([UserMessage(text="a"), UserMessage(text="b")])
    assert texts(poll.future.result(0)) == ["a", "b"]


def test_a_long_poll_whose_time_is_over_is_empty(telegram: Telegram) -> None:
    """getUpdates: timeout 0 is short polling; a long poll without news returns an empty array."""
    poll, seconds = telegram.start_poll({"timeout": 0})
    assert seconds == 0
    assert poll.future.result(0) == []
    assert telegram.get_updates(timeout=1) == []


@pytest.mark.shows("getUpdates")
def test_a_second_poll_ends_the_first(telegram: Telegram) -> None:
    """getUpdates: only one may run; the server ends the earlier with 409 Conflict."""
    first, _ = telegram.start_poll({"timeout": 30})
    second, _ = telegram.start_poll({"timeout": 30})
    code, description, _none = refused(lambda: first.future.result(0))
    assert code == 409
    assert description == (
        "Conflict: terminated by other getUpdates request; make sure that only one bot instance is running"
    )
    says(telegram)
    assert len(second.future.result(0)) == 1

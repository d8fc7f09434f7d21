"""Update ids, the age of updates and their kinds."""

import pytest

from pipeline.sandbox.json_types import Json
from pipeline.sandbox.telegram.people.messages import UserMessage
from pipeline.sandbox.telegram.simulator import Telegram
from tests.support.simulated import Clock, says, texts

DAY = 24 * 3600.0


def test_update_ids_rise_by_one(telegram: Telegram) -> None:
    """Update: update identifiers start from a certain positive number and increase sequentially."""
    for text in "abc":
        says(telegram, text)
    ids = [update["update_id"] for update in telegram.get_updates()]
    assert ids == [ids[0], ids[0] + 1, ids[0] + 2]
    assert ids[0] > 0


def test_some_kinds_come_only_on_request(telegram: Telegram) -> None:
    """getUpdates: all kinds except chat_member, message_reaction and message_reaction_count by default."""
    assert telegram.inject({"message_reaction": {}}, filtered=True) is None
    assert telegram.inject({"poll": {}}, filtered=True) is not None
    telegram.get_updates(allowed_updates=["message_reaction"])
    assert telegram.inject({"message_reaction": {}}, filtered=True) is not None
    assert telegram.inject({"poll": {}}, filtered=True) is None


def test_allowed_updates_persist_until_they_are_given_again(telegram: Telegram) -> None:
    """getUpdates: if not specified, the previous setting will be used; an empty list is the default."""
    telegram.get_updates(allowed_updates=["edited_message"])
    telegram.get_updates()
    assert telegram.receive(UserMessage(text="unseen")).update_id is None
    telegram.get_updates(allowed_updates=[])
    assert telegram.receive(UserMessage(text="seen")).update_id is not None


def test_allowed_updates_leave_earlier_updates_in_the_queue(telegram: Telegram) -> None:
    """getUpdates: allowed_updates doesn't affect updates created before the call."""
    says(telegram, "earlier")
    assert texts(telegram.get_updates(allowed_updates=["callback_query"])) == ["earlier"]


def test_updates_are_kept_for_a_day(telegram: Telegram, clock: Clock) -> None:
    """Getting updates: incoming updates will not be kept longer than 24 hours."""
    says(telegram, "old")
    clock.seconds += DAY - 1
    says(telegram, "young")
    assert texts(telegram.get_updates()) == ["old", "young"]
    clock.seconds += 2
    assert texts(telegram.get_updates()) == ["young"]


def test_after_a_week_of_silence_the_next_id_is_random(telegram: Telegram, clock: Clock) -> None:
    """Update: without new updates for at least a week the next update's identifier is chosen randomly."""
    before = telegram.receive(UserMessage(text="a")).update_id
    clock.seconds += 8 * DAY
    after = telegram.receive(UserMessage(text="b")).update_id
    following = telegram.receive(UserMessage(text="c")).update_id
    assert before is not None
    assert after is not None
    assert after != before + 1
    assert following == after + 1


def test_a_raw_update_is_delivered_as_it_is(telegram: Telegram) -> None:
    """Update: at most one of the optional parameters can be present. A bot must survive whatever comes."""
    odd: list[Json] = [
        {"update_id": 2**60, "message": {"text": 5, "chat": {"id": -(2**70)}}},
        {"message": "\ud800"},
        {"update_id": "no number", "message": None},
        {},
    ]
    ids = [telegram.inject(update) for update in odd]
    got = telegram.get_updates()
    assert got[0] == odd[0]
    assert got[2] == odd[2]
    assert got[1] == {"update_id": 2**60 + 1, "message": "\ud800"}
    assert ids == [2**60, 2**60 + 1, 2**60 + 2, 2**60 + 3]
    assert telegram.get_updates(offset=2**60 + 4) == []


@pytest.mark.parametrize("given", ["mesage", ["mesage"], [7], "[", {"message": True}])
def test_a_list_of_no_known_kind_gives_what_everybody_gets(telegram: Telegram, given: object) -> None:
    """getUpdates: allowed_updates; the server says nothing of what it can't read."""
    telegram.call("setWebhook", {"url": "http://127.0.0.1:1/", "allowed_updates": given})
    telegram.call("deleteWebhook", {})
    telegram.start_poll({"allowed_updates": given})
    says(telegram)
    assert telegram.pending() == 1


def test_a_list_that_can_not_be_read_changes_nothing(telegram: Telegram) -> None:
    """getUpdates: if not specified, the previous setting will be used."""
    telegram.get_updates(allowed_updates=["CALLBACK_query", "unknown"])
    telegram.start_poll({"allowed_updates": "["})
    assert telegram.call("getWebhookInfo", {})["allowed_updates"] == ["callback_query"]

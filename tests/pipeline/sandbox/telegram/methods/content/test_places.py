"""Places, contacts and dice."""

from functools import partial
from typing import Any

import pytest

from pipeline.sandbox.json_types import Json
from pipeline.sandbox.telegram.simulator import Telegram
from tests.support.simulated import refused, says

VIENNA = {"latitude": "48.2", "longitude": 16.4}


def sent(telegram: Telegram, method: str, **parameters: Any) -> Json:
    message: Json = telegram.call(method, {"chat_id": 1, **parameters})
    return message


@pytest.mark.shows("sendLocation")
def test_a_location_may_be_live(telegram: Telegram) -> None:
    """sendLocation: live_period, 60 to 86400 seconds, or 0x7FFFFFFF for live locations that can be edited forever."""
    says(telegram)
    assert sent(telegram, "sendLocation", **VIENNA)["location"] == {"latitude": 48.2, "longitude": 16.4}
    live = sent(telegram, "sendLocation", **VIENNA, live_period=60, heading=90, horizontal_accuracy=2000)["location"]
    assert (live["live_period"], live["heading"], live["horizontal_accuracy"]) == (60, 90, 1500.0)
    for wrong in (59, 86_401):
        refusal = refused(partial(sent, telegram, "sendLocation", **VIENNA, live_period=wrong))
        assert refusal[:2] == (400, "Bad Request: wrong live location period specified")
    sent(telegram, "sendLocation", **VIENNA, live_period=0x7FFFFFFF)


@pytest.mark.parametrize(
    ("place", "reason"),
    [
        ({}, "latitude is empty"),
        ({"latitude": 1}, "longitude is empty"),
        ({"latitude": 91, "longitude": 0}, "invalid location specified"),
        ({"latitude": 0, "longitude": -180.5}, "invalid location specified"),
    ],
)
def test_a_location_is_on_the_map(telegram: Telegram, place: Json, reason: str) -> None:
    """sendLocation: latitude and longitude."""
    says(telegram)
    assert refused(lambda: sent(telegram, "sendLocation", **place))[:2] == (400, f"Bad Request: {reason}")
    assert refused(lambda: sent(telegram, "sendVenue", **place))[:2] == (400, f"Bad Request: {reason}")


@pytest.mark.shows("sendVenue")
def test_a_venue_is_a_location_with_a_name(telegram: Telegram) -> None:
    """sendVenue: title and address; Message: for backward compatibility, the location field will also be set."""
    says(telegram)
    message = sent(telegram, "sendVenue", **VIENNA, title="Opera", address="Opernring 2", google_place_id="g1")
    assert message["venue"] == {
        "location": {"latitude": 48.2, "longitude": 16.4},
        "title": "Opera",
        "address": "Opernring 2",
        "google_place_id": "g1",
    }
    assert message["location"] == message["venue"]["location"]


@pytest.mark.shows("sendContact")
def test_a_contact_has_a_number_and_a_name(telegram: Telegram) -> None:
    """sendContact: phone_number and first_name are required."""
    says(telegram)
    contact = {"phone_number": "+43 1", "first_name": "Ada", "last_name": "L"}
    assert sent(telegram, "sendContact", **contact)["contact"] == contact
    for name in ("phone_number", "first_name"):
        without = contact | {name: ""}
        refusal = refused(partial(sent, telegram, "sendContact", **without))
        assert refusal[:2] == (400, f'Bad Request: parameter "{name}" is required')


@pytest.mark.shows("sendDice")
@pytest.mark.parametrize(("emoji", "sides"), [("🎲", 6), ("🎯", 6), ("🎳", 6), ("🏀", 5), ("⚽️", 5), ("🎰", 64)])
def test_a_dice_has_its_sides(telegram: Telegram, emoji: str, sides: int) -> None:
    """Dice: value 1-6 for 🎲, 🎯 and 🎳, 1-5 for 🏀 and ⚽, 1-64 for 🎰."""
    says(telegram)
    values = {sent(telegram, "sendDice", emoji=emoji)["dice"]["value"] for _ in range(sides * 12)}
    assert values == set(range(1, sides + 1))


def test_dice_fall_alike_in_each_new_simulator(telegram: Telegram) -> None:
    """sendDice: emoji defaults to 🎲; anything else is refused."""
    other = Telegram()
    says(telegram)
    says(other)
    thrown = [[sent(each, "sendDice")["dice"] for _ in range(8)] for each in (telegram, other)]
    assert thrown[0] == thrown[1]
    assert thrown[0][0]["emoji"] == "🎲"
    assert refused(lambda: sent(telegram, "sendDice", emoji="🪙"))[:2] == (400, "Bad Request: EMOTICON_INVALID")

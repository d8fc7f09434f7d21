"""Methods that send a place, a contact or a dice: https://core.telegram.org/bots/api#sendlocation and below."""

import re

from pipeline.sandbox.json_types import Json, Parameters
from pipeline.sandbox.telegram.content.media import sent_record
from pipeline.sandbox.telegram.errors import bad_request
from pipeline.sandbox.telegram.methods.sending import Destination, destination, send
from pipeline.sandbox.telegram.methods.table import bot_api_method
from pipeline.sandbox.telegram.parameters import integer
from pipeline.sandbox.telegram.state import TelegramState

_FOREVER = 0x7FFFFFFF
_SIDES = {"🎲": 6, "🎯": 6, "🎳": 6, "🏀": 5, "⚽": 5, "🎰": 64}
_LEADING_NUMBER = re.compile(r"[+-]?\d+(\.\d*)?")


@bot_api_method
def send_location(state: TelegramState, parameters: Parameters) -> Json:
    """A location is on the map; a live one lasts 60 to 86400 seconds, or for ever."""
    location = _location(parameters)
    to = destination(state, parameters)
    _check_on_map(location)
    live_period = integer(parameters, "live_period", 0)
    if live_period:
        if not 60 <= live_period <= 86_400 and live_period != _FOREVER:
            raise bad_request("wrong live location period specified")
        location["live_period"] = live_period
        for name in ("heading", "proximity_alert_radius"):
            if parameters.get(name):
                location[name] = integer(parameters, name, 0)
    return _send(state, to, {"location": location})


@bot_api_method
def send_venue(state: TelegramState, parameters: Parameters) -> Json:
    """A venue is a location with a title and an address."""
    location = _location(parameters)
    to = destination(state, parameters)
    _check_on_map(location)
    venue: Json = {"location": location} | {name: str(parameters.get(name, "")) for name in ("title", "address")}
    for name in ("foursquare_id", "foursquare_type", "google_place_id", "google_place_type"):
        if parameters.get(name):
            venue[name] = str(parameters[name])
    return _send(state, to, {"venue": venue, "location": location})


@bot_api_method
def send_contact(state: TelegramState, parameters: Parameters) -> Json:
    """A contact has a phone number and a first name."""
    contact = {}
    for name in ("phone_number", "first_name"):
        if not parameters.get(name):
            raise bad_request(f'parameter "{name}" is required')
        contact[name] = str(parameters[name])
    for name in ("last_name", "vcard"):
        if parameters.get(name):
            contact[name] = str(parameters[name])
    return _send(state, destination(state, parameters), {"contact": contact})


@bot_api_method
def send_dice(state: TelegramState, parameters: Parameters) -> Json:
    """A dice shows 1 to 6 (🎲 🎯 🎳), 1 to 5 (🏀 ⚽) or 1 to 64 (🎰); each new simulator has the same luck."""
    emoji = str(parameters.get("emoji") or "🎲").replace("\ufe0f", "")
    to = destination(state, parameters)
    if emoji not in _SIDES:
        raise bad_request("EMOTICON_INVALID")
    return _send(state, to, {"dice": {"emoji": emoji, "value": state.chance.randint(1, _SIDES[emoji])}})


def _send(state: TelegramState, to: Destination, content: Json) -> Json:
    return send(state, to, content, sent_record(next(iter(content))))


def _location(parameters: Parameters) -> Json:
    location: Json = {}
    for name in ("latitude", "longitude"):
        text = str(parameters.get(name, "")).strip()
        if not text:
            raise bad_request(f"{name} is empty")
        location[name] = _number(text)
    accuracy = _number(str(parameters.get("horizontal_accuracy", "")))
    return location | ({"horizontal_accuracy": min(accuracy, 1500.0)} if accuracy > 0 else {})


def _number(text: str) -> float:
    """The number that a text begins with, else 0, as the real server reads it."""
    match = _LEADING_NUMBER.match(text.strip())
    return float(match[0]) if match else 0.0


def _check_on_map(location: Json) -> None:
    if abs(location["latitude"]) > 90 or abs(location["longitude"]) > 180:
        raise bad_request("invalid location specified")

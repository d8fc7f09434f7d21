"""Entities that a bot gives with its text: https://core.telegram.org/bots/api#messageentity."""

from typing import Any

from pipeline.sandbox.telegram.errors import bad_request
from pipeline.sandbox.telegram.text.marked import utf16_length

_FOUND_ANYWAY = frozenset(
    {"mention", "hashtag", "cashtag", "bot_command", "url", "email", "phone_number", "bank_card_number"}
)
_MARKS = frozenset(
    {
        "bold",
        "italic",
        "underline",
        "strikethrough",
        "spoiler",
        "blockquote",
        "expandable_blockquote",
        "code",
        "pre",
        "text_link",
        "text_mention",
        "custom_emoji",
        "date_time",
    }
)
_REQUIRED = {
    "text_link": ("url", str, "String"),
    "text_mention": ("user", dict, "Object"),
    "custom_emoji": ("custom_emoji_id", str, "String"),
    "date_time": ("unix_time", int, "Number"),
}


def given_entities(text: str, given: list[Any]) -> list[dict[str, Any]]:
    """The entities of `text`, cut to its length, in their order; those that Telegram finds by itself are left to it.

    MethodError 400 for a value that is no MessageEntity object, and for an entity that splits a character.
    """
    entities = [entity for entity in map(_entity, given) if entity is not None]
    boundaries, whole = {0}, 0
    for character in text:
        whole += utf16_length(character)
        boundaries.add(whole)
    kept = []
    for entity in entities:
        start, end = entity["offset"], min(entity["offset"] + entity["length"], whole)
        for place, name in ((start, "begins"), (end, "ends")):
            if place < whole and place not in boundaries:
                raise bad_request(f"entity {name} in a middle of a UTF-16 symbol at byte offset {place}")
        if end > start:
            kept.append(entity | {"length": end - start})
    kept.sort(key=lambda entity: (entity["offset"], -entity["length"]))
    return kept


def _entity(value: object) -> dict[str, Any] | None:
    """The entity without fields that its kind doesn't have; None for a kind that Telegram finds by itself."""
    if not isinstance(value, dict):
        raise _unreadable("expected an Object")
    offset, length = _field(value, "offset", int, "Number"), _field(value, "length", int, "Number")
    kind = _field(value, "type", str, "String")
    if kind in _FOUND_ANYWAY:
        return None
    if kind not in _MARKS:
        raise _unreadable("unsupported type specified")
    entity = {"type": kind, "offset": offset, "length": length}
    if kind in _REQUIRED:
        name, value_type, type_name = _REQUIRED[kind]
        entity[name] = _field(value, name, value_type, type_name)
    if kind == "text_mention":
        _field(entity["user"], "id", int, "Number")
        entity["user"] = {"is_bot": False, "first_name": "User"} | entity["user"]
    for name in ("language", "date_time_format"):
        if isinstance(value.get(name), str) and kind == {"language": "pre"}.get(name, "date_time"):
            entity[name] = value[name]
    if offset < 0 or offset > 1_000_000:
        raise bad_request(f"receive an entity with incorrect offset {offset}")
    if length < 0 or length > 1_000_000:
        raise bad_request(f"receive an entity with incorrect length {length}")
    return entity


def _field(value: dict[str, Any], name: str, value_type: type, type_name: str) -> Any:
    if name not in value:
        raise _unreadable(f'Can\'t find field "{name}"')
    if not isinstance(value[name], value_type) or isinstance(value[name], bool):
        raise _unreadable(f'Field "{name}" must be of type {type_name}')
    return value[name]


def _unreadable(reason: str) -> Exception:
    return bad_request(f"can't parse MessageEntity: {reason}")

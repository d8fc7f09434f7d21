"""The results with which a bot answers an inline query: https://core.telegram.org/bots/api#inlinequeryresult."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from pipeline.sandbox.json_types import Json
from pipeline.sandbox.telegram.content.fields import (
    FieldError,
    optional_string,
    refused,
    required_integer,
    required_number,
    required_object,
    required_string,
)
from pipeline.sandbox.telegram.content.keyboards import expect_inline, parsed_markup
from pipeline.sandbox.telegram.content.media import FILES_OF_RESULTS
from pipeline.sandbox.telegram.errors import MethodError
from pipeline.sandbox.telegram.text.formatted import formatted_caption, formatted_text

_MOST_RESULTS = 50
_LONGEST_ID = 64
"""Bytes."""
_TYPES = frozenset(
    [
        "article",
        "audio",
        "contact",
        "document",
        "game",
        "gif",
        "location",
        "mpeg4_gif",
        "photo",
        "sticker",
        "venue",
        "video",
        "voice",
    ]
)


@dataclass(frozen=True)
class InlineResult:
    """A result, and the message that it becomes when a person chooses it."""

    id: str
    given: Json
    content: Json | None
    """Fields of the Message; None for a file without input_message_content: they follow when it is chosen."""
    reply_markup: Json | None


def inline_results(given: Any) -> list[InlineResult]:
    """MethodError 400 in the server's words."""
    if given is None:
        return []
    if not isinstance(given, list):
        raise refused("Expected an Array of inline query results")
    if len(given) > _MOST_RESULTS:
        raise refused("Too many inline query results specified")
    results = []
    for result in given:
        try:
            results.append(_result(result))
        except FieldError as error:
            raise refused(f"Can't parse inline query result: {error}") from None
    ids = [result.id for result in results]
    if any(not 1 <= len(each.encode(errors="surrogatepass")) <= _LONGEST_ID for each in ids):
        raise refused("RESULT_ID_INVALID")
    if len(set(ids)) < len(ids):
        raise refused("RESULT_ID_DUPLICATE")
    return results


def _result(given: Any) -> InlineResult:
    if not isinstance(given, dict):
        raise FieldError("Inline query result must be an object")
    kind = required_string(given, "type").lower()
    result_id = required_string(given, "id")
    content = _content(given, kind)
    _check_caption(given)
    markup = parsed_markup(given.get("reply_markup"), None)
    expect_inline(markup)
    if kind not in _TYPES:
        raise FieldError(f'type "{kind}" is unsupported for the inline query result')
    if kind in ("article", "document", "location", "venue", "video", "voice"):
        required_string(given, "title")
    if kind in FILES_OF_RESULTS:
        _check_file(given, kind)
    return InlineResult(result_id, given, content, markup)


def _check_caption(given: Json) -> None:
    caption = {"caption": optional_string(given, "caption")}
    try:
        formatted_caption({**given, **caption})
    except MethodError as error:
        raise _as_field_error(error) from None


def _check_file(given: Json, kind: str) -> None:
    """A file is named by its address or by its file_id. FieldError for one that is named by neither."""
    prefix = FILES_OF_RESULTS[kind][1]
    if not optional_string(given, f"{prefix}_url") or kind == "sticker":
        required_string(given, f"{prefix}_file_id")
    elif kind == "audio":
        required_string(given, "title")
    elif kind in ("document", "video"):
        required_string(given, "mime_type")


def _as_field_error(error: MethodError) -> FieldError:
    reason = error.description.removeprefix("Bad Request: ")
    return FieldError(reason[:1].upper() + reason[1:])


def _content(given: Json, kind: str) -> Json | None:
    if given.get("input_message_content") is not None:
        found = _first_content(required_object(given, "input_message_content"))
        if found is None and kind == "article":
            raise FieldError("Input message content is not specified")
        if found is not None:
            return found
    elif kind == "article" or given.get("message_text") is not None:
        # The form that the Bot API had before input_message_content: the text is in the result itself.
        required_string(given, "message_text")
        return _text(given)
    if kind in ("contact", "location", "venue"):
        return _CONTENTS[{"contact": "phone_number", "location": "latitude", "venue": "address"}[kind]](given)
    return None


def _first_content(given: Json) -> Json | None:
    for name, read in _CONTENTS.items():
        if given.get(name) not in (None, ""):
            return read(given)
    return None


def _text(given: Json) -> Json:
    try:
        formatted = formatted_text({**given, "text": optional_string(given, "message_text")})
    except MethodError as error:
        raise _as_field_error(error) from None
    content: Json = {"text": formatted.marked.text}
    return content | {"entities": formatted.marked.entities} if formatted.marked.entities else content


def _venue(given: Json) -> Json:
    venue = {name: required_string(given, name) for name in ("title", "address")}
    return {"venue": {**_location(given), **venue}, **_location(given)}


def _location(given: Json) -> Json:
    location: Json = {name: required_number(given, name) for name in ("latitude", "longitude")}
    if given.get("live_period") is not None:
        location["live_period"] = required_integer(given, "live_period")
    return {"location": location}


def _contact(given: Json) -> Json:
    contact = {name: required_string(given, name) for name in ("phone_number", "first_name")}
    optional = {name: optional_string(given, name) for name in ("last_name", "vcard")}
    return {"contact": contact | {name: value for name, value in optional.items() if value}}


# By the field that tells one kind of content from the others, in the server's order.
_CONTENTS: dict[str, Callable[[Json], Json]] = {
    "message_text": _text,
    "address": _venue,
    "latitude": _location,
    "phone_number": _contact,
}

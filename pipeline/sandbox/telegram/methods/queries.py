"""Methods that answer what people ask of the bot with a button or in inline mode.

https://core.telegram.org/bots/api#answercallbackquery, https://core.telegram.org/bots/api#answerinlinequery.
"""

import re
from typing import TypeVar

from pipeline.sandbox.json_types import Json, Parameters
from pipeline.sandbox.telegram.content.fields import FieldError, refused, required_object, required_string
from pipeline.sandbox.telegram.content.inline_results import inline_results
from pipeline.sandbox.telegram.content.media import check_inline_file
from pipeline.sandbox.telegram.content.queries import ANSWER_WITHIN, CallbackQuery, InlineAnswer, InlineQuery
from pipeline.sandbox.telegram.methods.table import bot_api_method
from pipeline.sandbox.telegram.parameters import boolean, decoded
from pipeline.sandbox.telegram.state import TelegramState
from pipeline.sandbox.telegram.text.marked import utf16_length

_LONGEST_NOTIFICATION = 200
_LONGEST_OFFSET = 64
"""Bytes."""
_START_PARAMETER = re.compile(r"[A-Za-z0-9_-]+")
_LONGEST_START_PARAMETER = 64

_Query = TypeVar("_Query", CallbackQuery, InlineQuery)


@bot_api_method
def answer_callback_query(state: TelegramState, parameters: Parameters) -> bool:
    """A pressed button is answered within 15 seconds, with a text of up to 200 characters; later it is an error."""
    query = _open(state, state.queries.callbacks.get(str(parameters.get("callback_query_id"))))
    text = str(parameters.get("text") or "")
    url = str(parameters.get("url") or "")
    if utf16_length(text) > _LONGEST_NOTIFICATION:
        raise refused("MESSAGE_TOO_LONG")
    if url and not _opens_the_bot(state, url):
        raise refused("URL_INVALID")
    if query.answer is not None:
        # A second answer is accepted, and nobody sees it.
        return True
    query.answer = {"text": text, "show_alert": boolean(parameters, "show_alert"), "url": url}
    state.activity.notify(
        "callback_answer", query.chat_id, user_id=query.user_id, callback_query_id=query.id, **query.answer
    )
    return True


@bot_api_method
def answer_inline_query(state: TelegramState, parameters: Parameters) -> bool:
    """An inline query is answered within 15 seconds, with up to 50 results whose ids of 1 to 64 bytes differ."""
    results = inline_results(decoded(parameters, "results", "can't parse JSON encoded inline query results"))
    button = _button(parameters)
    next_offset = str(parameters.get("next_offset") or "")
    for result in results:
        check_inline_file(state.files, result.given)
    query = _open(state, state.queries.inline.get(str(parameters.get("inline_query_id"))))
    if len(next_offset.encode(errors="surrogatepass")) > _LONGEST_OFFSET:
        raise refused("NEXT_OFFSET_INVALID")
    query.answer = InlineAnswer(results, next_offset, button)
    state.activity.notify(
        "inline_results",
        query.chat_id,
        user_id=query.user["id"],
        inline_query_id=query.id,
        **query.answer.as_json(),
    )
    return True


def _open(state: TelegramState, query: _Query | None) -> _Query:
    """The query, while it can be answered. MethodError 400."""
    if query is None or state.now() - query.asked_at > ANSWER_WITHIN:
        raise refused("query is too old and response timeout expired or query ID is invalid")
    return query


def _opens_the_bot(state: TelegramState, url: str) -> bool:
    """Whether a callback's answer may open this: a link to the bot itself. Games, which open others, don't exist."""
    name = re.escape(state.account.username)
    links = rf"(?:https?://)?(?:t|telegram)\.me/{name}(?:[/?].*)?|tg://resolve/?\?domain={name}(?:&.*)?"
    return re.fullmatch(links, url, re.IGNORECASE) is not None


def _button(parameters: Parameters) -> Json | None:
    """The InlineQueryResultsButton, with the one field that says what it does."""
    given = decoded(parameters, "button", "can't parse inline query results button JSON object")
    if given is None:
        return None
    try:
        if not isinstance(given, dict):
            raise FieldError("InlineQueryResultsButton must be an Object")
        text = required_string(given, "text")
        if given.get("start_parameter") is not None:
            return {"text": text, "start_parameter": _start_parameter(required_string(given, "start_parameter"))}
        if given.get("web_app") is not None:
            return {"text": text, "web_app": {"url": required_string(required_object(given, "web_app"), "url")}}
        raise FieldError("InlineQueryResultsButton must have exactly one optional field")
    except FieldError as error:
        raise refused(f"Can't parse inline query results button: {error}") from None


def _start_parameter(value: str) -> str:
    if not value:
        raise refused("Can't use empty start_parameter")
    if len(value) > _LONGEST_START_PARAMETER:
        raise refused("Too long start_parameter specified")
    if _START_PARAMETER.fullmatch(value) is None:
        raise refused("Unallowed characters in start_parameter are used")
    return value

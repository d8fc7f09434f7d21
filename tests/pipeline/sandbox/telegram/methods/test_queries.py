"""Answers of the bot to pressed buttons and to inline queries."""

import pytest

from pipeline.sandbox.json_types import Json
from pipeline.sandbox.telegram.simulator import Telegram
from tests.support.simulated import Clock, performs, refused, says, send

INLINE: Json = {"inline_keyboard": [[{"text": "Yes", "callback_data": "yes"}]]}
ARTICLE: Json = {
    "type": "article",
    "id": "1",
    "title": "Hello",
    "input_message_content": {"message_text": "Hello"},
}
TOO_OLD = (400, "Bad Request: query is too old and response timeout expired or query ID is invalid")


def _pressed(telegram: Telegram) -> str:
    """The id of a callback query."""
    says(telegram)
    message = send(telegram, reply_markup=INLINE)
    query_id: str = performs(telegram, "callbacks", message_id=message["message_id"], data="yes")["callback_query_id"]
    return query_id


def _typed(telegram: Telegram) -> str:
    """The id of an inline query."""
    says(telegram)
    query_id: str = performs(telegram, "inline_queries", query="cats")["inline_query_id"]
    return query_id


@pytest.mark.shows("answerCallbackQuery")
def test_the_person_sees_the_answer_to_a_button(telegram: Telegram) -> None:
    """answerCallbackQuery: text is shown as a notification, or as an alert with show_alert."""
    query_id = _pressed(telegram)
    assert performs(telegram, "callbacks/answer", callback_query_id=query_id)["answered"] is False
    events: list[Json] = []
    telegram.listen(events.append)
    given = {"callback_query_id": query_id, "text": "x" * 200, "show_alert": "true"}
    assert telegram.call("answerCallbackQuery", given) is True
    seen = {"text": "x" * 200, "show_alert": True, "url": ""}
    assert events == [{"type": "callback_answer", "chat_id": 1, "user_id": 1, "callback_query_id": query_id, **seen}]
    assert performs(telegram, "callbacks/answer", callback_query_id=query_id) == {"answered": True, **seen}
    assert telegram.call("answerCallbackQuery", {"callback_query_id": query_id, "text": "again"}) is True
    assert len(events) == 1


def test_an_answer_is_short_and_opens_only_the_bot(telegram: Telegram) -> None:
    """answerCallbackQuery: text has 0-200 characters; url is a game's, or t.me/your_bot?start=XXXX."""
    query_id = _pressed(telegram)

    def answer(**more: object) -> object:
        return telegram.call("answerCallbackQuery", {"callback_query_id": query_id, **more})

    assert refused(lambda: answer(text="x" * 201))[:2] == (400, "Bad Request: MESSAGE_TOO_LONG")
    assert refused(lambda: answer(url="https://example.com"))[:2] == (400, "Bad Request: URL_INVALID")
    assert answer(url="https://t.me/sandbox_bot?start=abc") is True


def test_a_query_that_is_too_old_or_unknown_has_no_answer(clock: Clock) -> None:
    """No rule of the Bot API's pages: the server's words."""
    telegram = Telegram(clock=clock, now=clock)
    callback, inline = _pressed(telegram), _typed(telegram)
    for query_id in ("1", "", "x", None):
        given: Json = {"callback_query_id": query_id, "inline_query_id": query_id, "results": []}
        assert refused(lambda: telegram.call("answerCallbackQuery", given))[:2] == TOO_OLD  # noqa: B023
        assert refused(lambda: telegram.call("answerInlineQuery", given))[:2] == TOO_OLD  # noqa: B023
    given = {"callback_query_id": callback, "inline_query_id": inline, "results": []}
    clock.seconds += 15
    assert telegram.call("answerCallbackQuery", given) is True
    assert telegram.call("answerInlineQuery", given) is True
    clock.seconds += 1
    assert refused(lambda: telegram.call("answerCallbackQuery", given))[:2] == TOO_OLD
    assert refused(lambda: telegram.call("answerInlineQuery", given))[:2] == TOO_OLD


@pytest.mark.shows("answerInlineQuery")
def test_the_person_sees_the_results_of_an_inline_query(telegram: Telegram) -> None:
    """answerInlineQuery: results, next_offset for more of them, and a button above them."""
    query_id = _typed(telegram)
    assert performs(telegram, "inline_queries/results", inline_query_id=query_id)["answered"] is False
    events: list[Json] = []
    telegram.listen(events.append)
    button = {"text": "More", "start_parameter": "more-1"}
    given = {"inline_query_id": query_id, "results": [ARTICLE], "next_offset": "50", "button": button}
    assert telegram.call("answerInlineQuery", given) is True
    seen = {"results": [ARTICLE], "next_offset": "50", "button": button}
    assert events == [{"type": "inline_results", "chat_id": 1, "user_id": 1, "inline_query_id": query_id, **seen}]
    assert performs(telegram, "inline_queries/results", inline_query_id=query_id) == {"answered": True, **seen}


@pytest.mark.parametrize(
    ("parameters", "said"),
    [
        ({"results": "["}, "can't parse JSON encoded inline query results"),
        ({"results": [ARTICLE, ARTICLE]}, "RESULT_ID_DUPLICATE"),
        (
            {"results": [{"type": "photo", "id": "p", "photo_file_id": "AgACno"}]},
            "wrong remote file identifier specified: can't unserialize it",
        ),
        ({"next_offset": "x" * 65}, "NEXT_OFFSET_INVALID"),
        ({"button": "["}, "can't parse inline query results button JSON object"),
        (
            {"button": []},
            "can't parse inline query results button: InlineQueryResultsButton must be an Object",
        ),
        (
            {"button": {"text": "More"}},
            "can't parse inline query results button: InlineQueryResultsButton must have exactly one optional field",
        ),
        ({"button": {"text": "More", "start_parameter": ""}}, "can't use empty start_parameter"),
        ({"button": {"text": "More", "start_parameter": "x" * 65}}, "too long start_parameter specified"),
        ({"button": {"text": "More", "start_parameter": "a b"}}, "unallowed characters in start_parameter are used"),
    ],
)
def test_a_wrong_answer_to_an_inline_query_is_refused(telegram: Telegram, parameters: Json, said: str) -> None:
    """answerInlineQuery: next_offset has up to 64 bytes; start_parameter has 1-64 characters A-Z, a-z, 0-9, _ and -."""
    query_id = _typed(telegram)
    given = {"inline_query_id": query_id, "results": [], **parameters}
    assert refused(lambda: telegram.call("answerInlineQuery", given))[:2] == (400, f"Bad Request: {said}")
    web_app = {"text": "App", "web_app": {"url": "https://example.com/"}}
    assert telegram.call("answerInlineQuery", {"inline_query_id": query_id, "results": "[]", "button": web_app}) is True

"""Results of inline queries."""

from typing import Any

import pytest

from pipeline.sandbox.json_types import Json
from pipeline.sandbox.telegram.content.inline_results import inline_results
from tests.support.simulated import refused

ARTICLE: Json = {
    "type": "article",
    "id": "1",
    "title": "Hello",
    "input_message_content": {"message_text": "<b>Hello</b>", "parse_mode": "HTML"},
}


def test_an_article_becomes_a_text() -> None:
    """InlineQueryResultArticle: input_message_content is the content of the message to be sent."""
    (result,) = inline_results([ARTICLE])
    assert result.content == {"text": "Hello", "entities": [{"type": "bold", "offset": 0, "length": 5}]}
    assert (result.id, result.given, result.reply_markup) == ("1", ARTICLE, None)
    assert inline_results(None) == []


@pytest.mark.parametrize(
    ("content", "becomes"),
    [
        ({"latitude": 1, "longitude": 2.5}, {"location": {"latitude": 1.0, "longitude": 2.5}}),
        (
            {"latitude": 1, "longitude": 2, "title": "Home", "address": "Street 1"},
            {
                "location": {"latitude": 1.0, "longitude": 2.0},
                "venue": {
                    "location": {"latitude": 1.0, "longitude": 2.0},
                    "title": "Home",
                    "address": "Street 1",
                },
            },
        ),
        (
            {"phone_number": "+15550100", "first_name": "Ada"},
            {"contact": {"phone_number": "+15550100", "first_name": "Ada"}},
        ),
    ],
)
def test_a_result_may_be_a_place_or_a_contact(content: Json, becomes: Json) -> None:
    """InputMessageContent: text, location, venue or contact."""
    (result,) = inline_results([ARTICLE | {"input_message_content": content}])
    assert result.content == becomes


def test_a_file_needs_no_content() -> None:
    """InlineQueryResultPhoto: input_message_content is optional."""
    photo = {"type": "photo", "id": "p", "photo_url": "https://example.com/p.jpg"}
    assert inline_results([photo])[0].content is None
    contact = {"type": "contact", "id": "c", "phone_number": "+15550100", "first_name": "Ada"}
    assert inline_results([contact])[0].content == {"contact": {"phone_number": "+15550100", "first_name": "Ada"}}


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({}, "expected an Array of inline query results"),
        ([ARTICLE] * 51, "too many inline query results specified"),
        (["x"], "can't parse inline query result: Inline query result must be an object"),
        ([{"id": "1"}], "can't parse inline query result: Can't find field \"type\""),
        ([{"type": "article"}], "can't parse inline query result: Can't find field \"id\""),
        (
            [{"type": "article", "id": "1", "title": "x"}],
            "can't parse inline query result: Can't find field \"message_text\"",
        ),
        (
            [ARTICLE | {"input_message_content": {}}],
            "can't parse inline query result: Input message content is not specified",
        ),
        (
            [ARTICLE | {"input_message_content": {"message_text": " "}}],
            "can't parse inline query result: Text must be non-empty",
        ),
        ([ARTICLE | {"title": None}], "can't parse inline query result: Can't find field \"title\""),
        ([ARTICLE | {"reply_markup": {"keyboard": [["x"]]}}], "inline keyboard expected"),
        ([ARTICLE | {"id": "x" * 65}], "RESULT_ID_INVALID"),
        ([ARTICLE, ARTICLE], "RESULT_ID_DUPLICATE"),
        *[
            ([{"id": "1", **result}], f"can't parse inline query result: Can't find field \"{name}\"")
            for result, name in (
                ({"type": "photo"}, "photo_file_id"),
                ({"type": "gif"}, "gif_file_id"),
                ({"type": "mpeg4_gif"}, "mpeg4_file_id"),
                ({"type": "sticker"}, "sticker_file_id"),
                ({"type": "audio"}, "audio_file_id"),
                ({"type": "audio", "audio_url": "https://example.com/a.mp3"}, "title"),
                ({"type": "voice"}, "title"),
                ({"type": "voice", "title": "x"}, "voice_file_id"),
                ({"type": "video"}, "title"),
                ({"type": "video", "title": "x"}, "video_file_id"),
                ({"type": "video", "title": "x", "video_url": "https://example.com/v.mp4"}, "mime_type"),
                ({"type": "document", "title": "x"}, "document_file_id"),
                ({"type": "document", "title": "x", "document_url": "https://example.com/d.pdf"}, "mime_type"),
            )
        ],
        (
            [
                {
                    "type": "photo",
                    "id": "1",
                    "photo_url": "https://x.org/p.jpg",
                    "caption": "*a",
                    "parse_mode": "Markdown",
                }
            ],
            "can't parse inline query result: Can't parse entities: Can't find end of the entity starting at byte"
            " offset 0",
        ),
        (
            [ARTICLE | {"type": "painting"}],
            'can\'t parse inline query result: type "painting" is unsupported for the inline query result',
        ),
    ],
)
def test_a_wrong_result_is_refused_in_the_servers_words(given: Any, said: str) -> None:
    """answerInlineQuery: no more than 50 results; their ids have 1-64 bytes."""
    assert refused(lambda: inline_results(given))[:2] == (400, f"Bad Request: {said}")

"""What a bot wants of the preview of a link."""

import pytest

from pipeline.sandbox.json_types import Json
from pipeline.sandbox.telegram.simulator import Telegram
from tests.support.simulated import refused, says, send


@pytest.mark.parametrize(
    ("given", "kept"),
    [
        ({"link_preview_options": '{"is_disabled": true, "url": ""}'}, {"is_disabled": True}),
        ({"disable_web_page_preview": True}, {"is_disabled": True}),
        (
            {"link_preview_options": {"url": "https://example.org/", "show_above_text": True}},
            {"url": "https://example.org/", "show_above_text": True},
        ),
        ({"link_preview_options": {"is_disabled": False}}, None),
    ],
)
def test_what_the_bot_wants_of_a_preview_is_in_the_message(telegram: Telegram, given: Json, kept: Json | None) -> None:
    """Message: link_preview_options, if it is a text message and link preview options were changed."""
    says(telegram)
    message = send(telegram, text="https://example.com/", **given)
    assert message.get("link_preview_options") == kept
    edit = {"chat_id": 1, "message_id": message["message_id"], "text": "new"}
    assert "link_preview_options" not in telegram.call("editMessageText", edit)


@pytest.mark.parametrize(
    ("given", "reason"),
    [
        ("{", "can't parse link preview options JSON object"),
        ([], "object expected as link preview options"),
        ({"is_disabled": "yes"}, 'field "is_disabled" must be of type Boolean'),
    ],
)
def test_wrong_preview_options_are_refused(telegram: Telegram, given: object, reason: str) -> None:
    """LinkPreviewOptions: is_disabled, url, prefer_small_media, prefer_large_media, show_above_text."""
    says(telegram)
    assert refused(lambda: send(telegram, link_preview_options=given))[:2] == (400, f"Bad Request: {reason}")

"""Albums."""

import json
from typing import Any

import pytest

from pipeline.sandbox.json_types import Json
from pipeline.sandbox.telegram.content.files import UploadedFile
from pipeline.sandbox.telegram.content.made_up import made_up_file
from pipeline.sandbox.telegram.simulator import Telegram
from tests.support.simulated import refused, says

FILES = {"p": made_up_file("photo"), "f": UploadedFile("a.bin", b"content")}


def album(telegram: Telegram, *media: Any, **more: Any) -> list[Json]:
    messages: list[Json] = telegram.call("sendMediaGroup", {"chat_id": 1, "media": json.dumps(media), **FILES, **more})
    return messages


def item(kind: str, **more: Any) -> Json:
    return {"type": kind, "media": "attach://p" if kind == "photo" else "attach://f", **more}


@pytest.mark.shows("sendMediaGroup")
def test_an_album_is_several_messages_of_one_group(telegram: Telegram) -> None:
    """sendMediaGroup: an array of Message objects; Message: media_group_id of an album this message belongs to."""
    question = says(telegram)
    photo, video = album(
        telegram,
        item("photo", caption="<i>one</i>", parse_mode="HTML"),
        item("video", duration=3),
        reply_parameters={"message_id": question},
    )
    assert photo["media_group_id"] == video["media_group_id"]
    assert (photo["caption"], photo["caption_entities"][0]["type"]) == ("one", "italic")
    assert video["video"]["duration"] == 3
    assert "caption" not in video
    assert photo["reply_to_message"]["message_id"] == video["reply_to_message"]["message_id"] == question
    assert video["message_id"] == photo["message_id"] + 1
    other, _ = album(telegram, item("document"), item("document"))
    assert other["media_group_id"] != photo["media_group_id"]


def test_one_file_is_no_album(telegram: Telegram) -> None:
    """sendMediaGroup: must include 2-10 items; the server sends a single one as an ordinary message."""
    says(telegram)
    (alone,) = album(telegram, item("audio"))
    assert "media_group_id" not in alone


@pytest.mark.parametrize(
    ("media", "reason"),
    [
        ([], "there are no messages to send"),
        ([item("photo")] * 11, "too many messages to send as an album"),
        ([item("photo"), item("document")], "document can't be mixed with other media types"),
        ([item("audio"), item("video")], "audio can't be mixed with other media types"),
        ([item("animation")], "can't parse InputMedia: type \"animation\" can't be used in sendMediaGroup"),
        ([item("sticker")], 'can\'t parse InputMedia: type "sticker" is unsupported'),
        ([{"media": "attach://p"}], "can't parse InputMedia: Can't find field \"type\""),
        ([{"type": "photo", "media": "attach://nothing"}], "can't parse InputMedia: media not found"),
        (["attach://p"], "can't parse InputMedia: expected an Object"),
        ([item("photo"), item("photo", media="attach://f")], "IMAGE_PROCESS_FAILED"),
    ],
)
def test_an_album_is_sent_whole_or_not_at_all(telegram: Telegram, media: list[Any], reason: str) -> None:
    """sendMediaGroup: documents and audio files can be only grouped in an album with messages of the same type."""
    says(telegram)
    code, description, _ = refused(lambda: album(telegram, *media))
    assert (code, description) == (400, f"Bad Request: {reason}")
    assert telegram.sent() == []


@pytest.mark.parametrize(
    ("media", "reason"),
    [
        (None, 'parameter "media" is required'),
        ("{}", "expected an Array of InputMedia"),
        ("[", "can't parse media JSON object"),
    ],
)
def test_an_album_is_an_array(telegram: Telegram, media: str | None, reason: str) -> None:
    """sendMediaGroup: media, a JSON-serialized array."""
    says(telegram)
    refusal = refused(lambda: telegram.call("sendMediaGroup", {"chat_id": 1, "media": media}))
    assert refusal[:2] == (400, f"Bad Request: {reason}")

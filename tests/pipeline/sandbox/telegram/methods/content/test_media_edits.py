"""Files that replace others."""

from typing import Any

import pytest

from pipeline.sandbox.json_types import Json
from pipeline.sandbox.telegram.content.files import UploadedFile
from pipeline.sandbox.telegram.content.made_up import made_up_file
from pipeline.sandbox.telegram.simulator import Telegram
from tests.support.simulated import refused, says, send

FILES = {"p": made_up_file("photo"), "f": UploadedFile("a.bin", b"content")}


def edit(telegram: Telegram, message_id: int, kind: str, **more: Any) -> Json:
    media = {"type": kind, "media": "attach://p" if kind == "photo" else "attach://f", **more}
    given = {"chat_id": 1, "message_id": message_id, "media": media, **FILES}
    message: Json = telegram.call("editMessageMedia", given)
    return message


@pytest.mark.shows("editMessageMedia")
def test_a_message_becomes_another_file(telegram: Telegram) -> None:
    """editMessageMedia: edit animation, audio, document, photo or video messages, or replace a text with a media."""
    says(telegram)
    events: list[Json] = []
    message_id = send(telegram, text="/wait")["message_id"]
    telegram.listen(events.append)
    photo = edit(telegram, message_id, "photo", caption="<b>done</b>", parse_mode="HTML", has_spoiler=True)
    assert photo["photo"]
    assert (photo["caption"], photo["has_media_spoiler"]) == ("done", True)
    assert {"text", "entities"}.isdisjoint(photo)
    assert events == [{"type": "edited", "chat_id": 1, "message": photo}]
    document = edit(telegram, message_id, "document")
    assert document["document"]["file_name"] == "a.bin"
    assert {"photo", "caption", "caption_entities", "has_media_spoiler"}.isdisjoint(document)
    assert telegram.transcript(1)[-1] == document


def test_the_same_file_again_is_no_edit(telegram: Telegram) -> None:
    """editMessageMedia: use a previously uploaded file via its file_id."""
    says(telegram)
    sent = telegram.call("sendDocument", {"chat_id": 1, "document": FILES["f"]})
    refusal = refused(lambda: edit(telegram, sent["message_id"], "document", media=sent["document"]["file_id"]))
    assert refusal[1].startswith("Bad Request: message is not modified")


def test_some_messages_keep_their_file(telegram: Telegram) -> None:
    """editMessageMedia: an animation, audio, document, live photo, photo, or video message, or a text message."""
    says(telegram)
    voice = telegram.call("sendVoice", {"chat_id": 1, "voice": FILES["f"]})["message_id"]
    assert refused(lambda: edit(telegram, voice, "photo"))[1] == "Bad Request: message media can't be edited"
    assert refused(lambda: edit(telegram, 99, "photo"))[1] == "Bad Request: message to edit not found"
    unsupported = refused(lambda: edit(telegram, voice, "sticker"))[1]
    assert unsupported == 'Bad Request: can\'t parse InputMedia: type "sticker" is unsupported'


def test_a_file_of_an_album_keeps_its_kind(telegram: Telegram) -> None:
    """editMessageMedia: in an album, only to a photo or a video for photo and video albums, otherwise the same kind."""
    says(telegram)
    documents = [{"type": "document", "media": "attach://f"}] * 2
    pictures = [{"type": "photo", "media": "attach://p"}] * 2
    document, picture = (
        telegram.call("sendMediaGroup", {"chat_id": 1, "media": media, **FILES})[0]["message_id"]
        for media in (documents, pictures)
    )
    other = (400, "Bad Request: can't change media type in the album")
    assert refused(lambda: edit(telegram, document, "photo"))[:2] == other
    assert refused(lambda: edit(telegram, picture, "audio"))[:2] == other
    assert "video" in edit(telegram, picture, "video")
    edit(telegram, document, "document")


@pytest.mark.parametrize(
    ("media", "reason"),
    [
        (None, 'parameter "media" is required'),
        ("{", "can't parse input media JSON object"),
        ([], "can't parse InputMedia: expected an Object"),
    ],
)
def test_a_file_is_described_by_an_object(telegram: Telegram, media: object, reason: str) -> None:
    """editMessageMedia: media, a JSON-serialized object."""
    says(telegram)
    given = {"chat_id": 1, "message_id": send(telegram)["message_id"], "media": media}
    assert refused(lambda: telegram.call("editMessageMedia", given))[:2] == (400, f"Bad Request: {reason}")

"""Files that people send."""

import base64

import pytest
from pydantic import ValidationError

from pipeline.sandbox.telegram.content.made_up import made_up_file
from pipeline.sandbox.telegram.people.attachments import Attachment
from pipeline.sandbox.telegram.people.messages import UserMessage
from pipeline.sandbox.telegram.simulator import Telegram

KINDS = ("photo", "document", "video", "animation", "audio", "voice", "video_note", "sticker")


@pytest.mark.shows("messages")
@pytest.mark.parametrize("kind", KINDS)
def test_a_person_sends_a_file_that_is_made_up(telegram: Telegram, kind: str) -> None:
    """Message: photo, document, video …"""
    telegram.receive(UserMessage(media=Attachment.model_validate({"kind": kind, "duration": 3}), caption="look"))
    (update,) = telegram.get_updates()
    described = update["message"][kind][-1] if kind == "photo" else update["message"][kind]
    path = telegram.call("getFile", {"file_id": described["file_id"]})["file_path"]
    stored = telegram.file_at(path)
    assert stored is not None
    assert len(stored.content) == described["file_size"] > 0
    assert update["message"]["caption"] == "look"
    assert described.get("duration", 3) == 3


def test_a_person_sends_a_file_of_the_tests_own(telegram: Telegram) -> None:
    """Document: file_name as defined by the sender; the content is what getFile's path gives."""
    given = {"kind": "document", "file_name": "plan.pdf", "content": base64.b64encode(b"a plan").decode()}
    telegram.receive(UserMessage.model_validate({"media": given}))
    document = telegram.get_updates()[0]["message"]["document"]
    assert (document["file_name"], document["mime_type"]) == ("plan.pdf", "application/pdf")
    stored = telegram.file(document["file_id"])
    assert stored is not None
    assert stored.content == b"a plan"


def test_a_persons_photo_can_be_hidden_and_edited(telegram: Telegram) -> None:
    """Message: has_media_spoiler; Update: edited_message."""
    hidden = Attachment(kind="photo", has_spoiler=True)
    message_id = telegram.receive(UserMessage(media=hidden)).message_id
    telegram.receive(UserMessage(media=Attachment(kind="photo"), edited_message_id=message_id))
    first, edited = telegram.get_updates()
    assert first["message"]["has_media_spoiler"] is True
    assert edited["edited_message"]["photo"] != first["message"]["photo"]


def test_a_file_that_telegram_would_not_take_is_refused(telegram: Telegram) -> None:
    """No rule of the Bot API: the control API says what is wrong."""
    nothing = Attachment(kind="photo", content=b"no picture")
    with pytest.raises(ValueError, match="IMAGE_PROCESS_FAILED"):
        telegram.receive(UserMessage(media=nothing))
    with pytest.raises(ValidationError):
        Attachment.model_validate({"kind": "photo", "content": "no-base64"})
    picture = base64.encodebytes(made_up_file("photo").content).decode()
    telegram.receive(UserMessage.model_validate({"media": {"kind": "photo", "content": picture}}))

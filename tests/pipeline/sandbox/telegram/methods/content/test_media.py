"""Messages with a file."""

from typing import Any

import pytest

from pipeline.sandbox.json_types import Json
from pipeline.sandbox.telegram.content.files import UploadedFile
from pipeline.sandbox.telegram.content.made_up import made_up_file
from pipeline.sandbox.telegram.simulator import Telegram
from tests.support.simulated import refused, says

PHOTO = made_up_file("photo")
FILE = UploadedFile("a.bin", b"content")
SENT = [
    ("sendPhoto", "photo"),
    ("sendDocument", "document"),
    ("sendVideo", "video"),
    ("sendAnimation", "animation"),
    ("sendAudio", "audio"),
    ("sendVoice", "voice"),
    ("sendVideoNote", "video_note"),
    ("sendSticker", "sticker"),
]


def sent(telegram: Telegram, method: str, **parameters: Any) -> Json:
    message: Json = telegram.call(method, {"chat_id": 1, **parameters})
    return message


@pytest.mark.shows(
    "sendPhoto", "sendDocument", "sendVideo", "sendAnimation", "sendAudio", "sendVoice", "sendVideoNote", "sendSticker"
)
@pytest.mark.parametrize(("method", "kind"), SENT)
def test_a_file_is_sent_kept_and_sent_again(telegram: Telegram, method: str, kind: str) -> None:
    """sendPhoto …: on success, the sent Message is returned; pass a file_id to send a file that exists."""
    says(telegram)
    events: list[Json] = []
    telegram.listen(events.append)
    message = sent(telegram, method, **{kind: PHOTO if kind == "photo" else FILE})
    described = message[kind][-1] if kind == "photo" else message[kind]
    stored = telegram.file(described["file_id"])
    assert stored is not None
    assert stored.content == (PHOTO if kind == "photo" else FILE).content
    assert telegram.transcript(1)[-1] == message == events[-1]["message"]
    again = sent(telegram, method, **{kind: described["file_id"]})
    assert again[kind] == message[kind]
    assert [record["content"] for record in telegram.sent()] == [kind, kind]


@pytest.mark.parametrize(("method", "kind"), SENT)
def test_a_file_is_required(telegram: Telegram, method: str, kind: str) -> None:
    """sendPhoto …: the file is required; the server says so before it looks at the chat."""
    missing = (400, f"Bad Request: there is no {kind.replace('_', ' ')} in the request")
    assert refused(lambda: sent(telegram, method))[:2] == missing
    assert refused(lambda: sent(telegram, method, **{kind: "attach://nothing"}))[:2] == missing
    assert (
        refused(lambda: sent(telegram, method, **{kind: "https://example.org/a"}))[1] == "Bad Request: chat not found"
    )


@pytest.mark.parametrize(("method", "kind"), SENT)
def test_all_kinds_but_two_have_captions(telegram: Telegram, method: str, kind: str) -> None:
    """sendPhoto …: caption, 0-1024 characters after entities parsing; sendVideoNote and sendSticker have none."""
    says(telegram)
    uploaded = PHOTO if kind == "photo" else FILE
    message = sent(telegram, method, **{kind: uploaded}, caption="<b>Look</b>", parse_mode="HTML")
    if kind in ("video_note", "sticker"):
        assert "caption" not in message
        return
    assert message["caption"] == "Look"
    assert message["caption_entities"] == [{"type": "bold", "offset": 0, "length": 4}]
    record = telegram.sent()[-1]
    assert (record["text"], record["raw_text"], record["parse_mode"]) == ("Look", "<b>Look</b>", "HTML")
    too_long = refused(lambda: sent(telegram, method, **{kind: uploaded}, caption="x" * 1025))
    assert too_long[:2] == (400, "Bad Request: message caption is too long")


def test_a_picture_may_be_hidden_under_its_caption(telegram: Telegram) -> None:
    """sendPhoto: has_spoiler; show_caption_above_media."""
    says(telegram)
    hidden = sent(telegram, "sendPhoto", photo=PHOTO, has_spoiler="true", show_caption_above_media=True)
    assert (hidden["has_media_spoiler"], hidden["show_caption_above_media"]) == (True, True)
    document = sent(telegram, "sendDocument", document=FILE, has_spoiler=True)
    assert "has_media_spoiler" not in document
    assert "has_media_spoiler" not in sent(telegram, "sendPhoto", photo=PHOTO)


def test_a_file_may_answer_a_message_and_be_protected(telegram: Telegram) -> None:
    """sendPhoto: reply_parameters; protect_content protects the contents from forwarding and saving."""
    question = says(telegram, "a picture, please")
    message = sent(telegram, "sendPhoto", photo=PHOTO, reply_parameters={"message_id": question}, protect_content=True)
    assert message["reply_to_message"]["text"] == "a picture, please"
    assert message["has_protected_content"] is True


def test_a_refused_file_is_not_sent(telegram: Telegram) -> None:
    """sendPhoto: the photo must be at most 10 MB in size, and a picture."""
    says(telegram)
    assert refused(lambda: sent(telegram, "sendPhoto", photo=FILE))[:2] == (400, "Bad Request: IMAGE_PROCESS_FAILED")
    assert telegram.sent() == []

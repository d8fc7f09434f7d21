"""What the object of a file in a message holds."""

import struct
from typing import Any

import pytest

from pipeline.sandbox.json_types import Json
from pipeline.sandbox.telegram.content.files import FileKind, Files, UploadedFile
from pipeline.sandbox.telegram.content.made_up import made_up_file
from pipeline.sandbox.telegram.content.media import attached, media_of
from tests.support.simulated import refused


def gif(width: int, height: int) -> UploadedFile:
    return UploadedFile("a.gif", b"GIF89a" + struct.pack("<HH", width, height) + b"\x00\x00\x00;")


def fields(kind: FileKind, name: str, **item: Any) -> Json:
    """The object of a file of this name, without what every file has."""
    described: Json = attached(Files(), kind, UploadedFile(name, b"content"), item)[kind]
    common = {"file_id", "file_unique_id", "file_size"}
    assert common <= described.keys()
    return {field: value for field, value in described.items() if field not in common}


@pytest.mark.parametrize(
    ("kind", "name", "item", "expected"),
    [
        ("document", "a.pdf", {}, {"file_name": "a.pdf", "mime_type": "application/pdf"}),
        ("document", "a.unknown", {}, {"file_name": "a.unknown", "mime_type": "application/octet-stream"}),
        (
            "video",
            "a.webm",
            {"width": "640", "height": 20_000, "duration": -1},
            {"width": 640, "height": 10_000, "duration": 0, "file_name": "a.webm", "mime_type": "video/webm"},
        ),
        (
            "video",
            "a.txt",
            {},
            {"width": 0, "height": 0, "duration": 0, "file_name": "a.txt", "mime_type": "video/mp4"},
        ),
        (
            "audio",
            "a.mp3",
            {"title": "Song", "performer": "Ada", "duration": 100_000},
            {
                "duration": 86_400,
                "performer": "Ada",
                "title": "Song",
                "file_name": "a.mp3",
                "mime_type": "audio/mpeg",
            },
        ),
        ("voice", "a.bin", {"duration": 3}, {"duration": 3, "mime_type": "audio/ogg"}),
        ("voice", "a.mp3", {}, {"duration": 0, "mime_type": "audio/mpeg"}),
        ("voice", "a.m4a", {}, {"duration": 0, "mime_type": "audio/mp4"}),
        ("audio", "a.ogg", {}, {"duration": 0, "file_name": "a.ogg", "mime_type": "audio/ogg"}),
        ("video_note", "a.mp4", {"length": 240}, {"length": 240, "duration": 0}),
        (
            "sticker",
            "a.tgs",
            {"emoji": "🙂"},
            {"type": "regular", "width": 512, "height": 512, "is_animated": True, "is_video": False, "emoji": "🙂"},
        ),
    ],
)
def test_a_file_is_described_by_its_name_and_by_its_sender(
    kind: FileKind, name: str, item: Json, expected: Json
) -> None:
    """Document, Video, Audio, Voice, VideoNote, Sticker: the fields as defined by the sender."""
    assert fields(kind, name, **item) == expected


def test_a_video_note_is_not_too_long() -> None:
    """sendVideoNote: length, i.e. diameter of the video message; TDLib takes at most 640."""
    assert refused(lambda: fields("video_note", "a.mp4", length=641))[1] == "Bad Request: wrong video note length"


def test_an_animation_is_also_a_document() -> None:
    """Message: for backward compatibility, when animation is set, the document field will also be set."""
    content = attached(Files(), "animation", gif(10, 10), {"duration": 2})
    assert content["animation"]["duration"] == 2
    assert content["document"]["file_id"] == content["animation"]["file_id"]
    assert content["document"]["mime_type"] == "image/gif"
    assert "duration" not in content["document"]


def test_a_photo_has_its_sizes() -> None:
    """PhotoSize: one size of a photo; photo is an array of available sizes."""
    files = Files()
    sizes = attached(files, "photo", gif(1000, 500), {})["photo"]
    assert [(size["width"], size["height"]) for size in sizes] == [(90, 45), (320, 160), (800, 400), (1000, 500)]
    assert len({size["file_id"] for size in sizes}) == len({size["file_unique_id"] for size in sizes}) == 4
    for size in sizes:
        parameters = {"photo": size["file_id"]}
        assert media_of(files, "photo", parameters, parameters, "photo").content == {"photo": sizes}


@pytest.mark.parametrize(
    ("photo", "reason"),
    [
        (UploadedFile("a.jpg", b"no picture"), "IMAGE_PROCESS_FAILED"),
        (UploadedFile("a.svg", b'<svg width="9" height="9"></svg>'), "IMAGE_PROCESS_FAILED"),
        (UploadedFile("a.png", made_up_file("photo").content[:12]), "IMAGE_PROCESS_FAILED"),
        (gif(5001, 5000), "PHOTO_INVALID_DIMENSIONS"),
        (gif(210, 10), "PHOTO_INVALID_DIMENSIONS"),
    ],
)
def test_what_is_no_fit_picture_is_refused(photo: UploadedFile, reason: str) -> None:
    """sendPhoto: width and height must not exceed 10000 in total; width and height ratio must be at most 20."""
    if reason == "PHOTO_INVALID_DIMENSIONS":
        attached(Files(), "photo", gif(5000, 5000), {})
        attached(Files(), "photo", gif(200, 10), {})
    assert refused(lambda: attached(Files(), "photo", photo, {}))[:2] == (400, f"Bad Request: {reason}")


def test_a_thumbnail_goes_with_its_file() -> None:
    """sendDocument: thumbnail of the file sent; can't be reused and can be only uploaded as a new file."""
    files = Files()
    parameters = {"document": UploadedFile("a.pdf", b"x"), "thumbnail": "attach://small", "small": gif(32, 16)}
    document = media_of(files, "document", parameters, parameters, "document").content["document"]
    assert (document["thumbnail"]["width"], document["thumbnail"]["height"]) == (32, 16)
    named = refused(lambda: files.sent_again("photo", document["thumbnail"]["file_id"]))[1]
    assert named == "Bad Request: can't use file of type Thumbnail as Photo"
    for useless in ("https://example.org/small.png", UploadedFile("a.png", b"x"), gif(0, 0)):
        without = {"document": UploadedFile("a.pdf", b"x"), "thumbnail": useless}
        assert "thumbnail" not in media_of(files, "document", without, without, "document").content["document"]


def test_a_file_of_the_web_is_made_up() -> None:
    """No rule of the Bot API, by which Telegram downloads it: the simulator makes no request."""
    parameters = {"document": "https://example.org/plan.pdf"}
    document = media_of(Files(), "document", parameters, parameters, "document").content["document"]
    assert (document["file_name"], document["mime_type"]) == ("plan.pdf", "application/pdf")


def test_a_file_that_is_sent_again_stays_what_it_was() -> None:
    """Sending files: it is not possible to change the file type when resending by file_id."""
    files = Files()
    first = attached(files, "audio", UploadedFile("a.mp3", b"x"), {"title": "Song"})["audio"]
    parameters = {"document": first["file_id"], "caption": "hear", "title": "Other"}
    media = media_of(files, "document", parameters, parameters, "document")
    assert media.content == {"audio": first, "caption": "hear"}
    assert media.record["content"] == "audio"

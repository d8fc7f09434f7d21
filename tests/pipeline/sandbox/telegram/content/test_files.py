"""Files as Telegram keeps them, and the ways to name one."""

import pytest

from pipeline.sandbox.telegram.content.files import (
    LARGEST_PHOTO,
    LARGEST_UPLOAD,
    Files,
    UploadedFile,
    checked_upload,
    given_file,
    name_in_url,
)
from tests.support.simulated import refused

NOTE = UploadedFile("note.TXT", b"hello")


def test_a_file_is_found_by_its_id_and_by_its_path() -> None:
    """File: file_id can be used to download or reuse the file; file_path is at /file/bot<token>/<file_path>."""
    files = Files()
    first, second = files.keep("document", NOTE, {}), files.keep("voice", NOTE, {})
    assert first.file_id != second.file_id
    assert files.by_id(first.file_id) is first
    assert files.by_path("documents/file_0.txt") is first
    assert files.by_path("voice/file_1.txt") is second
    assert files.by_id("nothing") is None
    assert files.by_path("documents/file_1.txt") is None


def test_the_same_content_has_the_same_unique_id() -> None:
    """File: file_unique_id is supposed to be the same over time; it can't be used to download or reuse the file."""
    files = Files()
    first, again = files.keep("document", NOTE, {}), files.keep("document", NOTE, {})
    other = files.keep("document", UploadedFile("note.txt", b"hallo"), {})
    assert first.file_unique_id == again.file_unique_id != other.file_unique_id
    assert files.by_id(first.file_unique_id) is None


@pytest.mark.parametrize(
    ("file_id", "reason"),
    [
        ("AgACnothing", "wrong remote file identifier specified: can't unserialize it"),
        ("not an id", "wrong remote file identifier specified: wrong character"),
    ],
)
def test_an_unknown_file_id_is_refused(file_id: str, reason: str) -> None:
    """Sending files: a file_id is of a file that is already stored on the Telegram servers."""
    assert refused(lambda: Files().sent_again("photo", file_id))[:2] == (400, f"Bad Request: {reason}")


def test_a_photo_is_never_sent_as_another_kind_or_the_reverse() -> None:
    """Sending files: a video can't be sent as a photo, a photo can't be sent as a document, etc."""
    files = Files()
    photo, document = files.keep("photo", NOTE, {}), files.keep("document", NOTE, {})
    assert refused(lambda: files.sent_again("document", photo.file_id))[:2] == (
        400,
        "Bad Request: can't use file of type Photo as Document",
    )
    assert refused(lambda: files.sent_again("photo", document.file_id))[:2] == (
        400,
        "Bad Request: can't use file of type Document as Photo",
    )
    assert files.sent_again("photo", photo.file_id) is photo
    assert files.sent_again("voice", document.file_id) is document


def test_a_parameter_names_a_file_in_several_ways() -> None:
    """InputFile: uploaded by multipart/form-data, at its own name or at attach://<file_attach_name>; else a string."""
    assert given_file({"photo": NOTE}, "photo") is NOTE
    assert given_file({"photo": "attach://a", "a": NOTE}, "photo") is NOTE
    assert given_file({"photo": "attach://b", "a": NOTE}, "photo") is None
    assert given_file({"photo": " AgAC1 "}, "photo") == "AgAC1"
    assert given_file({"photo": ""}, "photo") is None
    assert given_file({}, "photo") is None
    assert given_file({"a": NOTE}, "media", value="attach://a") is NOTE


def test_an_upload_is_neither_empty_nor_too_big() -> None:
    """Sending files: 10 MB max size for photos, 50 MB for other files."""
    assert refused(lambda: checked_upload("document", UploadedFile("a", b"")))[1] == (
        "Bad Request: file must be non-empty"
    )
    large = UploadedFile("a.jpg", b"x" * (LARGEST_PHOTO + 1))
    assert refused(lambda: checked_upload("photo", large))[:2] == (
        400,
        "Bad Request: file of size 10485761 bytes is too big for a photo; the maximum size is 10485760 bytes",
    )
    assert checked_upload("document", large) is large
    larger = UploadedFile("a.bin", bytes(LARGEST_UPLOAD + 1))
    assert refused(lambda: checked_upload("document", larger))[:2] == (413, "Request Entity Too Large")


def test_a_file_in_the_web_has_the_name_at_the_end_of_its_url() -> None:
    """Sending files: an HTTP URL of a file to be sent."""
    assert name_in_url("https://example.org/pictures/cat.png?size=1") == "cat.png"
    assert name_in_url("example.org/cat.png") == "cat.png"
    assert name_in_url("http://example.org/") == ""


@pytest.mark.parametrize(
    ("url", "reason"),
    [
        ("ftp://example.org/cat.png", "Unsupported URL protocol"),
        ("https:///cat.png", "URL host is empty"),
        ("http://[cat.png", "Wrong URL"),
    ],
)
def test_what_is_no_http_url_is_refused(url: str, reason: str) -> None:
    """Sending files: an HTTP URL of a file to be sent."""
    assert refused(lambda: name_in_url(url))[:2] == (400, f"Bad Request: invalid file HTTP URL specified: {reason}")

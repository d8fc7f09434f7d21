"""getFile."""

import pytest

from pipeline.sandbox.telegram.content.files import LARGEST_DOWNLOAD, UploadedFile
from pipeline.sandbox.telegram.simulator import Telegram
from tests.support.simulated import refused, says


@pytest.mark.shows("getFile")
def test_a_file_of_at_most_20_mb_has_a_path(telegram: Telegram) -> None:
    """getFile: bots can download files of up to 20MB in size."""
    says(telegram)
    ids = [
        telegram.call("sendDocument", {"chat_id": 1, "document": UploadedFile("a.txt", bytes(size))})["document"]
        for size in (LARGEST_DOWNLOAD, LARGEST_DOWNLOAD + 1)
    ]
    file = telegram.call("getFile", {"file_id": ids[0]["file_id"]})
    assert file == {
        "file_id": ids[0]["file_id"],
        "file_unique_id": ids[0]["file_unique_id"],
        "file_size": LARGEST_DOWNLOAD,
        "file_path": "documents/file_0.txt",
    }
    stored = telegram.file_at("documents/file_0.txt")
    assert stored is not None
    assert stored.content == bytes(LARGEST_DOWNLOAD)
    too_big = refused(lambda: telegram.call("getFile", {"file_id": ids[1]["file_id"]}))
    assert too_big[:2] == (400, "Bad Request: file is too big")


@pytest.mark.parametrize(("given", "reason"), [("", "file_id not specified"), ("AgACno", "invalid file_id")])
def test_getting_a_file_needs_its_id(telegram: Telegram, given: str, reason: str) -> None:
    """getFile: file_id, the file identifier to get information about."""
    assert refused(lambda: telegram.call("getFile", {"file_id": given}))[:2] == (400, f"Bad Request: {reason}")

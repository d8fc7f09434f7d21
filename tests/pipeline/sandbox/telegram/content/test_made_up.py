"""Content that nobody gave."""

from pipeline.sandbox.telegram.content.made_up import made_up_file
from pipeline.sandbox.telegram.content.media import picture_size


def test_a_made_up_photo_is_a_picture() -> None:
    photo = made_up_file("photo")
    assert photo.name == "photo.png"
    assert picture_size(photo.content) == (320, 240)


def test_any_other_made_up_file_says_what_it_is() -> None:
    assert made_up_file("voice").content == b"A made-up voice.\n"
    assert made_up_file("document", "plan.pdf").name == "plan.pdf"

"""A question as the model is given it."""

import pytest

from pipeline.telegram.update import MEDIA_KINDS
from tests.support.replies import question


def test_a_text_is_given_as_it_is() -> None:
    assert question("hi").prompt == "hi"


@pytest.mark.parametrize("kind", MEDIA_KINDS)
def test_of_media_with_a_caption_the_model_is_told_in_one_line_what_it_can_not_look_at(kind: str) -> None:
    asked = question("what is it?", media=kind)
    caption, line = asked.prompt.splitlines()
    assert (caption, asked.text) == ("what is it?", "what is it?")
    assert line.startswith("(With this message came a")
    assert line.endswith(", which you can't see or hear.)")


def test_each_kind_of_media_is_named_in_words_of_its_own() -> None:
    assert len({question(media=kind).prompt for kind in MEDIA_KINDS}) == len(MEDIA_KINDS)

"""What a button under an answer says."""

import pytest

from pipeline.messages.origin import probe_update
from pipeline.messages.vote import Thumb, Vote, probe_press, read_vote, vote_buttons
from pipeline.telegram.routing import Disposition, disposition
from tests.support.replies import NOON, question
from tests.support.updates import BOT, parsed

LARGEST, LOWEST = 2**63 - 1, -(2**63)


def test_there_is_a_button_for_each_vote_and_each_is_read_as_what_it_says() -> None:
    buttons = vote_buttons(question(seq=3))
    assert list(buttons) == ["👍", "👎"]
    assert [read_vote(data) for data in buttons.values()] == [Vote(Thumb.UP, 3, 103), Vote(Thumb.DOWN, 3, 103)]


def test_a_button_says_it_in_the_64_bytes_that_telegram_allows_whatever_the_ids() -> None:
    vote = Vote(Thumb.DOWN, LOWEST, LARGEST)
    assert len(vote.data.encode()) <= 64
    assert read_vote(vote.data) == vote


@pytest.mark.parametrize(
    "data",
    [
        None, "", "yes", "feedback:1:up:1", "feedback:1:up:1:2:3", "feedback:1:sideways:1:2", "feedback:0:up:1:2",
        "feedback:1:up: 1:2", "feedback:1:up:1:2\n", "feedback:1:up:١:2", f"feedback:1:up:1:{LARGEST + 1}",
        f"feedback:1:up:{LOWEST - 1}:1", "feedback:1:up:1:" + "9" * 500,
    ],
)  # fmt: skip
def test_other_data_is_no_vote(data: str | None) -> None:
    assert read_vote(data) is None


def test_a_check_presses_under_the_answer_to_its_own_probe() -> None:
    probe = probe_update("hi", NOON)
    press = parsed(probe_press(probe, Thumb.DOWN, NOON), origin={"kind": "probe", "id": "p-press"})
    assert press.press is not None
    asked = parsed(probe, origin={"kind": "probe", "id": "p"})
    assert asked.message is not None
    assert read_vote(press.press.data) == Vote(Thumb.DOWN, asked.update_id, asked.message.message_id)
    assert disposition(press, BOT) is Disposition.FEEDBACK

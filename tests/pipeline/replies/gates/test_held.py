"""Held chats are looked at again: after a change all of them, after an outcome some, and in any case in time."""

import pytest

from pipeline.replies.gates.held import HeldChats
from tests.support.fakes import ManualLoop


class Chats:
    """Chats that continue once they may."""

    def __init__(self) -> None:
        self.loop = ManualLoop()
        self.held = HeldChats(self.loop, self.resume)
        self.may: set[int] = set()
        self.looked_at: list[int] = []

    def resume(self, chat: int) -> None:
        self.looked_at.append(chat)
        if chat not in self.may:
            self.held.add(chat)

    def hold(self, *chats: int) -> None:
        for chat in chats:
            self.held.add(chat)


@pytest.fixture
def chats() -> Chats:
    return Chats()


def test_after_a_change_each_is_looked_at_once_however_many_there_are(chats: Chats) -> None:
    chats.hold(*range(200))
    chats.may = {0, 150, 199}
    chats.held.look_again()
    chats.loop.settle()
    assert chats.looked_at == list(range(200))


def test_a_change_while_they_are_looked_at_has_all_looked_at_again(chats: Chats) -> None:
    chats.hold(*range(100))
    chats.held.look_again()
    chats.loop.turn(0)
    assert len(chats.looked_at) == 64
    chats.held.look_again()
    chats.loop.settle()
    assert set(chats.looked_at[64:]) == set(range(100))


def test_after_an_outcome_a_few_are_looked_at_and_more_while_that_helps(chats: Chats) -> None:
    chats.hold(*range(100))
    chats.held.look_at_next()
    chats.loop.settle()
    assert chats.looked_at == list(range(8))
    chats.may = {10, 20}
    chats.held.look_at_next()
    chats.loop.settle()
    assert chats.looked_at[8:] == list(range(8, 32)), "the third look helped none"


def test_those_of_whom_nobody_says_anything_are_looked_at_within_two_seconds(chats: Chats) -> None:
    chats.hold(1)
    chats.loop.advance(2.0)
    chats.may = {1}
    chats.loop.advance(2.0)
    assert chats.looked_at == [1, 1]
    chats.loop.advance(60.0)
    assert chats.looked_at == [1, 1], "nobody is held any more"

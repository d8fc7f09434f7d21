"""People react to messages."""

from typing import Any

import pytest

from pipeline.sandbox.telegram.people.members import MemberChange
from pipeline.sandbox.telegram.people.reactions import PersonReaction
from pipeline.sandbox.telegram.people.table import ACTIONS
from pipeline.sandbox.telegram.simulator import Telegram
from tests.support.simulated import says

GROUP = -1_001_000_000_010
THUMB = {"type": "emoji", "emoji": "👍"}
HEART = {"type": "emoji", "emoji": "❤"}


def _react(telegram: Telegram, chat_id: int = GROUP, **more: Any) -> object:
    given = PersonReaction(chat_id=chat_id, message_id=1, **more)
    return telegram.perform(ACTIONS["reactions"], given)["update_id"]


@pytest.fixture
def group(telegram: Telegram) -> Telegram:
    """A group with one message, whose administrator the bot is; it asks for reactions."""
    says(telegram, chat_id=GROUP)
    telegram.perform(ACTIONS["members"], MemberChange(chat_id=GROUP, status="administrator"))
    telegram.get_updates(allowed_updates=["message_reaction", "message_reaction_count"])
    return telegram


@pytest.mark.shows("reactions", "message_reaction")
def test_a_changed_reaction_is_an_update(group: Telegram) -> None:
    """MessageReactionUpdated: the user, the previous and the new reactions."""
    _react(group, emoji=["👍"], user_id=3)
    _react(group, emoji=["❤️"], user_id=3)
    _react(group, user_id=3)
    changes = [update["message_reaction"] for update in group.get_updates()[-3:]]
    assert [(each["old_reaction"], each["new_reaction"]) for each in changes] == [
        ([], [THUMB]),
        ([THUMB], [HEART]),
        ([HEART], []),
    ]
    assert (changes[0]["user"]["id"], changes[0]["message_id"]) == (3, 1)


@pytest.mark.shows("message_reaction_count")
def test_of_anonymous_reactions_only_the_numbers_are_known(group: Telegram) -> None:
    """MessageReactionCountUpdated: reactions that are present on the message, with their numbers."""
    _react(group, emoji=["👍"], user_id=3, anonymous=True)
    _react(group, emoji=["👍"], user_id=4, anonymous=True)
    count = group.get_updates()[-1]["message_reaction_count"]
    assert count["reactions"] == [{"type": THUMB, "total_count": 2}]
    assert "user" not in count


def test_reactions_reach_only_an_administrator_who_asks_for_them(telegram: Telegram) -> None:
    """Update: the bot must be an administrator and must list message_reaction; private chats have no administrators."""
    says(telegram)
    says(telegram, chat_id=GROUP)
    telegram.get_updates(allowed_updates=["message_reaction"])
    assert _react(telegram, chat_id=1, emoji=["👍"]) is None
    assert _react(telegram, emoji=["👍"]) is None
    telegram.perform(ACTIONS["members"], MemberChange(chat_id=GROUP, status="administrator"))
    assert _react(telegram, emoji=["👎"]) is not None
    telegram.get_updates(allowed_updates=[])
    assert _react(telegram, emoji=["👍"]) is None


def test_an_impossible_reaction_is_refused(group: Telegram) -> None:
    """ReactionTypeEmoji: the list of emoji."""
    with pytest.raises(ValueError, match="no such reaction: 🥔"):
        _react(group, emoji=["🥔"])
    with pytest.raises(KeyError, match="no message 9"):
        group.perform(ACTIONS["reactions"], PersonReaction(chat_id=GROUP, message_id=9))

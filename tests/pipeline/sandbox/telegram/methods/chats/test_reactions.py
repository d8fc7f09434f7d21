"""The bot's reactions."""

import pytest

from pipeline.sandbox.json_types import Json
from pipeline.sandbox.telegram.simulator import Telegram
from tests.support.simulated import refused, says


def _react(telegram: Telegram, reaction: object, message_id: int = 1) -> object:
    return telegram.call("setMessageReaction", {"chat_id": 1, "message_id": message_id, "reaction": reaction})


@pytest.mark.shows("setMessageReaction")
def test_a_bot_sets_and_removes_its_reaction(telegram: Telegram) -> None:
    """setMessageReaction: a JSON list of reaction types; without it the reaction is removed."""
    events: list[Json] = []
    says(telegram)
    telegram.listen(events.append)
    assert _react(telegram, '[{"type": "emoji", "emoji": "❤️"}]') is True
    assert _react(telegram, []) is True
    assert [event["reaction"] for event in events] == [[{"type": "emoji", "emoji": "❤"}], []]
    assert {(event["type"], event["user_id"]) for event in events} == {("reaction", None)}


@pytest.mark.parametrize(
    ("reaction", "reason"),
    [
        ([{"type": "emoji", "emoji": "🥔"}], "REACTION_INVALID"),
        ([{"type": "custom_emoji", "custom_emoji_id": "7"}], "REACTION_INVALID"),
        ([{"type": "emoji", "emoji": "👍"}, {"type": "emoji", "emoji": "👎"}], "REACTIONS_TOO_MANY"),
        ([{"type": "paid"}], "can't parse ReactionType: invalid reaction type specified"),
        ([{"type": "emoji"}], "can't parse ReactionType: Can't find field \"emoji\""),
        (["👍"], "can't parse ReactionType: expected an Object"),
        ({"type": "emoji"}, "expected an Array of ReactionType"),
        ("👍", "can't parse reaction types JSON object"),
    ],
)
def test_a_wrong_reaction_is_refused(telegram: Telegram, reaction: object, reason: str) -> None:
    """setMessageReaction: bots can't use paid reactions; a non-premium user sets up to one reaction per message."""
    says(telegram)
    assert refused(lambda: _react(telegram, reaction))[:2] == (400, f"Bad Request: {reason}")


def test_a_reaction_needs_its_message(telegram: Telegram) -> None:
    """setMessageReaction: message_id is the identifier of the target message."""
    says(telegram)
    error = refused(lambda: _react(telegram, [], message_id=99))
    assert error[:2] == (400, "Bad Request: message to react not found")

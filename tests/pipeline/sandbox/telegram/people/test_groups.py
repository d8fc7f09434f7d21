"""Topics of a group, and its upgrade to a supergroup."""

import pytest

from pipeline.sandbox.telegram.simulator import Telegram
from tests.support.simulated import refused, says, send


@pytest.mark.shows("topics")
def test_the_general_topic_has_no_thread_id(telegram: Telegram) -> None:
    """Message: message_thread_id is of a topic message; the General topic can't be addressed by 1."""
    forum = -1_001_000_000_001
    with pytest.raises(ValueError, match="General"):
        telegram.create_topic(forum, 1, "General")
    telegram.create_topic(forum, 7, "Questions")
    says(telegram, chat_id=forum)
    assert "message_thread_id" not in telegram.get_updates()[-1]["message"]
    assert refused(lambda: send(telegram, forum, message_thread_id=1))[0] == 400


@pytest.mark.shows("migrate")
def test_an_upgraded_group_names_its_successor(telegram: Telegram) -> None:
    """ResponseParameters: migrate_to_chat_id; Message: migrate_to_chat_id and migrate_from_chat_id."""
    says(telegram, chat_id=-5, title="Team")
    telegram.migrate(-5, -1_001_000_000_005)
    to, origin = (update["message"] for update in telegram.get_updates()[-2:])
    assert (to["chat"]["id"], to["migrate_to_chat_id"]) == (-5, -1_001_000_000_005)
    assert (origin["chat"]["type"], origin["migrate_from_chat_id"]) == ("supergroup", -5)
    assert refused(lambda: send(telegram, -5)) == (
        400,
        "Bad Request: group chat was upgraded to a supergroup chat",
        {"migrate_to_chat_id": -1_001_000_000_005},
    )
    assert send(telegram, -1_001_000_000_005)["chat"]["title"] == "Team"


@pytest.mark.shows("migrate")
def test_members_of_an_upgraded_group_stay(telegram: Telegram) -> None:
    """Message: migrate_to_chat_id says that the group has been migrated, with all who are in it."""
    says(telegram, chat_id=-5)
    says(telegram, chat_id=-5, user_id=2)
    telegram.migrate(-5, -1_001_000_000_005)
    member = telegram.call("getChatMember", {"chat_id": -1_001_000_000_005, "user_id": 2})
    assert member["status"] == "member"

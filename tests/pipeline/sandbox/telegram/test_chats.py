"""Which chat a method addresses, and whether the bot may write in it."""

import pytest

from pipeline.sandbox.telegram.simulator import Telegram
from tests.support.simulated import refused, says, send


def test_an_unknown_chat_is_refused(telegram: Telegram) -> None:
    """sendMessage: chat_id is the target chat; a bot can't initiate conversations with users."""
    assert refused(lambda: send(telegram, 77))[:2] == (400, "Bad Request: chat not found")
    assert refused(lambda: send(telegram, "@nobody"))[:2] == (400, "Bad Request: chat not found")
    assert refused(lambda: send(telegram, ""))[:2] == (400, "Bad Request: chat_id is empty")
    assert telegram.sent() == []


@pytest.mark.shows("block", "my_chat_member")
def test_a_bot_that_is_blocked_may_not_write(telegram: Telegram) -> None:
    """Update: my_chat_member; for private chats received only when the bot is blocked or unblocked by the user."""
    says(telegram)
    telegram.block(1)
    change = telegram.get_updates()[-1]["my_chat_member"]
    assert (change["old_chat_member"]["status"], change["new_chat_member"]["status"]) == ("member", "kicked")
    assert refused(lambda: send(telegram))[:2] == (403, "Forbidden: bot was blocked by the user")
    telegram.block(1, False)
    send(telegram)


@pytest.mark.parametrize(("chat_id", "kind"), [(-1_001_000_000_003, "supergroup"), (-5, "group")])
def test_a_bot_that_was_removed_may_not_write(telegram: Telegram, chat_id: int, kind: str) -> None:
    """ChatMemberBanned: was banned in the chat and can't return to it."""
    says(telegram, chat_id=chat_id)
    telegram.block(chat_id)
    kicked = (403, f"Forbidden: bot was kicked from the {kind} chat")
    assert refused(lambda: send(telegram, chat_id))[:2] == kicked


def test_topics_exist_in_forums_only(telegram: Telegram) -> None:
    """sendMessage: message_thread_id is the target topic of the forum; for forum supergroups."""
    forum = -1_001_000_000_001
    telegram.create_topic(forum, 7, "Questions")
    asked = says(telegram, chat_id=forum, message_thread_id=7)
    question = telegram.get_updates()[-1]["message"]
    assert question["is_topic_message"] is True
    assert question["message_thread_id"] == 7
    assert question["chat"]["is_forum"] is True
    assert send(telegram, forum, message_thread_id=7)["message_thread_id"] == 7
    inherited = send(telegram, forum, reply_parameters={"message_id": asked})
    assert inherited["message_thread_id"] == 7
    not_found = (400, "Bad Request: message thread not found")
    assert refused(lambda: send(telegram, forum, message_thread_id=8))[:2] == not_found
    says(telegram)
    assert refused(lambda: send(telegram, 1, message_thread_id=7))[:2] == not_found


def test_each_chat_counts_its_own_message_ids(telegram: Telegram) -> None:
    """Message: message_id is the unique message identifier inside this chat."""
    assert says(telegram, chat_id=1) == says(telegram, chat_id=2) == 1
    assert says(telegram, chat_id=1) == 2


def test_a_new_chat_can_begin_after_messages_of_an_earlier_life(telegram: Telegram) -> None:
    says(telegram)
    telegram.skip_message_ids(5000)
    assert says(telegram) == 2
    assert says(telegram, chat_id=7) == 5000

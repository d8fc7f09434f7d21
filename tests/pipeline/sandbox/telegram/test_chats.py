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


@pytest.mark.parametrize("chat_id", [1, "1", "1.9", 1.9, "1 or so"])
def test_a_chat_id_is_the_number_that_it_begins_with(telegram: Telegram, chat_id: object) -> None:
    """sendMessage: chat_id is an Integer or String, of which the server reads the number at its beginning."""
    says(telegram)
    assert telegram.call("sendMessage", {"chat_id": chat_id, "text": "x"})["chat"]["id"] == 1


@pytest.mark.parametrize("chat_id", [True, "one", [1], " 1"])
def test_what_begins_with_no_number_is_no_chat(telegram: Telegram, chat_id: object) -> None:
    """sendMessage: chat_id is an Integer or String."""
    says(telegram)
    error = refused(lambda: telegram.call("sendMessage", {"chat_id": chat_id, "text": "x"}))
    assert error[:2] == (400, "Bad Request: chat not found")


def test_nobody_connected_the_bot_to_their_account(telegram: Telegram) -> None:
    """sendMessage: business_connection_id is the connection on behalf of which the message will be sent."""
    says(telegram)
    error = refused(lambda: send(telegram, business_connection_id="abc"))
    assert error[:2] == (400, "Bad Request: business connection not found")
    assert telegram.sent() == []


def test_of_a_supergroup_that_removed_it_the_bot_learns_nothing(telegram: Telegram) -> None:
    """ChatMemberBanned: a bot knows what a basic group was, but not what a supergroup is."""
    supergroup = -1_001_000_000_003
    for chat_id in (1, supergroup, -5):
        says(telegram, chat_id=chat_id)
    for chat_id in (supergroup, -5):
        telegram.block(chat_id)
    kicked = (403, "Forbidden: bot was kicked from the supergroup chat")
    assert refused(lambda: telegram.call("getChat", {"chat_id": supergroup}))[:2] == kicked
    forward = {"chat_id": 1, "from_chat_id": supergroup, "message_id": 1}
    assert refused(lambda: telegram.call("forwardMessage", forward))[:2] == kicked
    assert telegram.call("getChat", {"chat_id": -5})["type"] == "group"

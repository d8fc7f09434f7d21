"""Queries, and messages that were sent via the bot."""

from pipeline.sandbox.telegram.content.queries import Queries, chat_instance


def test_each_query_has_an_id_of_its_own() -> None:
    """CallbackQuery: id is the unique identifier for this query; a number, though its type is String."""
    queries = Queries()
    first, second = queries.new_id(7), queries.new_id(7)
    assert first != second
    assert int(first) >> 32 == 7


def test_a_message_sent_via_the_bot_is_found_by_its_id() -> None:
    """CallbackQuery: inline_message_id identifies the message sent via the bot in inline mode."""
    queries = Queries()
    inline_id = queries.keep_place(-5, 3)
    assert queries.place(inline_id) == (-5, 3)
    assert queries.inline_message_id(-5, 3) == inline_id
    assert queries.place("other") is None
    assert queries.inline_message_id(-5, 4) is None


def test_a_chat_keeps_its_instance() -> None:
    """CallbackQuery: chat_instance uniquely corresponds to the chat."""
    assert chat_instance(1) == chat_instance(1) != chat_instance(2)

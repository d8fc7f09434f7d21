"""Entities that Telegram finds by itself."""

from pipeline.sandbox.telegram.text.entities import automatic_entities


def test_commands_and_mentions_are_found_in_a_text() -> None:
    """MessageEntity: bot_command (/start@jobs_bot) and mention (@username), offsets in UTF-16 code units."""
    assert automatic_entities("🎉 /start@jobs_bot a/b and @ada_l, </i> mail@example") == [
        {"type": "bot_command", "offset": 3, "length": 15},
        {"type": "mention", "offset": 27, "length": 6},
    ]

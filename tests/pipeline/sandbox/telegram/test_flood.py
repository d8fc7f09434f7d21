"""Flood limits."""

from pipeline.sandbox.telegram.flood import Limits
from pipeline.sandbox.telegram.simulator import Telegram
from tests.support.simulated import Clock, refused, says, send


def test_a_chat_takes_a_short_burst_and_one_message_a_second_on_average(telegram: Telegram, clock: Clock) -> None:
    """FAQ: avoid more than one message per second in a chat, short bursts are allowed; ResponseParameters."""
    telegram.limits = Limits()
    says(telegram)
    for _ in range(5):
        send(telegram)
        clock.seconds += 0.5
    assert refused(lambda: send(telegram)) == (429, "Too Many Requests: retry after 3", {"retry_after": 3})
    clock.seconds += 2.5
    send(telegram)


def test_a_group_takes_twenty_messages_a_minute(telegram: Telegram, clock: Clock) -> None:
    """FAQ: in a group, bots are not able to send more than 20 messages per minute."""
    telegram.limits = Limits()
    says(telegram, chat_id=-5)
    for _ in range(20):
        send(telegram, -5)
        clock.seconds += 1
    _, _, parameters = refused(lambda: send(telegram, -5))
    assert parameters == {"retry_after": 40}
    clock.seconds += 40
    send(telegram, -5)


def test_a_bot_sends_thirty_messages_a_second(telegram: Telegram, clock: Clock) -> None:
    """FAQ: bots are not able to broadcast more than about 30 messages per second."""
    telegram.limits = Limits()
    for chat_id in range(1, 32):
        says(telegram, chat_id=chat_id)
    for chat_id in range(1, 31):
        send(telegram, chat_id)
    assert refused(lambda: send(telegram, 31))[0] == 429
    clock.seconds += 1
    send(telegram, 31)


def test_limits_are_off_unless_asked_for(telegram: Telegram) -> None:
    """FAQ: the limits; a test that isn't about them should not meet them."""
    says(telegram)
    for _ in range(50):
        send(telegram)

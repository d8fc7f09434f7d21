"""The bot's token."""

import pytest

from pipeline.sandbox.telegram.simulator import Telegram
from tests.support.simulated import refused


def test_only_the_bots_token_is_accepted(telegram: Telegram) -> None:
    """Authorizing your bot: each bot has a unique token; a wrong one is 401, what is none is not found."""
    telegram.authorize(telegram.token)
    assert refused(lambda: telegram.authorize("42:another-token-altogether"))[:2] == (401, "Unauthorized")
    assert refused(lambda: telegram.authorize("nonsense"))[:2] == (404, "Not Found")


def test_a_revoked_token_ends_the_poll_that_uses_it(telegram: Telegram) -> None:
    """Authorizing your bot: a revoked token is Unauthorized; the new one is the same bot's."""
    old = telegram.token
    poll, _ = telegram.start_poll({"timeout": 30})
    telegram.rotate_token("42:the-next-sandbox-token")
    assert refused(lambda: poll.future.result(0))[0] == 401
    assert refused(lambda: telegram.authorize(old))[0] == 401
    telegram.authorize("42:the-next-sandbox-token")
    with pytest.raises(ValueError, match="same bot"):
        telegram.rotate_token("43:the-next-sandbox-token")

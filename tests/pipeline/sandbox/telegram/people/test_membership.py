"""Topics that people create."""

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

"""Webhooks."""

from pipeline.sandbox.telegram.simulator import Telegram
from tests.support.simulated import refused, says


def test_a_webhook_excludes_polling_until_it_is_deleted(telegram: Telegram) -> None:
    """getUpdates: this method will not work if an outgoing webhook is set up."""
    says(telegram)
    waiting, _ = telegram.start_poll({"timeout": 30, "offset": 2**31})
    telegram.call("setWebhook", {"url": "https://example.org/hook"})
    assert refused(lambda: waiting.future.result(0))[0] == 409
    assert telegram.call("getWebhookInfo", {})["url"] == "https://example.org/hook"
    code, description, _ = refused(telegram.get_updates)
    assert code == 409
    assert description.startswith("Conflict: can't use getUpdates method while webhook is active;")
    telegram.call("deleteWebhook", {"drop_pending_updates": "false"})
    assert telegram.get_updates() == []
    says(telegram, "kept")
    telegram.call("deleteWebhook", {"drop_pending_updates": True})
    assert telegram.pending() == 0

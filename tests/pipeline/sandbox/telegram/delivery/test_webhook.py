"""Which update is due for the webhook, and when."""

import pytest

from pipeline.sandbox.json_types import Json
from pipeline.sandbox.telegram.delivery.webhook import Delivery
from pipeline.sandbox.telegram.simulator import Telegram
from tests.support.simulated import Clock, says, texts

URL = "https://127.0.0.1:8443/hook"
HOUR = 3600.0


@pytest.fixture
def hooked(telegram: Telegram) -> Telegram:
    telegram.call("setWebhook", {"url": URL})
    return telegram


def due(telegram: Telegram) -> list[Delivery]:
    return telegram.take_deliveries()[0]


def said(deliveries: list[Delivery]) -> list[str]:
    return texts([delivery.update for delivery in deliveries])


def test_the_updates_of_a_chat_are_sent_one_after_the_other(hooked: Telegram) -> None:
    """setWebhook: whenever there is an update for the bot, a POST request is sent; the server keeps a chat's order."""
    for text in ("first", "second"):
        says(hooked, text)
    (first,) = due(hooked)
    assert said([first]) == ["first"]
    assert due(hooked) == []
    hooked.delivery_succeeded(first)
    assert said(due(hooked)) == ["second"]
    assert hooked.pending() == 1


def test_other_chats_do_not_wait_for_one_that_fails(hooked: Telegram) -> None:
    """setWebhook: max_connections is the number of simultaneous connections; a failure holds up its own chat alone."""
    for text, chat_id in (("a1", 1), ("a2", 1), ("b1", 2)):
        says(hooked, text, chat_id=chat_id)
    first, other = due(hooked)
    hooked.delivery_failed(first, "Connection refused")
    hooked.delivery_failed(due(hooked)[0], "Connection refused")
    hooked.delivery_succeeded(other)
    says(hooked, "b2", chat_id=2)
    assert said(due(hooked)) == ["b2"]


def test_a_message_and_its_edit_keep_their_order_and_a_query_does_not_wait_for_them(hooked: Telegram) -> None:
    """Update: kinds with messages of a chat belong together; the server has queues of its own for queries."""
    says(hooked, "befor")
    hooked.inject({"edited_message": {"chat": {"id": 1}, "text": "before"}})
    hooked.inject({"callback_query": {"id": "1", "from": {"id": 1}, "message": {"chat": {"id": 1}}}})
    hooked.inject({"poll_answer": {"poll_id": "5", "user": {"id": 1}}})
    hooked.inject({"poll": {"id": "5"}})
    assert [kind for delivery in due(hooked) for kind in delivery.update if kind != "update_id"] == [
        "message",
        "callback_query",
        "poll_answer",
        "poll",
    ]


@pytest.mark.parametrize("update", [{}, {"message": None}, {"message": "\ud800"}, {"update_id": "x", "unknown": {}}])
def test_an_odd_update_waits_for_no_other(hooked: Telegram, update: Json) -> None:
    """Update: at most one of the optional parameters can be present. A bot must survive whatever comes."""
    for _ in range(2):
        hooked.inject(dict(update))
    assert len(due(hooked)) == 2


def test_no_more_requests_than_max_connections_are_under_way(telegram: Telegram) -> None:
    """setWebhook: the maximum allowed number of simultaneous HTTPS connections to the webhook."""
    telegram.call("setWebhook", {"url": URL, "max_connections": 2})
    for chat_id in (1, 2, 3):
        says(telegram, chat_id=chat_id)
    first, _ = due(telegram)
    assert due(telegram) == []
    telegram.delivery_succeeded(first)
    assert [delivery.update["message"]["chat"]["id"] for delivery in due(telegram)] == [3]


def test_a_failed_update_is_tried_at_once_and_then_after_growing_pauses(hooked: Telegram, clock: Clock) -> None:
    """setWebhook: in case of an unsuccessful request the request is repeated; the pauses are the server's own."""
    says(hooked)
    deliveries = due(hooked)
    pauses = []
    for _ in range(8):
        hooked.delivery_failed(deliveries[0], "Wrong response from the webhook: 500 Internal Server Error", 500)
        deliveries, wait = hooked.take_deliveries()
        pauses.append(0.0 if deliveries else wait)
        if not deliveries:
            clock.seconds += wait or 0.0
            deliveries = due(hooked)
    assert pauses == [0.0, 2.0, 4.0, 8.0, 16.0, 32.0, 60.0, 60.0]


def test_retry_after_says_when_to_try_again(hooked: Telegram, clock: Clock) -> None:
    """setWebhook: the server honours Retry-After, up to an hour."""
    says(hooked)
    hooked.delivery_failed(due(hooked)[0], "busy", 503, retry_after=30)
    assert hooked.take_deliveries() == ([], 30.0)
    clock.seconds += 30
    hooked.delivery_failed(due(hooked)[0], "busy", 503, retry_after=10**9)
    assert hooked.take_deliveries() == ([], HOUR)


def test_an_update_that_always_fails_is_given_up_after_a_day(hooked: Telegram, clock: Clock) -> None:
    """setWebhook: we give up after a reasonable amount of attempts; updates are kept no longer than 24 hours."""
    says(hooked)
    hooked.delivery_failed(due(hooked)[0], "Connection refused")
    clock.seconds += 24 * HOUR
    assert hooked.take_deliveries() == ([], None)
    assert hooked.pending() == 0


def test_a_webhook_that_is_gone_for_a_day_is_deleted(hooked: Telegram, clock: Clock) -> None:
    """setWebhook: a webhook that answers with 410 Gone for 23 hours is closed by the server."""
    for _ in range(2):
        says(hooked)
        hooked.delivery_failed(due(hooked)[0], "Wrong response from the webhook: 410 Gone", 410)
        clock.seconds += 12 * HOUR
    assert hooked.webhook is not None
    hooked.delivery_failed(due(hooked)[0], "Wrong response from the webhook: 410 Gone", 410)
    assert hooked.webhook is None
    assert hooked.call("getWebhookInfo", {})["url"] == ""


def test_another_answer_ends_the_count_of_410(hooked: Telegram, clock: Clock) -> None:
    """setWebhook: only a webhook that is gone without a break is closed."""
    says(hooked)
    for status in (410, 500, 410):
        hooked.delivery_failed(due(hooked)[0], f"Wrong response from the webhook: {status}", status)
        clock.seconds += 23 * HOUR / 2
        says(hooked)
    assert hooked.webhook is not None


def test_what_an_earlier_webhook_answers_has_no_effect(hooked: Telegram) -> None:
    """deleteWebhook: updates stay for getUpdates; what was just being sent is among them."""
    says(hooked, "under way")
    (delivery,) = due(hooked)
    hooked.call("deleteWebhook", {})
    hooked.delivery_succeeded(delivery)
    assert texts(hooked.get_updates()) == ["under way"]
    hooked.call("setWebhook", {"url": URL})
    hooked.delivery_failed(delivery, "too late")
    assert "last_error_message" not in hooked.call("getWebhookInfo", {})
    assert said(due(hooked)) == ["under way"]


def test_watchers_hear_of_what_may_be_due_only_while_a_webhook_is_set(telegram: Telegram) -> None:
    """No rule of the Bot API: what carries the requests lives on it."""
    news: list[int] = []
    telegram.watch_webhook(lambda: news.append(1))
    says(telegram)
    assert news == []
    telegram.call("setWebhook", {"url": URL})
    before = len(news)
    assert before > 0
    says(telegram)
    assert len(news) > before

"""setWebhook, deleteWebhook and getWebhookInfo."""

from pathlib import Path

import pytest

from pipeline.sandbox.json_types import Json
from pipeline.sandbox.telegram.content.files import UploadedFile
from pipeline.sandbox.telegram.simulator import Telegram
from tests.support.simulated import refused, says, texts
from tests.support.tls import trusted_server

URL = "https://127.0.0.1:8443/hook"


@pytest.mark.shows("setWebhook", "deleteWebhook")
def test_a_webhook_excludes_polling_until_it_is_deleted(telegram: Telegram) -> None:
    """getUpdates: this method will not work if an outgoing webhook is set up."""
    says(telegram)
    waiting, _ = telegram.start_poll({"timeout": 30, "offset": 2**31})
    telegram.call("setWebhook", {"url": URL})
    assert refused(lambda: waiting.future.result(0))[:2] == (409, "Conflict: terminated by setWebhook request")
    assert telegram.call("getWebhookInfo", {})["url"] == URL
    code, description, _ = refused(telegram.get_updates)
    assert code == 409
    assert description == (
        "Conflict: can't use getUpdates method while webhook is active; use deleteWebhook to delete the webhook first"
    )
    telegram.call("deleteWebhook", {"drop_pending_updates": "false"})
    assert telegram.get_updates() == []
    says(telegram, "kept")
    telegram.call("deleteWebhook", {"drop_pending_updates": True})
    assert telegram.pending() == 0


@pytest.mark.shows("setWebhook")
@pytest.mark.parametrize(
    "url",
    [
        "https://bot.example/hook",
        "bot.example/hook",
        "https://bot.example:88/hook",
        "https://8.8.8.8:443/hook",
        "http://127.0.0.1:5000/hook",
        "http://localhost:5000/hook",
        "https://[::1]:5000/hook",
    ],
)
def test_an_address_that_can_be_called_is_taken(telegram: Telegram, url: str) -> None:
    """setWebhook: HTTPS URL; ports 443, 80, 88, 8443. On loopback, as with a local Bot API server, any."""
    assert telegram.call("setWebhook", {"url": url}) is True
    assert telegram.call("getWebhookInfo", {})["url"] == url


@pytest.mark.shows("setWebhook")
@pytest.mark.parametrize(
    ("parameters", "reason"),
    [
        ({"url": "https://"}, "invalid webhook URL specified"),
        ({"url": "ftp://bot.example/"}, "invalid webhook URL specified"),
        ({"url": "https://bot.example:99999/"}, "invalid webhook URL specified"),
        ({"url": "http://bot.example/"}, "bad webhook: An HTTPS URL must be provided for webhook"),
        ({"url": "https://bot.example:8080/"}, "bad webhook: Webhook can be set up only on ports 80, 88, 443 or 8443"),
        ({"url": "https://10.0.0.1/"}, "bad webhook: IP address 10.0.0.1 is reserved"),
        ({"url": "https://[2a00:1450::1]/"}, "bad webhook: IPv6-only addresses are not allowed"),
        (
            {"url": "https://bot.example/", "ip_address": "192.168.0.9"},
            "bad webhook: IP address 192.168.0.9 is reserved",
        ),
        ({"url": "https://bot.example/", "ip_address": "nonsense"}, "bad webhook: Invalid IP address specified"),
        ({"url": URL, "secret_token": "a b"}, "secret token contains unallowed characters"),
        ({"url": URL, "secret_token": "a" * 257}, "secret token is too long"),
    ],
)
def test_a_webhook_that_can_not_be_is_refused_and_the_old_one_is_gone(
    telegram: Telegram, parameters: Json, reason: str
) -> None:
    """setWebhook: HTTPS, its ports, its secret token of 1-256 characters; the server closes the old webhook first."""
    telegram.call("setWebhook", {"url": URL})
    assert refused(lambda: telegram.call("setWebhook", parameters))[:2] == (400, f"Bad Request: {reason}")
    assert telegram.call("getWebhookInfo", {})["url"] == ""


def test_the_answer_says_what_was_done(telegram: Telegram) -> None:
    """Making requests: an optional String field description with a human-readable description of the result."""
    said = [
        telegram.answer(method, parameters).description
        for method, parameters in (
            ("deleteWebhook", {}),
            ("setWebhook", {"url": URL}),
            ("setWebhook", {"url": URL}),
            ("setWebhook", {"url": URL, "max_connections": 1}),
            ("setWebhook", {"url": ""}),
        )
    ]
    assert said == [
        "Webhook is already deleted",
        "Webhook was set",
        "Webhook is already set",
        "Webhook was set",
        "Webhook was deleted",
    ]


@pytest.mark.shows("getWebhookInfo")
def test_the_webhook_is_described_with_its_last_error(telegram: Telegram) -> None:
    """WebhookInfo: pending_update_count, ip_address, last_error_date and last_error_message, max_connections."""
    assert telegram.call("getWebhookInfo", {}) == {
        "url": "",
        "has_custom_certificate": False,
        "pending_update_count": 0,
    }
    telegram.call("setWebhook", {"url": URL, "allowed_updates": '["message"]', "max_connections": "500"})
    says(telegram)
    (delivery,), _ = telegram.take_deliveries()
    telegram.delivery_failed(delivery, "Connection refused")
    assert telegram.call("getWebhookInfo", {}) == {
        "url": URL,
        "has_custom_certificate": False,
        "pending_update_count": 1,
        "ip_address": "127.0.0.1",
        "max_connections": 100,
        "last_error_date": 1_700_000_000,
        "last_error_message": "Connection refused",
        "allowed_updates": ["message"],
    }
    telegram.call("setWebhook", {"url": URL, "max_connections": 7})
    assert "last_error_message" not in telegram.call("getWebhookInfo", {})


def test_dropping_what_waits_is_part_of_setting(telegram: Telegram) -> None:
    """setWebhook: drop_pending_updates drops all pending updates."""
    says(telegram, "old")
    telegram.call("setWebhook", {"url": URL, "drop_pending_updates": True})
    says(telegram, "new")
    telegram.call("deleteWebhook", {})
    assert texts(telegram.get_updates()) == ["new"]


def test_an_uploaded_certificate_is_told_and_a_string_is_none(
    telegram: Telegram, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """setWebhook: please upload as InputFile, sending a String will not work."""
    trusted_server(tmp_path, monkeypatch)
    pem = (tmp_path / "certificate.pem").read_bytes()
    telegram.call("setWebhook", {"url": URL, "certificate": pem.decode()})
    assert telegram.call("getWebhookInfo", {})["has_custom_certificate"] is False
    uploaded = UploadedFile("certificate.pem", pem)
    telegram.call("setWebhook", {"url": URL, "certificate": uploaded})
    assert telegram.call("getWebhookInfo", {})["has_custom_certificate"] is True
    telegram.call("setWebhook", {"url": URL, "certificate": "attach://mine", "mine": uploaded})
    assert telegram.call("getWebhookInfo", {})["has_custom_certificate"] is True


@pytest.mark.parametrize("content", [b"-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n", b"\xff"])
def test_an_upload_that_is_no_certificate_is_refused(telegram: Telegram, content: bytes) -> None:
    """No rule of the Bot API's pages: no update could be sent with it."""
    given = {"url": URL, "certificate": UploadedFile("certificate.pem", content)}
    reason = "Bad Request: bad webhook: Failed to set custom certificate file"
    assert refused(lambda: telegram.call("setWebhook", given))[:2] == (400, reason)
    assert telegram.call("getWebhookInfo", {})["url"] == ""

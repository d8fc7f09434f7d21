"""Webhooks: https://core.telegram.org/bots/api#setwebhook."""

import ipaddress
import re
import ssl
from urllib.parse import SplitResult, urlsplit

from pipeline.sandbox.json_types import Json, Parameters
from pipeline.sandbox.telegram.content.files import UploadedFile, given_file
from pipeline.sandbox.telegram.delivery.update_queue import asked_kinds
from pipeline.sandbox.telegram.delivery.webhook import WebhookSettings
from pipeline.sandbox.telegram.errors import MethodError, bad_request
from pipeline.sandbox.telegram.methods.table import MethodAnswer, bot_api_method
from pipeline.sandbox.telegram.parameters import boolean, integer
from pipeline.sandbox.telegram.state import TelegramState

_MAX_CONNECTIONS = 40
_PORTS = (443, 80, 88, 8443)
_LONGEST_SECRET = 256
_SECRET = re.compile(r"[A-Za-z0-9_-]*")


@bot_api_method
def set_webhook(state: TelegramState, parameters: Parameters) -> MethodAnswer:
    """The address is https on port 443, 80, 88 or 8443; on loopback it may also be http, on any port.

    It ends the poll that waits with 409. An empty `url` deletes the webhook.
    """
    url = str(parameters.get("url") or "")
    if not url:
        return delete_webhook(state, parameters)
    settings = WebhookSettings(
        url,
        min(max(integer(parameters, "max_connections", _MAX_CONNECTIONS), 1), 100),
        str(parameters.get("secret_token") or ""),
        str(parameters.get("ip_address") or ""),
        _certificate(parameters),
    )
    drop = boolean(parameters, "drop_pending_updates")
    if settings == state.webhook.settings and not settings.certificate and not drop:
        _allow(state, parameters)
        return MethodAnswer(True, "Webhook is already set")
    state.polling.end(MethodError(409, "Conflict: terminated by setWebhook request"))
    # Like the server: the old webhook is gone even where the new one is refused.
    state.webhook.delete()
    if drop:
        state.updates.clear()
    _check(settings)
    _allow(state, parameters)
    state.webhook.set(settings)
    return MethodAnswer(True, "Webhook was set")


@bot_api_method
def delete_webhook(state: TelegramState, parameters: Parameters) -> MethodAnswer:
    """Updates that wait stay for getUpdates, unless `drop_pending_updates` is given."""
    was_set = state.webhook.settings is not None
    state.webhook.delete()
    if boolean(parameters, "drop_pending_updates"):
        state.updates.clear()
    return MethodAnswer(True, "Webhook was deleted" if was_set else "Webhook is already deleted")


@bot_api_method
def get_webhook_info(state: TelegramState, _: Parameters) -> Json:
    """It says how many updates wait, and when and why the last delivery failed; `url` is empty without a webhook."""
    settings = state.webhook.settings
    info: Json = {
        "url": settings.url if settings else "",
        "has_custom_certificate": bool(settings and settings.certificate),
        "pending_update_count": len(state.updates),
    }
    if settings is not None:
        info["max_connections"] = settings.max_connections
        address = settings.ip_address or str(_literal_address(_split(settings.url)) or "")
        if address:
            info["ip_address"] = address
    if state.webhook.last_error is not None:
        info["last_error_date"], info["last_error_message"] = state.webhook.last_error
    if state.updates.allowed is not None:
        info["allowed_updates"] = state.updates.allowed
    return info


def _allow(state: TelegramState, parameters: Parameters) -> None:
    allowed = asked_kinds(parameters)
    if allowed is not None:
        state.updates.allow(allowed)


def _check(settings: WebhookSettings) -> None:
    """MethodError 400 where the server would not set this webhook."""
    url = _split(settings.url)
    if len(settings.secret_token) > _LONGEST_SECRET:
        raise bad_request("secret token is too long")
    if not _SECRET.fullmatch(settings.secret_token):
        raise bad_request("secret token contains unallowed characters")
    if settings.certificate:
        try:
            ssl.create_default_context(cadata=settings.certificate)
        except (ssl.SSLError, ValueError, TypeError):
            raise _bad_webhook("Failed to set custom certificate file") from None
    if not _on_loopback(url):
        if url.scheme != "https":
            raise _bad_webhook("An HTTPS URL must be provided for webhook")
        if (url.port or 443) not in _PORTS:
            raise _bad_webhook("Webhook can be set up only on ports 80, 88, 443 or 8443")
    address = _literal_address(url)
    if settings.ip_address:
        try:
            address = ipaddress.ip_address(settings.ip_address)
        except ValueError:
            raise _bad_webhook("Invalid IP address specified") from None
    if address is None or address.is_loopback:
        return
    if address.version != 4:
        raise _bad_webhook("IPv6-only addresses are not allowed")
    if not address.is_global:
        raise _bad_webhook(f"IP address {address} is reserved")


def _split(url: str) -> SplitResult:
    """MethodError 400 for what is no URL. Without a scheme it is https."""
    try:
        parts = urlsplit(url if "://" in url else f"https://{url}")
        usable = bool(parts.hostname) and parts.port != 0
    except ValueError:
        usable = False
    if not usable or parts.scheme not in ("http", "https"):
        raise bad_request("invalid webhook URL specified")
    return parts


def _on_loopback(url: SplitResult) -> bool:
    address = _literal_address(url)
    return address.is_loopback if address else url.hostname == "localhost"


def _literal_address(url: SplitResult) -> ipaddress.IPv4Address | ipaddress.IPv6Address | None:
    try:
        return ipaddress.ip_address(url.hostname or "")
    except ValueError:
        return None


def _certificate(parameters: Parameters) -> str:
    """An uploaded certificate as text; empty without one, and for a string, which the server takes none from."""
    given = given_file(parameters, "certificate")
    return given.content.decode("ascii", "replace") if isinstance(given, UploadedFile) else ""


def _bad_webhook(reason: str) -> MethodError:
    return bad_request(f"bad webhook: {reason}")

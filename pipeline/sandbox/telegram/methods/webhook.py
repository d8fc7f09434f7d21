"""Webhooks: kept and in conflict with polling, but nothing is delivered to them."""

from pipeline.sandbox.json_types import Json, Parameters
from pipeline.sandbox.telegram.errors import MethodError
from pipeline.sandbox.telegram.methods.table import bot_api_method
from pipeline.sandbox.telegram.parameters import boolean, decoded
from pipeline.sandbox.telegram.state import TelegramState


@bot_api_method
def set_webhook(state: TelegramState, parameters: Parameters) -> bool:
    """Ends the poll that waits with 409, unless `url` is empty, which deletes the webhook."""
    state.polling.webhook_url = str(parameters.get("url", ""))
    allowed = decoded(parameters, "allowed_updates")
    if allowed is not None:
        state.updates.allow(allowed)
    if boolean(parameters, "drop_pending_updates"):
        state.updates.clear()
    if state.polling.webhook_url:
        state.polling.end(MethodError(409, "Conflict: terminated by setWebhook request"))
    return True


@bot_api_method
def delete_webhook(state: TelegramState, parameters: Parameters) -> bool:
    return set_webhook(state, {**parameters, "url": ""})


@bot_api_method
def get_webhook_info(state: TelegramState, _: Parameters) -> Json:
    return {
        "url": state.polling.webhook_url,
        "has_custom_certificate": False,
        "pending_update_count": len(state.updates),
        "allowed_updates": state.updates.allowed,
    }

"""The proof of a new value: it is used as the job will use it, before the job can see it."""

from __future__ import annotations

import re
import time

import openai
from pydantic import SecretStr

from pipeline.model.client import Model, ModelSettings
from pipeline.platform.credentials import Credential, ModelAccess
from pipeline.redaction import scrub
from pipeline.telegram.client import BotApi, BotApiError, Refused
from rotation.steps import Prove, ValueRefused, ValueUndecided

_TOKEN = re.compile(r"(\d{1,20}):[A-Za-z0-9_-]{16,}", re.ASCII)
_KEY = re.compile(r"[!-~]+")
_TIMEOUT = 10.0
_PATIENCE = 20.0
"""Seconds to try again while the service can't decide."""
_PAUSE = 2.0


def bot_of(token: SecretStr) -> int | None:
    """Id of the bot that a token belongs to; None if it does not have the form of a token."""
    match = _TOKEN.fullmatch(token.get_secret_value())
    return int(match[1]) if match else None


def telegram(url: str, bot_id: int | None) -> Prove:
    """Proves a bot's token by getMe. `bot_id`: the deployment's bot, if it is known."""

    def prove(token: SecretStr) -> str:
        own = bot_of(token)
        if own is None:
            raise ValueRefused("it is not a token: BotFather's are a number, a colon and 35 characters")
        if bot_id is not None and own != bot_id:
            raise ValueRefused(f"it is a token of bot {own}, and this deployment's bot is {bot_id}")
        api = BotApi(url, Credential(lambda: token), _TIMEOUT)
        until = time.monotonic() + _PATIENCE
        while True:
            try:
                me = api.get_me()
            except Refused as error:
                if error.token_rejected:
                    raise ValueRefused(
                        f"Telegram does not accept it ({error.code}): it is mistyped, or it was revoked, as each "
                        "token is when BotFather issues the next"
                    ) from None
                reason = f"{error.code} {scrub(error.description)}"
            except BotApiError as error:
                reason = scrub(str(error))
            else:
                break
            if time.monotonic() + _PAUSE > until:
                raise ValueUndecided(f"Telegram can't be asked ({reason})")
            time.sleep(_PAUSE)
        if me.id != own or bot_id not in (None, me.id):
            raise ValueRefused(f"getMe shows bot {me.id}, and this deployment's bot is {bot_id or own}")
        return f"@{me.username}, bot {me.id}"

    return prove


def model_key(url: str, model: str) -> Prove:
    """Proves a key by asking the model for one token."""

    def prove(key: SecretStr) -> str:
        if not _KEY.fullmatch(key.get_secret_value()):
            raise ValueRefused("it is not a key: a key has only ASCII characters, and no blanks")
        until = time.monotonic() + _PATIENCE
        while True:
            try:
                answered = _ask(url, model, key)
            except (openai.AuthenticationError, openai.PermissionDeniedError) as error:
                raise ValueRefused(f"the model's server does not accept it ({error.status_code})") from None
            except openai.NotFoundError:
                raise ValueUndecided(f"the server knows no model {model!r}") from None
            except openai.APIStatusError as error:
                reason = f"it answered {error.status_code}"
            except openai.APIError as error:
                reason = type(error).__name__
            else:
                if answered:
                    return f"{model} answered"
                reason = "it answered with no completion"
            if time.monotonic() + _PAUSE > until:
                raise ValueUndecided(f"the model can't be asked ({reason})")
            time.sleep(_PAUSE)

    return prove


def _ask(url: str, model: str, key: SecretStr) -> bool:
    """Ask for a completion of one token, as a run would. Returns whether one came. Raises openai.APIError."""
    client = Model(ModelSettings(model, model_timeout=_TIMEOUT))
    try:
        return client.probe(ModelAccess(url, key))
    finally:
        client.close()

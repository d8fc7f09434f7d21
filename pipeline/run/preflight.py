"""What is asked before a run begins: the secrets, the bot, the model, and whether the storage is ours to use.

All of it runs on the run's own thread, but for `TokenSource`, which any thread may call.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from typing import Any

import openai
import structlog
from pydantic import SecretStr

from pipeline.errors import OperatorError, SettingsError
from pipeline.model.client import Model
from pipeline.platform.credentials import Credential, CredentialError, CredentialUnavailable, ModelAccess
from pipeline.redaction import scrub
from pipeline.run.end import End
from pipeline.run.threads.backoff import backoff
from pipeline.settings import RunSettings, bot_id_of, bot_token
from pipeline.storage.lease import Lease, LeaseHeld
from pipeline.storage.places import Storage, storage_errors
from pipeline.storage.record import Recorder
from pipeline.telegram.bot import Bot
from pipeline.telegram.client import BotApi, BotApiError, Refused

log = structlog.get_logger(__name__)

_FIRST_WAIT = 0.5
_LONGEST_WAIT = 5.0


class TokenSource:
    """Resolves the bot's token as it is now. Any thread may call it; the run's thread sets `bot_id` once."""

    def __init__(self, settings: RunSettings) -> None:
        self._settings = settings
        self.bot_id: int | None = None
        """The bot that this run serves. Another bot's token is refused: its messages don't belong in this storage."""

    def __call__(self) -> SecretStr:
        """Raises CredentialError."""
        token = bot_token(self._settings)
        if self.bot_id is not None and bot_id_of(token) != self.bot_id:
            name = self._settings.token_name
            raise CredentialError(f"{name} is now bot {bot_id_of(token)}'s, this run is bot {self.bot_id}'s")
        return token


def resolve_secrets(
    settings: RunSettings, token: Credential[SecretStr], access: Credential[ModelAccess], end: End
) -> None:
    """Resolve both secrets for the first time; both together get the start-up patience.

    Raises CredentialError, and SettingsError where no model is named.
    """
    until = end.clock() + settings.startup_patience
    _resolve(token, end, until)
    if not settings.model:
        raise SettingsError("PIPELINE_MODEL is not set: set it to a model's name at OPENAI_BASE_URL")
    _resolve(access, end, until)


def _resolve(credential: Credential[Any], end: End, until: float) -> None:
    failures = 0
    while True:
        try:
            credential.current()
            return
        except CredentialUnavailable as error:
            if end.reached or end.clock() >= until:
                raise
            log.warning("a secret can't be read yet", reason=str(error))
        failures += 1
        end.wait(backoff(failures, _FIRST_WAIT, _LONGEST_WAIT))


@contextlib.contextmanager
def held_storage(storage: Storage) -> Iterator[tuple[Lease, Recorder]]:
    """Hold a storage for this run and keep its record, which at the end says "stopped" and what the operator must fix.

    Raises StorageError, LeaseHeld where another pipeline runs on it, and RunFailed where its disk fails.
    """
    storage.prepare()
    _close(storage)
    lease = Lease(storage.root)
    recorder = Recorder(storage.root)
    try:
        with storage_errors(storage.root):
            lease.acquire()
            recorder.save()
    except BaseException:
        with contextlib.suppress(OSError):
            lease.release()
        raise
    try:
        yield lease, recorder
    except OperatorError as error:
        recorder.report("run", str(error))
        raise
    finally:
        recorder.set(state="stopped")
        with contextlib.suppress(OSError, LeaseHeld):  # the record may be another run's now
            lease.confirm()
            recorder.save()
        with contextlib.suppress(OSError):
            lease.release()


def _close(storage: Storage) -> None:
    """Close a storage to other users. Where another user owns it, they decide."""
    try:
        if storage.close_to_others():
            log.info("the storage was open to other users; it is closed to them now", storage=str(storage.root))
    except OSError as error:
        log.warning("the storage can't be closed to other users", reason=error.strerror or str(error))


def ask_who_we_are(api: BotApi, settings: RunSettings, end: End) -> Bot | None:
    """The bot that the token belongs to, by Telegram; None where the run's end came first.

    Raises SettingsError for a token that is rejected, and for a Bot API that is out of reach for longer than the
    start-up patience.
    """
    until = end.clock() + settings.startup_patience
    where = scrub(str(settings.telegram_api_url))
    failures = 0
    while not end.reached:
        try:
            return api.get_me()
        except BotApiError as error:
            if isinstance(error, Refused) and error.token_rejected:
                raise SettingsError(
                    f"{settings.token_name} was rejected by {where} ({error}): "
                    "give the token that BotFather shows for this bot"
                ) from None
            if end.clock() >= until:
                raise SettingsError(
                    f"TELEGRAM_API_URL {where} can't be used ({error}): check the address and the network"
                ) from None
        failures += 1
        end.wait(backoff(failures, _FIRST_WAIT, _LONGEST_WAIT))
    return None


def require_model(model: Model, settings: RunSettings, access: ModelAccess) -> None:
    """Raise SettingsError for a model that its server does not know, or that we may not ask.

    A server that can't answer now is no such fault: messages then wait for it.
    """
    served: list[str] | None = None
    try:
        # A workspace keeps no list of models: there the endpoint itself is asked.
        if settings.model_source == "openai":
            # A key may be valid for completions alone.
            with contextlib.suppress(openai.AuthenticationError, openai.PermissionDeniedError):
                served = model.served(access)
        if served is None or settings.model not in served:
            # A list may leave out aliases, and some servers keep none: the server itself is asked.
            model.probe(access)
    except (openai.AuthenticationError, openai.PermissionDeniedError) as error:
        raise SettingsError(_not_allowed(settings, error.status_code)) from None
    except openai.NotFoundError:
        raise SettingsError(_not_known(settings, served)) from None
    except openai.APIError as error:
        log.warning("the model can't be asked yet; messages will wait", reason=type(error).__name__)


def _not_allowed(settings: RunSettings, status: int) -> str:
    if settings.model_source == "databricks":
        return (
            f"PIPELINE_MODEL {settings.model!r} may not be asked by this run's principal ({status}): "
            "grant it CAN_QUERY on that serving endpoint"
        )
    where = f"OPENAI_BASE_URL {scrub(str(settings.openai_base_url))}"
    return f"{settings.key_name} was rejected by {where} ({status}): give a valid key"


def _not_known(settings: RunSettings, served: list[str] | None) -> str:
    if settings.model_source == "databricks":
        return f"PIPELINE_MODEL {settings.model!r} is no serving endpoint of the workspace: give the name of one"
    names = f"it serves {', '.join(sorted(served)[:8])}" if served else "check the model's name and the address"
    where = f"OPENAI_BASE_URL {scrub(str(settings.openai_base_url))}"
    return f"PIPELINE_MODEL {settings.model!r} is not known at {where}: {names}"

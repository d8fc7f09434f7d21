"""The secrets of a run as one value, read by whoever sends or asks: on the driver, and by broadcast on executors.

There is one source, `RunCredentials`. What it resolves again on the driver, after a refusal or before an expiry, is
broadcast again.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from pydantic import SecretStr

from pipeline.platform.credentials import Credential, ModelAccess
from pipeline.redaction import learn_secret

if TYPE_CHECKING:
    from pyspark import SparkContext
    from pyspark.core.broadcast import Broadcast


@dataclass(frozen=True)
class RunSecrets:
    """What is needed to send and to ask. Its texts show no secret; its pickled form has them, so it is only broadcast.

    Equal if all parts are, so a new one is broadcast when any part has changed.
    """

    telegram_api_url: str
    telegram_token: SecretStr
    model: ModelAccess

    def __setstate__(self, state: dict[str, Any]) -> None:
        """On an executor, which removes the same secrets from what a server says there."""
        self.__dict__.update(state)
        learn_secret(self.telegram_token.get_secret_value())
        learn_secret(self.model.bearer.get_secret_value(), expires=self.model.expires_at is not None)


class RunCredentials:
    """The one source of a run's secrets: each is renewed by itself, `current` is all. Any thread may call it."""

    def __init__(self, telegram_api_url: str, token: Credential[SecretStr], model: Credential[ModelAccess]) -> None:
        self.telegram_api_url = telegram_api_url
        self.token = token
        self.model = model

    def current(self) -> RunSecrets:
        """The secrets as they are now. Raises CredentialError."""
        return RunSecrets(self.telegram_api_url, self.token.current(), self.model.current())


class BroadcastSecrets:
    """The secrets as executors read them: a broadcast, replaced when one changes, destroyed once no job holds it.

    Any thread may call it.
    """

    def __init__(self, context: SparkContext, credentials: RunCredentials) -> None:
        self._context = context
        self._credentials = credentials
        self._lock = threading.Lock()
        self._current: tuple[RunSecrets, Broadcast[RunSecrets]] | None = None
        self._holders: dict[int, int] = {}
        self._stale: dict[int, Broadcast[RunSecrets]] = {}

    @contextmanager
    def held(self) -> Iterator[tuple[RunSecrets, Broadcast[RunSecrets]]]:
        """The current secrets and their broadcast, valid in this block. Raises CredentialError."""
        secrets = self._credentials.current()
        with self._lock:
            if self._current is None or self._current[0] != secrets:
                if self._current is not None:
                    self._stale[id(self._current[1])] = self._current[1]
                self._current = (secrets, self._context.broadcast(secrets))
            held = self._current
            key = id(held[1])
            self._holders[key] = self._holders.get(key, 0) + 1
            self._destroy_stale()
        try:
            yield held
        finally:
            with self._lock:
                self._holders[key] -= 1
                self._destroy_stale()

    def close(self) -> None:
        """Destroy the broadcasts that no job holds; the others follow when their jobs end."""
        with self._lock:
            if self._current is not None:
                self._stale[id(self._current[1])] = self._current[1]
                self._current = None
            self._destroy_stale()

    def _destroy_stale(self) -> None:
        for key in [key for key in self._stale if not self._holders.get(key)]:
            self._holders.pop(key, None)
            self._stale.pop(key).destroy()

"""The credentials of a run: where they come from, and how they are renewed.

A secret is resolved from the environment, from a file (as containers mount secrets) or from a Databricks secret scope,
and again when the other side answers 401. Values stay wrapped; no error or log line of this module holds one. From the
moment that it is resolved a secret is removed from all texts that others say (`pipeline.redaction`).
"""

from __future__ import annotations

import math
import os
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Generic, TypeVar

from pydantic import SecretStr

from pipeline.errors import OperatorError
from pipeline.redaction import learn_secret, scrub

_RENEW_BEFORE = 120.0
"""Seconds before its expiry at which a credential is resolved again."""
_RENEW_EVERY = 10.0
"""Seconds between two attempts while the old value is still valid."""


class CredentialError(OperatorError):
    """A secret can't be resolved. The text names its key, never its value."""


class CredentialUnavailable(CredentialError):
    """A secret can't be resolved now, but perhaps in a moment: its store can't be reached, or is too busy."""


def secret_source(key: str) -> Callable[[], SecretStr | None]:
    """A function that reads the secret `key` from the environment, or from the file that `key_FILE` names.

    It reads again at each call. It returns None if neither is set, and raises CredentialError if both are set or the
    file can't be read.
    """

    def read() -> SecretStr | None:
        value, file = os.environ.get(key, "").strip(), os.environ.get(f"{key}_FILE", "").strip()
        if value and file:
            raise CredentialError(f"{key} and {key}_FILE are both set: keep one")
        if not file:
            return _learned(value) if value else None
        try:
            value = Path(file).read_text().strip()
        except (OSError, UnicodeDecodeError) as error:
            reason = error.strerror if isinstance(error, OSError) else "not text"
            raise CredentialError(
                f"{key}_FILE {scrub(file)} can't be read ({reason}): give the path of a readable file"
            ) from None
        if not value:
            raise CredentialError(f"{key}_FILE {scrub(file)} is empty: write the secret into it")
        return _learned(value)

    return read


def _learned(value: str) -> SecretStr:
    learn_secret(value)
    return SecretStr(value)


@dataclass(frozen=True)
class ModelAccess:
    """What a worker needs to call the model."""

    base_url: str
    bearer: SecretStr
    expires_at: float | None = field(default=None, compare=False)
    """Seconds since 1970; None if it does not expire. The same bearer with a later expiry counts as equal."""

    def __post_init__(self) -> None:
        learn_secret(self.bearer.get_secret_value(), expires=self.expires_at is not None)


_T = TypeVar("_T")


class Credential(Generic[_T]):
    """One credential: resolved when first needed, before it expires, and after it was refused.

    Any thread may call it.
    """

    def __init__(self, resolve: Callable[[], _T]) -> None:
        """`resolve` raises CredentialError when it can't."""
        self._resolve = resolve
        self._lock = threading.Lock()
        self._value: _T | None = None
        self._renew_at = 0.0

    def current(self) -> _T:
        """The current value. Raises CredentialError if there is none and it can't be resolved."""
        with self._lock:
            left = (getattr(self._value, "expires_at", None) or math.inf) - time.time()
            due = left < _RENEW_BEFORE and time.monotonic() >= self._renew_at
            if self._value is None or left <= 0 or due:
                try:
                    self._value = self._resolve_and_learn()
                except CredentialError:
                    if self._value is None or left <= 0:
                        raise
                    # The old value is valid for a while. Other threads wait for the lock: don't try again at once.
                    self._renew_at = time.monotonic() + _RENEW_EVERY
            return self._value

    def refresh(self, refused: _T) -> bool:
        """Resolve again after `refused` was refused. Returns whether there is now another value to try."""
        with self._lock:
            if self._value != refused:
                return True
            try:
                self._value = self._resolve_and_learn()
            except CredentialError:
                return False
            return self._value != refused

    def _resolve_and_learn(self) -> _T:
        value = self._resolve()
        if isinstance(value, SecretStr):
            learn_secret(value.get_secret_value())
        return value

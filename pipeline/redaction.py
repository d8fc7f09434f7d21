"""Removing secrets from texts: those that this process has resolved, and what looks like one.

It is the last line of defence against what is said inside this process, and the first against what others say: a server
may quote the path or the key of a request in an error, in a name or in an answer.
"""

from __future__ import annotations

import re
import threading
from collections import deque
from urllib.parse import quote

_TOKEN = re.compile(r"(?<!\d)\d{1,20}:[A-Za-z0-9_-]{20,}")
_BEARER = re.compile(r"(?i)\b(bearer\s+|sk-|dapi|dose)[A-Za-z0-9._~+/-]{8,}=*")
_PASSWORD = re.compile(r"//[^/@\s]*@")
_HEXADECIMAL = re.compile(r"%[0-9A-F]{2}")

_SHORTEST, _LONG = 8, 16
"""Characters from which a value counts as a secret, and those from which a word or a number counts as one. Shorter ones
are placeholders for a server that wants no key (`anything`, `12345678`), and may stand in an ordinary answer."""
_MOST = 64
"""How many of the last secrets that expire are known. A bearer is renewed every hour or so."""
_HARMLESS = 3
"""The first characters of a secret, which say no more than of which kind it is."""
_READ_AT_MOST = 20_000
"""Characters of a text that are looked at if it is cut to a few hundred."""


class _Secrets:
    """The secrets that this process has resolved. Thread-safe."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._forms: dict[str, tuple[str, ...]] = {}
        """The forms of each secret, the longest first. Replaced as a whole, so that it is read without the lock."""
        self._expiring: deque[str] = deque()

    def learn(self, secret: str, expires: bool) -> None:
        if not is_secret(secret) or secret in self._forms:
            return
        with self._lock:
            forms = {**self._forms, secret: _forms(secret)}
            if expires:
                self._expiring.append(secret)
                if len(self._expiring) > _MOST:
                    del forms[self._expiring.popleft()]
            self._forms = forms

    def removed(self, text: str) -> str:
        for forms in self._forms.values():
            for form in forms:
                if form in text:
                    text = text.replace(form, "<credential>")
        return text

    def unfinished(self, text: str) -> str:
        cut = 0
        for forms in self._forms.values():
            for form in forms:
                longest = min(len(form) - 1, len(text))
                cut = max(cut, next((n for n in range(longest, _HARMLESS, -1) if text.endswith(form[:n])), 0))
        return text[: len(text) - cut]


_secrets = _Secrets()


def learn_secret(secret: str, *, expires: bool = False) -> None:
    """From now on, remove this value from texts, as it is and as an address has it. Any thread may call it.

    One that expires by itself is forgotten after many more of its kind.
    """
    _secrets.learn(secret, expires)


def without_secrets(text: str) -> str:
    """The text without the secrets that this process has resolved; nothing else is changed."""
    return _secrets.removed(text)


def without_begun_secret(text: str) -> str:
    """The beginning of a longer text: without secrets, and without an end that may be the beginning of one."""
    return _secrets.unfinished(_secrets.removed(text))


def scrub(text: str) -> str:
    """The text without secrets, bot tokens, bearer tokens, and the user and password of an address."""
    return _PASSWORD.sub("//…@", _BEARER.sub("<secret>", _TOKEN.sub("<secret>", without_secrets(text))))


def quoted(text: str, most: int) -> str:
    """What another party said, to be shown in a reason or an error: scrubbed, and at most `most` characters.

    It is scrubbed first, since half a secret is no longer recognised.
    """
    return scrub(text[:_READ_AT_MOST])[:most]


def is_secret(value: str) -> bool:
    simple = value.isalpha() or value.isdigit()
    return len(value) >= (_LONG if simple else _SHORTEST)


def _forms(secret: str) -> tuple[str, ...]:
    plain = [secret]
    if _TOKEN.fullmatch(secret):
        # Its second part alone gives access too, since the first is the bot's public id.
        plain.append(secret.partition(":")[2])
    encoded = [quote(value, safe=safe) for value in plain for safe in ("", "/", "/:")]
    lower = [_HEXADECIMAL.sub(lambda code: code[0].lower(), value) for value in encoded]
    return tuple(sorted({*plain, *encoded, *lower}, key=lambda form: (-len(form), form)))

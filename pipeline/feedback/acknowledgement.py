"""The answer to a press: the app of who pressed a button waits for it, and shows its text for a moment.

It is given as soon as the press is durable in the landing, and beside everything else: what the press means reaches the
tables with the stream, however long that takes.
"""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Callable, Collection, Sequence
from typing import Any, NamedTuple

import structlog

from pipeline.messages.phrases import phrases
from pipeline.peers.workers import Workers
from pipeline.telegram.client import BotApi, BotApiError
from pipeline.telegram.routing import Disposition, press_disposition
from pipeline.telegram.update import Press, press_of

log = structlog.get_logger(__name__)

_AT_ONCE = 4
_MOST = 200
"""Presses that wait. More of them push out the oldest."""
_WITHIN = 10.0
"""Seconds after which nobody waits for an answer any more: Telegram refuses one after some fifteen."""


class _Waiting(NamedTuple):
    press: Press
    since: float


class Acknowledgements:
    """Answers presses, each at most once. What fails is dropped: the app ends its wait by itself.

    Threads: any thread may call any method; none of them waits for Telegram. Each request runs on one of at most
    `_AT_ONCE` threads. What waits, and how many of these there are, is used with the lock held.
    """

    def __init__(
        self,
        api: BotApi,
        *,
        allowed_chats: Collection[int] = (),
        allowed_users: Collection[int] = (),
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """Whose press does not count, because their chat or they themselves are not allowed, is not thanked."""
        self._api = api
        self._allowed_chats = allowed_chats
        self._allowed_users = allowed_users
        self._clock = clock
        self._lock = threading.Lock()
        self._waiting: deque[_Waiting] = deque(maxlen=_MOST)
        self._threads = 0
        self._stopped = False
        self._workers = Workers()

    def take(self, updates: Sequence[Any]) -> None:
        """Answer the presses among these updates of Telegram. Never raises."""
        presses = [press for press in map(press_of, updates) if press is not None]
        if not presses:
            return
        now = self._clock()
        with self._lock:
            self._waiting.extend(_Waiting(press, now) for press in presses)
            needed = min(len(presses), _AT_ONCE - self._threads)
            self._threads += needed
        for _ in range(needed):
            try:
                self._workers.start("acknowledgement", self._work)
            except RuntimeError:  # the machine has no thread left; those that run see to what waits
                with self._lock:
                    self._threads -= 1

    def stop(self) -> None:
        """Answer nothing any more; requests under way are not waited for."""
        with self._lock:
            self._stopped = True
            self._waiting.clear()

    def _work(self) -> None:
        while True:
            with self._lock:
                if self._stopped or not self._waiting:
                    self._threads -= 1
                    return
                press, since = self._waiting.popleft()
            if self._clock() - since < _WITHIN:
                self._answer(press)

    def _answer(self, press: Press) -> None:
        counts = press_disposition(press, self._allowed_chats, self._allowed_users) is Disposition.FEEDBACK
        try:
            self._api.answer_press(press.id, phrases(press.sender.language_code).thanks if counts else "")
        except Exception as error:  # whatever it is, the press itself is durable
            reason = str(error) if isinstance(error, BotApiError) else type(error).__name__
            log.info("a press is not answered", reason=reason)

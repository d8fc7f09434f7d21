"""Ending a run on a signal, in time."""

from __future__ import annotations

import contextlib
import os
import signal
import threading
from collections.abc import Callable, Iterator

from pipeline.platform.databricks import on_databricks

_FORCED_AFTER = 14.0
"""Seconds from the signal to the forced end: a process must be gone after 15."""


@contextlib.contextmanager
def stopping_on_signals(stop: Callable[[], None], *, code_if_forced: int = 0) -> Iterator[None]:
    """Call `stop` on SIGTERM or SIGINT, and end the process by force if it still runs 14 seconds later.

    `code_if_forced`: the exit code then. On a cluster the process is never ended by force. Off the main thread, where
    no handler can be set, this does nothing. `stop` is called in the signal handler, on the main thread.
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return

    def on_signal(_number: int, _frame: object) -> None:
        stop()
        if on_databricks():  # the process is the cluster's driver, and not ours to end
            return
        forced_end = threading.Timer(_FORCED_AFTER, _end_now, [code_if_forced])
        forced_end.daemon = True
        forced_end.start()

    handlers_before = {number: signal.signal(number, on_signal) for number in (signal.SIGTERM, signal.SIGINT)}
    try:
        yield
    finally:
        for number, handler in handlers_before.items():
            signal.signal(number, handler)


def _end_now(code: int) -> None:
    # What counts is durable at every instant, so what still hangs may be abandoned.
    os.write(2, b"stopped by force: something did not stop in time\n")
    os._exit(code)

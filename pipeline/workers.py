"""Threads for jobs that may block: daemons, kept for a while, since to start one costs more than a short job."""

from __future__ import annotations

import queue
import threading
from collections.abc import Callable

Job = Callable[[], None]

_KEPT = 10.0
"""Seconds for which a thread without a job waits for the next."""


class Workers:
    """As many threads as there are jobs at once. None of them holds the process at its end. Thread-safe."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._free = 0
        """How many threads wait for a job, without those that a job in the queue is meant for."""
        self._jobs: queue.SimpleQueue[tuple[str, Job]] = queue.SimpleQueue()

    def start(self, name: str, job: Job) -> None:
        """Run a job at once, on a thread that has its name meanwhile, and return. The job must not raise.

        Raises RuntimeError where the machine has no thread left for it.
        """
        with self._lock:
            free = self._free > 0
            if free:
                self._free -= 1
                self._jobs.put((name, job))
        if not free:
            threading.Thread(target=self._work, args=(name, job), name=name, daemon=True).start()

    def _work(self, name: str, job: Job) -> None:
        thread = threading.current_thread()
        while True:
            thread.name = name
            job()
            del job  # and what it holds
            with self._lock:
                self._free += 1
            try:
                name, job = self._jobs.get(timeout=_KEPT)
            except queue.Empty:
                with self._lock:
                    if self._free > 0:
                        self._free -= 1
                        return
                # Every thread that waits has a job in the queue.
                name, job = self._jobs.get()

"""The demo's faults: plays one at a time, tells what happens, and counts at the end what was lost or sent twice."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from typing import Any

import httpx

from pipeline.demo.faults.model_faults import ModelFaults
from pipeline.demo.faults.reconciliation import Reconciliation, reconciled
from pipeline.demo.faults.run_process import RunProcess
from pipeline.demo.faults.scenarios import SCENARIOS, FaultScenario
from pipeline.sandbox.telegram.people.messages import UserMessage
from pipeline.sandbox.telegram.simulator import Telegram
from pipeline.storage.places import Storage
from pipeline.tables import QUARANTINE
from pipeline.view.data import ViewError
from pipeline.view.local import LocalView
from pipeline.view.status import status_of
from pipeline.watch.hub import Hub

_SETTLED_WITHIN = 90.0
_SERVES_WITHIN = 120.0
_LOOK_EVERY = 0.1
_MOST_LINES = 200
_PEOPLE = ((11, "Mary"), (12, "Edsger"), (13, "Barbara"), (14, "Alan"))
"""Who asks during a fault, each in a private chat of their own."""


class DemoEnds(Exception):
    """The demo ends while a fault is under way."""


class DemoFaults:
    """What a person can break, in a demo with the simulated Telegram. Any thread may call it.

    Each fault is played on a thread of its own. `end` stops it, and has to be called before the run is stopped.
    """

    def __init__(
        self,
        storage: Storage,
        telegram: Telegram,
        telegram_url: str,
        *,
        model: ModelFaults | None = None,
        run: RunProcess | None = None,
    ) -> None:
        """`telegram_url`: where it is served. Without `model` or `run`, faults of these are not offered."""
        self._storage = storage
        self._telegram = telegram
        self._url = telegram_url
        self._model = model
        self._run = run
        self._hub = Hub()
        self._lock = threading.Lock()
        self._running: str | None = None
        self._thread: threading.Thread | None = None
        self._ended = threading.Event()
        self._results: dict[str, dict[str, Any]] = {}
        self._story: list[dict[str, Any]] = []
        self._began = 0.0
        self._offered = {
            scenario.name: scenario
            for scenario in SCENARIOS
            if (model or not scenario.needs_model) and (run or not scenario.needs_run)
        }

    def attach(self, hub: Hub) -> None:
        self._hub = hub
        self._show()

    def cause(self, name: str) -> str | None:
        scenario = self._offered.get(name)
        if scenario is None:
            return "this fault is not offered here"
        with self._lock:
            if self._ended.is_set():
                return "the demo ends"
            if self._running is not None:
                return "another fault is under way: wait until it has ended"
            self._running, self._story, self._began = name, [], time.monotonic()
            self._thread = threading.Thread(target=self._play, args=(scenario,), name="demo-fault", daemon=True)
            self._thread.start()
        return None

    def end(self) -> None:
        """Stop a fault that is under way, and cause no other."""
        self._ended.set()
        with self._lock:
            thread = self._thread
        if thread is not None:
            thread.join(5.0)

    def _play(self, scenario: FaultScenario) -> None:
        self._tell("will", scenario.effect)
        try:
            scenario.play(self)
            self._reconcile(scenario.name)
        except DemoEnds:
            pass
        except Exception as error:  # the page must say that it failed, whatever it is
            self._tell("bad", f"The fault could not be caused ({type(error).__name__}).")
            self._results[scenario.name] = {"good": False, "text": "could not be caused"}
        finally:
            if self._model is not None:
                self._model.end()
            with self._lock:
                self._running = None
            self._show()

    def _reconcile(self, name: str) -> None:
        self.wait_until(lambda: reconciled(self._telegram).lost == 0, _SETTLED_WITHIN)
        # Whether something is sent twice shows only after everything was sent once.
        self.wait(1.0)
        found = self._with_unknown(reconciled(self._telegram))
        self._tell("good" if found.good else "bad", f"By Telegram's own record, since the demo began: {found.line}.")
        self._results[name] = {"good": found.good, "text": found.line}

    def _with_unknown(self, found: Reconciliation) -> Reconciliation:
        """Only where an answer is missing: what arrived although its response was lost is no loss."""
        missing = found.asked - found.answered
        return found._replace(unknown=min(missing, self.unknown_replies())) if missing else found

    def _tell(self, kind: str, text: str) -> None:
        line = {"at": f"+{time.monotonic() - self._began:.1f} s", "kind": kind, "text": text}
        self._story = [*self._story, line][-_MOST_LINES:]
        self._show()

    def _show(self) -> None:
        offered = [
            {"name": each.name, "title": each.title, "effect": each.effect, "result": self._results.get(each.name)}
            for each in self._offered.values()
        ]
        self._hub.show("faults", {"running": self._running, "offered": offered, "story": self._story})

    # What a scenario may do.

    def say(self, text: str) -> None:
        self._tell("did", text)

    def ask(self, *texts: str) -> None:
        names = []
        for (chat_id, name), text in zip(_PEOPLE, texts, strict=False):
            self._telegram.receive(UserMessage(chat_id=chat_id, first_name=name, text=text))
            names.append(f"{name} asks “{text}”")
        self.say("; ".join(names) + ".")

    def wait(self, seconds: float) -> None:
        if self._ended.wait(seconds):
            raise DemoEnds

    def wait_until(self, condition: Callable[[], bool], seconds: float) -> bool:
        until = time.monotonic() + seconds
        while not condition():
            if time.monotonic() > until:
                return False
            self.wait(_LOOK_EVERY)
        return True

    def telegram_fault(self, kind: str, **more: object) -> None:
        fault = {"method": "sendMessage", "kind": kind, "times": 1, **more}
        httpx.post(f"{self._url}/sandbox/faults", json=fault, timeout=5.0, trust_env=False).raise_for_status()

    def telegram_fault_came(self) -> bool:
        listed = httpx.get(f"{self._url}/sandbox/faults", timeout=5.0, trust_env=False).raise_for_status().json()
        return all(fault["applied"] >= fault["times"] for fault in listed["faults"])

    def set_model(self, *, down: bool = False, seconds: float = 0.0) -> None:
        if self._model is not None:
            self._model.down, self._model.seconds = down, seconds

    def rotate_token(self, token: str) -> None:
        self._telegram.rotate_token(self._of_bot(token))

    def hand_over_token(self, token: str) -> None:
        assert self._run is not None
        self._run.replace_token(self._of_bot(token))

    def send_malformed(self) -> None:
        self._telegram.inject({"message": 42})

    def kill(self) -> None:
        assert self._run is not None
        self._run.kill()

    def stop(self) -> None:
        assert self._run is not None
        self._run.stop()

    def start(self) -> bool:
        assert self._run is not None
        run = self._run
        run.start()
        return self.wait_until(lambda: run.is_serving, _SERVES_WITHIN)

    def delete_checkpoint(self) -> None:
        assert self._run is not None
        self._run.delete_checkpoint()

    def in_quarantine(self) -> int:
        try:
            return LocalView(self._storage).row_count(QUARANTINE)
        except ViewError:
            return 0

    def open_questions(self) -> int:
        found = reconciled(self._telegram)
        return found.asked - found.answered

    def unknown_replies(self) -> int:
        return status_of(self._storage).unknown_count

    def _of_bot(self, token: str) -> str:
        return token.format(bot=self._telegram.bot_id)

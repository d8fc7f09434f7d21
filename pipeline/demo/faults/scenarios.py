"""The faults themselves: what each does to the demo, step by step."""

from __future__ import annotations

import secrets
from collections.abc import Callable
from typing import NamedTuple, Protocol


class DemoScene(Protocol):
    """What a fault works on."""

    def say(self, text: str) -> None:
        """Tell the person who watches what has just happened."""

    def ask(self, *texts: str) -> None:
        """People ask, each in a private chat of their own."""

    def wait(self, seconds: float) -> None:
        """Let time pass. Raises DemoEnds when the demo ends."""

    def wait_until(self, condition: Callable[[], bool], seconds: float) -> bool:
        """Whether the condition came true in time. Raises DemoEnds when the demo ends."""

    def telegram_fault(self, kind: str, **more: object) -> None:
        """The next sendMessage goes wrong in this way: a kind of the simulated Telegram's faults."""

    def telegram_fault_came(self) -> bool:
        """Whether the call that was to go wrong has done so."""

    def set_model(self, *, down: bool = False, seconds: float = 0.0) -> None:
        """The model is down, or answers so much later."""

    def rotate_token(self, token: str) -> None:
        """The bot's owner replaces the token at Telegram: the run's is refused."""

    def hand_over_token(self, token: str) -> None:
        """The run's secret is replaced."""

    def send_malformed(self) -> None:
        """Telegram delivers an update that is none."""

    def kill(self) -> None:
        """End the run as a power cut would."""

    def stop(self) -> None:
        """End the run in its own order."""

    def start(self) -> bool:
        """Start the run again; whether it serves in time."""

    def delete_checkpoint(self) -> None:
        """Delete the stream's checkpoint, of a run that was stopped."""

    def in_quarantine(self) -> int:
        """How many lines are in quarantine."""

    def open_questions(self) -> int:
        """How many questions have no answer yet, as Telegram sees it."""

    def unknown_replies(self) -> int:
        """How many replies the run reports as of unknown outcome."""


class FaultScenario(NamedTuple):
    name: str
    title: str
    effect: str
    """What will happen, said before it does."""
    play: Callable[[DemoScene], None]
    needs_model: bool = False
    needs_run: bool = False


_ANSWERED_WITHIN = 60.0
_TABLES_WITHIN = 30.0


def _model_down(stage: DemoScene) -> None:
    stage.set_model(down=True)
    stage.say("The model refuses every call with 503.")
    stage.ask("What is a lakehouse?", "What is twelve times seven?", "Which planet is the largest?")
    stage.wait(8.0)
    stage.say(f"After 8 seconds {stage.open_questions()} questions wait in the journal. Nobody got an excuse.")
    stage.set_model()
    stage.say("The model is back. The next trial call finds it, and all questions are asked again.")


def _model_slow(stage: DemoScene) -> None:
    stage.set_model(seconds=6.0)
    stage.say("Each call to the model takes 6 seconds longer.")
    stage.ask("What is Delta Lake?", "Why is the sky blue?")
    stage.wait(3.0)
    stage.say("The chats show “typing …”. The micro-batch is done already: it does not wait for the model.")
    stage.wait_until(lambda: stage.open_questions() == 0, _ANSWERED_WITHIN)
    stage.set_model()
    stage.say("The answers have come, and the model is fast again.")


def _too_many_requests(stage: DemoScene) -> None:
    stage.telegram_fault("too_many_requests", retry_after=4)
    stage.say("Telegram will refuse the next message: 429, retry after 4 seconds.")
    stage.ask("What does status 429 mean?", "How many messages a second may a bot send?")
    refused = stage.wait_until(stage.telegram_fault_came, _ANSWERED_WITHIN)
    stage.say(
        "Telegram has refused an answer. It stays in the journal: the model is not asked again, and it is sent later."
        if refused
        else "Telegram was sent no answer in time: see the warnings."
    )


def _lost_response(stage: DemoScene) -> None:
    before = stage.unknown_replies()
    stage.telegram_fault("lost_response")
    stage.say("Telegram will deliver the next message, but the connection breaks before it says so.")
    stage.ask("Did this arrive?")
    stage.wait_until(lambda: stage.open_questions() == 0, _ANSWERED_WITHIN)
    stage.say("The reply arrived, and the run can't know that.")
    reported = stage.wait_until(lambda: stage.unknown_replies() > before, _TABLES_WITHIN)
    stage.say(
        "The run reports it as “unknown”, and does not send it again. `pipeline status` names it."
        if reported
        else "The run has not reported it yet: see the warnings."
    )


def _killed(stage: DemoScene) -> None:
    stage.set_model(seconds=2.0)
    stage.ask("What survives a crash?", "What is a write-ahead log?", "What does fsync do?")
    stage.wait(1.0)
    stage.kill()
    stage.set_model()
    stage.say("The process was killed while the model was answering (SIGKILL: no goodbye, nothing saved).")
    stage.ask("Is anybody there?")
    stage.wait(1.5)
    stage.say("Somebody asked meanwhile. The process is started again; Spark takes some seconds.")
    stage.say("It serves again." if stage.start() else "It did not start in time: see the warnings.")


def _malformed(stage: DemoScene) -> None:
    before = stage.in_quarantine()
    stage.send_malformed()
    stage.say("Telegram delivered an update whose message is a number, and a good question right after it.")
    stage.ask("Does a bad message stop the good ones?")
    arrived = stage.wait_until(lambda: stage.in_quarantine() > before, _TABLES_WITHIN)
    stage.say(
        "The bad one is in quarantine with its reason and its raw text." if arrived else "Quarantine has no row yet."
    )


def _token_rotated(stage: DemoScene) -> None:
    token = f"{{bot}}:{secrets.token_urlsafe(26)}"
    stage.rotate_token(token)
    stage.say(
        "The token was revoked: Telegram answers each call with 401. The run keeps trying and tells the operator."
    )
    stage.ask("Can you still hear me?")
    stage.wait(5.0)
    stage.hand_over_token(token)
    stage.say("The new token is where the run reads its secret. It reads it again: no restart.")


def _checkpoint_deleted(stage: DemoScene) -> None:
    stage.stop()
    stage.delete_checkpoint()
    stage.say("The run was stopped, and the stream's checkpoint is deleted: Spark has forgotten what it has read.")
    stage.ask("Will you answer the old questions again?")
    stage.say("It starts with a new checkpoint. Tables and journal know what was answered.")
    stage.say("It serves again." if stage.start() else "It did not start in time: see the warnings.")


SCENARIOS = (
    FaultScenario(
        "model_down",
        "The model is down",
        "For 8 seconds the model refuses every call. Three people ask. Their questions wait; then all are answered.",
        _model_down,
        needs_model=True,
    ),
    FaultScenario(
        "model_slow",
        "The model is slow",
        "Each answer comes 6 seconds later. Two people ask. They see “typing …”, and nothing else waits for them.",
        _model_slow,
        needs_model=True,
    ),
    FaultScenario(
        "too_many_requests",
        "Telegram says 429",
        "Telegram refuses the next message and asks for 4 seconds of patience. The stored answer is sent after that.",
        _too_many_requests,
    ),
    FaultScenario(
        "lost_response",
        "A response is lost",
        "Telegram delivers the next reply, but its response is lost. The run can't know, says so, and sends no other.",
        _lost_response,
    ),
    FaultScenario(
        "killed",
        "The process is killed",
        "SIGKILL while three questions are being answered, then a new start. Each gets its one answer.",
        _killed,
        needs_run=True,
    ),
    FaultScenario(
        "malformed",
        "A malformed update",
        "Telegram delivers an update that can't be read. It goes to quarantine, and the next question is answered.",
        _malformed,
    ),
    FaultScenario(
        "token_rotated",
        "The token is revoked",
        "For 5 seconds Telegram refuses the run's token. Then the run gets a new one, and goes on without a restart.",
        _token_rotated,
        needs_run=True,
    ),
    FaultScenario(
        "checkpoint_deleted",
        "The checkpoint is deleted",
        "The run starts without Spark's memory of what it has read. No old question is answered again.",
        _checkpoint_deleted,
        needs_run=True,
    ),
)
"""In the order of the page."""

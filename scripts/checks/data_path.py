"""The checks that every pipeline has, deployed or local: its bot, its model, its backlog, and the way of a message."""

from __future__ import annotations

import time
import uuid
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from pipeline.messages.origin import NO_CHAT, Probe, probe_update
from pipeline.messages.vote import Thumb, Vote
from pipeline.model.client import Model, ModelSettings
from pipeline.model.outcome import Verdict
from pipeline.model.request import alone
from pipeline.platform.credentials import ModelAccess
from pipeline.storage.done import file_seq
from pipeline.storage.landing import injected_file
from pipeline.stream.table_writer import SILVER_LAG
from pipeline.telegram.client import BotApi, BotApiError, Refused
from pipeline.view.ages import ago
from pipeline.view.data import DataView, ViewError
from scripts.checks.interruption import Interruption
from scripts.checks.suite import CheckFailed

_CONFLICT_IS_RECENT = timedelta(minutes=15)
_UNANSWERED_WITHIN = timedelta(days=7)
"""Older messages are not a backlog but an incident, which the alerts have reported."""
_QUESTION = "This is a smoke test of the service. Say that it works, in a few words."

SERVICE_FIX = "see the checks telegram and model, then the run's log"

_MODEL_FIXES = {
    Verdict.UNAUTHORISED: "give a valid key: secrets/rotate.py llm-api-key; or sign in again",
    Verdict.FORBIDDEN: "grant the right to query the endpoint",
    Verdict.UNKNOWN_MODEL: "check the model's name and its address",
    Verdict.UNREACHABLE: "check the model's address and the network",
    Verdict.BUSY: "raise the model's rate limit, or wait",
}


def telegram(api: BotApi, view: DataView, rotate: str) -> str:
    """The token belongs to the right bot, and nothing else polls it. `rotate`: the fix for a wrong token.

    It never calls getUpdates: that would make the check a second poller.
    """
    try:
        bot, webhook = api.get_me(), api.webhook()
    except Refused as error:
        if error.token_rejected:
            raise CheckFailed(f"Telegram rejects the token ({error})", rotate) from None
        raise CheckFailed(f"Telegram refuses ({error})", "see the text; try again later") from None
    except BotApiError as error:
        raise CheckFailed(f"the Bot API can't be asked ({error})", "check its address and the network") from None
    if webhook:
        # Its address is not shown: such addresses often hold a secret.
        raise CheckFailed("a webhook is set, which keeps polling out", "call deleteWebhook once")
    record = view.record()
    owner = record.bot_id if record else None
    if owner is not None and owner != bot.id:
        raise CheckFailed(f"the token is of bot {bot.id}, the storage belongs to bot {owner}", rotate)
    if record and record.conflict_at and datetime.now(UTC) - record.conflict_at < _CONFLICT_IS_RECENT:
        raise CheckFailed(
            f"the run met another poller of this bot {ago(record.conflict_at)}",
            "stop the other one: a bot has one poller",
        )
    return f"@{bot.username}, no webhook, " + ("no second poller" if record else "no run yet that could see a poller")


def model(access: ModelAccess, name: str) -> str:
    """The model answers one small question, with the JSON that a run asks for unless its server takes no schema."""
    client = Model(ModelSettings(name))
    try:
        outcome = client.ask(access, alone(_QUESTION))
    finally:
        client.close()
    if outcome.verdict is not Verdict.ANSWERED:
        fix = _MODEL_FIXES.get(outcome.verdict, "see the model's own logs")
        raise CheckFailed(f"{name}: {outcome.reason}", fix)
    if not client.takes_schema:
        return f"{outcome.model or name} answered in {outcome.seconds:.1f} s; its server takes no JSON schema"
    if not outcome.as_asked:
        raise CheckFailed(
            f"{name} answers, but not with the JSON asked for", "name a model that keeps to a JSON schema"
        )
    return f"{outcome.model or name} answered in {outcome.seconds:.1f} s"


def backlog(view: DataView, bound: float) -> str:
    """Nothing has waited longer than `bound` seconds: no landed file to be read, no message to be answered."""
    now = datetime.now(UTC)
    unread = view.unread_files()
    lag = now.timestamp() - file_seq(unread[0]) / 1e6 if unread else 0.0
    if lag > bound:
        raise CheckFailed(
            f"{len(unread)} landed files wait to be read, the oldest for {lag:.0f} s (bound {bound:.0f} s)",
            "see the checks telegram, model and job, then the run's log",
        )
    oldest = view.oldest_unanswered(now - _UNANSWERED_WITHIN)
    waits = (now - oldest).total_seconds() if oldest else 0.0
    if waits > bound:
        raise CheckFailed(
            f"a message has waited for its reply for {waits:.0f} s (bound {bound:.0f} s)",
            SERVICE_FIX,
        )
    if not unread and oldest is None:
        return "nothing waits"
    return f"{len(unread)} files to read, the oldest waits {max(lag, waits, 0.0):.0f} s (bound {bound:.0f} s)"


@dataclass(frozen=True)
class ProbePlan:
    """How the probe, a synthetic message, is sent and awaited."""

    deadline: float
    """Seconds within which it must be in silver."""
    every: float
    """Seconds between two looks at silver."""
    chat: int | None = None
    """The chat in which it is answered; None: its answer is withheld."""
    require_run: Callable[[], object] = lambda: None
    """Called first. Raises CheckFailed if no run would take the probe."""
    start_first_run: Callable[[], object] = lambda: None
    """Called while the storage belongs to no bot: starts a pipeline that never ran."""
    start_run: Callable[[], object] = lambda: None
    """Called at each look: starts a run of a pipeline that does not run all the time."""


def message(view: DataView, plan: ProbePlan, interruption: Interruption) -> str:
    """One message goes from landing to silver, and a press of 👍 under its answer to feedback.

    Both are marked as probes, and so are their rows, which stay.
    """
    plan.require_run()
    until = time.monotonic() + plan.deadline
    bot_id = _owner(view, plan, until)
    began = datetime.now(UTC)
    probe = Probe(id=f"smoke-{began:%Y%m%dT%H%M%S}-{uuid.uuid4().hex[:8]}", deliver=plan.chat is not None)
    update = probe_update(_QUESTION, began, NO_CHAT if plan.chat is None else plan.chat)
    press = Probe(id=f"{probe.id}-press", deliver=probe.deliver)
    name, content = injected_file([(probe, update), (press, _press_under_the_answer(update))], bot_id, began)
    interruption.will_remove(name, lambda: view.take_back(name))
    view.land(name, content)
    while (row := view.reply_to(probe.name)) is None:
        plan.start_run()
        if time.monotonic() >= until:
            raise _too_late(view, probe, name, plan, interruption)
        time.sleep(min(plan.every, max(0.0, until - time.monotonic())))
    interruption.keep(name)
    seconds = (row.processed_at - began).total_seconds()
    if row.answer_status != "answered":
        raise CheckFailed(f"it was answered with the {row.answer_status} ({row.error})", "see the check model")
    if row.request_hash is None or row.instructions_version is None:
        raise CheckFailed(
            "silver does not say what the model was given (request_hash, instructions_version)",
            "let the current version run: restart the run, or make up",
        )
    expected = "withheld" if plan.chat is None else "sent"
    if row.delivery_status != expected:
        raise CheckFailed(
            f"its delivery is {row.delivery_status} ({row.error})", "see the output smoke_chat, and the check telegram"
        )
    lag = (row.processed_at - row.answered_at).total_seconds()
    if lag > SILVER_LAG:
        raise CheckFailed(
            f"it was written to silver {lag:.1f} s after its answer (bound {SILVER_LAG:.0f} s)",
            'see "tables written" in the run\'s log: a round should take less than two seconds',
        )
    while not view.has_press(press.name):
        if time.monotonic() >= until:
            raise CheckFailed(
                f"a press of 👍 under its answer was not in feedback within {plan.deadline:.0f} s", SERVICE_FIX
            )
        time.sleep(min(plan.every, max(0.0, until - time.monotonic())))
    where = "not sent to anybody" if plan.chat is None else "sent to the smoke chat"
    return (
        f"in silver after {seconds:.1f} s, {lag:.1f} s after its answer by {row.model_name}, {where}; "
        "a press of 👍 is in feedback"
    )


def _press_under_the_answer(asked: dict[str, Any]) -> dict[str, Any]:
    """The update of a press of 👍 under the answer to a probe, as Telegram would deliver it."""
    question = asked["message"]
    message = {**question, "message_id": question["message_id"] + 1, "text": "The answer to a probe."}
    vote = Vote(Thumb.UP, asked["update_id"], question["message_id"])
    press = {"id": "0", "from": question["from"], "message": message, "chat_instance": "0", "data": vote.data}
    return {"update_id": asked["update_id"] + 1, "callback_query": press}


def _owner(view: DataView, plan: ProbePlan, until: float) -> int:
    """The bot that the storage belongs to, which the first run writes down. Raises ViewError."""
    while True:
        try:
            return view.bot_id()
        except ViewError:
            if time.monotonic() >= until:
                raise
        plan.start_first_run()
        time.sleep(min(plan.every, max(0.0, until - time.monotonic())))


def _too_late(view: DataView, probe: Probe, name: str, plan: ProbePlan, interruption: Interruption) -> CheckFailed:
    """Says where the probe is. If it is unread it will be taken back; if it was read it will still arrive."""
    try:
        read = bool(view.accepted([probe.name]))
    except ViewError:
        read = False
    if read:
        interruption.keep(name)
        where, fix = "in bronze, without an answer", SERVICE_FIX
    else:
        where, fix = "not read, and taken back", "see the check job, then the run's log"
    return CheckFailed(f"it was not in silver within {plan.deadline:.0f} s: {where}", fix)

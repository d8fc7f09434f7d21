"""The checks of what every pipeline has, deployed or local: its bot, its model, its backlog, and a message's way."""

from __future__ import annotations

import time
import uuid
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from pipeline.messages.origin import NO_CHAT, Probe, probe_update
from pipeline.model.client import Model, ModelSettings
from pipeline.model.outcome import Verdict
from pipeline.platform.credentials import ModelAccess
from pipeline.storage.landing import file_seq, injected_file
from pipeline.telegram.client import BotApi, BotApiError, Refused
from pipeline.view.data import Lake, LakeError
from scripts.checks.interruption import Interruption
from scripts.checks.suite import Fault

_CONFLICT_IS_RECENT = timedelta(minutes=15)
_UNANSWERED_WITHIN = timedelta(days=7)
"""Older messages are no backlog but an incident, which the alerts told."""
_QUESTION = "This is a smoke test of the service. Say that it works, in a few words."

_MODEL_FIXES = {
    Verdict.UNAUTHORISED: "give a valid key: secrets/rotate.py llm-api-key; or sign in anew",
    Verdict.FORBIDDEN: "grant the right to query the endpoint",
    Verdict.UNKNOWN_MODEL: "check the model's name and its address",
    Verdict.UNREACHABLE: "check the model's address and the network",
    Verdict.BUSY: "raise the model's rate limit, or wait",
}


def telegram(api: BotApi, lake: Lake, rotate: str) -> str:
    """The token is the right bot's and polling is free. Never by getUpdates, which would be a second poller itself.

    `rotate` tells how a new token is given.
    """
    try:
        bot, webhook = api.get_me(), api.webhook()
    except Refused as error:
        if error.token_rejected:
            raise Fault(f"Telegram rejects the token ({error})", rotate) from None
        raise Fault(f"Telegram refuses ({error})", "see the text; try again later") from None
    except BotApiError as error:
        raise Fault(f"the Bot API can't be asked ({error})", "check its address and the network") from None
    if webhook:
        # Its address is not shown: such addresses often hold a secret.
        raise Fault("a webhook is set, which keeps polling out", "call deleteWebhook once")
    record = lake.record()
    owner = record.bot_id if record else None
    if owner is not None and owner != bot.id:
        raise Fault(f"the token is of bot {bot.id}, the storage belongs to bot {owner}", rotate)
    if record and record.conflict_at and datetime.now(UTC) - record.conflict_at < _CONFLICT_IS_RECENT:
        raise Fault(
            f"the run met another poller of this bot {ago(record.conflict_at)}",
            "stop the other one: a bot has one poller",
        )
    return f"@{bot.username}, no webhook, " + ("no second poller" if record else "no run yet that could see a poller")


def model(access: ModelAccess, name: str) -> str:
    """The model answers one small question with the JSON that a run asks for."""
    asked = Model(ModelSettings(name))
    try:
        outcome = asked.ask(access, _QUESTION)
    finally:
        asked.close()
    if outcome.verdict is not Verdict.ANSWERED:
        fix = _MODEL_FIXES.get(outcome.verdict, "see the model's own logs")
        raise Fault(f"{name}: {outcome.reason}", fix)
    if not outcome.as_asked:
        raise Fault(f"{name} answers, but not with the JSON asked for", "name a model that keeps to a JSON schema")
    return f"{outcome.model or name} answered in {outcome.seconds:.1f} s"


def backlog(lake: Lake, bound: float) -> str:
    """Nothing has waited for longer than `bound` seconds: neither a landed file nor a message for its answer."""
    now = datetime.now(UTC)
    unread = lake.unread()
    lag = now.timestamp() - file_seq(unread[0]) / 1e6 if unread else 0.0
    if lag > bound:
        raise Fault(
            f"{len(unread)} landed files wait to be read, the oldest for {lag:.0f} s (bound {bound:.0f} s)",
            "see the checks telegram, model and job, then the run's log",
        )
    oldest = lake.oldest_unanswered(now - _UNANSWERED_WITHIN)
    waits = (now - oldest).total_seconds() if oldest else 0.0
    if waits > bound:
        raise Fault(
            f"a message has waited for its reply for {waits:.0f} s (bound {bound:.0f} s)",
            "see the checks telegram and model, then the run's log",
        )
    if not unread and oldest is None:
        return "nothing waits"
    return f"{len(unread)} files to read, the oldest waits {max(lag, waits, 0.0):.0f} s (bound {bound:.0f} s)"


@dataclass(frozen=True)
class Synthetic:
    """How a synthetic message is sent on its way."""

    deadline: float
    """Seconds within which it must be in silver."""
    every: float
    """Seconds between looks at silver."""
    chat: int | None = None
    """Where it is answered; None: nowhere."""
    ready: Callable[[], object] = lambda: None
    """Called before anything is landed. Raises Fault where nothing would take it."""
    first: Callable[[], object] = lambda: None
    """Called while the storage belongs to no bot yet: has a pipeline that never ran run."""
    nudge: Callable[[], object] = lambda: None
    """Called at each look: has the pipeline run, where it does not run all the time."""


def message(lake: Lake, how: Synthetic, interruption: Interruption) -> str:
    """One message goes from landing to silver. It is marked in its envelope, and stays as a marked row."""
    how.ready()
    until = time.monotonic() + how.deadline
    bot_id = _owner(lake, how, until)
    began = datetime.now(UTC)
    probe = Probe(id=f"smoke-{began:%Y%m%dT%H%M%S}-{uuid.uuid4().hex[:8]}", deliver=how.chat is not None)
    update = probe_update(_QUESTION, began, NO_CHAT if how.chat is None else how.chat)
    name, content = injected_file([(probe, update)], bot_id, began)
    interruption.leaves(name, lambda: lake.take_back(name))
    lake.land(name, content)
    while (row := lake.reply_to(probe.name)) is None:
        how.nudge()
        if time.monotonic() >= until:
            raise _late(lake, probe, name, how, interruption)
        time.sleep(min(how.every, max(0.0, until - time.monotonic())))
    interruption.keep(name)
    took = (row.processed_at - began).total_seconds()
    if row.answer_status != "answered":
        raise Fault(f"it was answered with the {row.answer_status} ({row.error})", "see the check model")
    expected = "withheld" if how.chat is None else "sent"
    if row.delivery_status != expected:
        raise Fault(
            f"its delivery is {row.delivery_status} ({row.error})", "see the output smoke_chat, and the check telegram"
        )
    where = "not sent to anybody" if how.chat is None else "sent to the smoke chat"
    return f"in silver after {took:.1f} s, answered by {row.model_name}, {where}"


def _owner(lake: Lake, how: Synthetic, until: float) -> int:
    """The bot that the storage belongs to, which the first run says. Raises LakeError."""
    while True:
        try:
            return lake.bot_id()
        except LakeError:
            if time.monotonic() >= until:
                raise
        how.first()
        time.sleep(min(how.every, max(0.0, until - time.monotonic())))


def _late(lake: Lake, probe: Probe, name: str, how: Synthetic, interruption: Interruption) -> Fault:
    """Where the message is, when it did not arrive. Unread, it is taken back; read, it will still arrive."""
    try:
        read = bool(lake.in_bronze([probe.name]))
    except LakeError:
        read = False
    if read:
        interruption.keep(name)
        where, fix = "in bronze, without an answer", "see the checks model and telegram, then the run's log"
    else:
        where, fix = "not read, and taken back", "see the check job, then the run's log"
    return Fault(f"it was not in silver within {how.deadline:.0f} s: {where}", fix)


def ago(then: datetime) -> str:
    seconds = max(0.0, (datetime.now(UTC) - then).total_seconds())
    if seconds < 120:
        return f"{seconds:.0f} s ago"
    return f"{seconds / 60:.0f} min ago" if seconds < 7200 else f"{seconds / 3600:.0f} h ago"

"""What a run consists of: the order in which its parts start and stop, and what each is given. No Spark, no network."""

from __future__ import annotations

import errno
import functools
import inspect
import io
import os
import resource
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import structlog
from pydantic import SecretStr

from pipeline.conversations.turns import ContextLimits
from pipeline.errors import OperatorError, RunFailed, SettingsError
from pipeline.limits.accounts import Payer
from pipeline.limits.ceilings import Ceilings
from pipeline.limits.charge import Tokens
from pipeline.limits.ledger import Spent
from pipeline.model.client import Model, ModelSettings
from pipeline.model.on_driver import DriverAnswering
from pipeline.platform import local_spark
from pipeline.platform.credentials import Credential, CredentialError, ModelAccess
from pipeline.replies.lanes import Lanes
from pipeline.run import composition
from pipeline.run import run as run_module
from pipeline.run.end import End
from pipeline.run.run import Run
from pipeline.run.spending import InSilver
from pipeline.run.supervisor import Supervisor
from pipeline.settings import RunSettings, read_run_settings
from pipeline.storage.landing import Landing
from pipeline.storage.places import Storage, StorageError
from pipeline.storage.record import Record, read_record
from pipeline.stream.processor import BatchProcessor
from pipeline.telegram.bot import Bot
from pipeline.telegram.client import BotApi
from pipeline.telegram.intake import Intake

BOT = Bot(42, "our_bot")


class Parts:
    """The parts of a run, replaced: what is built, started and stopped is noted in order."""

    def __init__(self) -> None:
        self.calls: list[str] = []
        self.built: dict[str, tuple[tuple[Any, ...], dict[str, Any]]] = {}
        self.fails: dict[str, Exception] = {}
        self.on_call: dict[str, Callable[[], None]] = {}
        self.watched: list[Supervisor] = []
        self.background: dict[str, Callable[[], None]] = {}
        self.outcome: bool | Exception = True
        self.bot: Bot | None = BOT
        self.executors = False
        """Whether Spark has executors of its own."""

    def note(self, call: str) -> None:
        self.calls.append(call)
        if call in self.on_call:
            self.on_call[call]()
        if call in self.fails:
            raise self.fails[call]

    def noting(self, call: str) -> Callable[..., None]:
        return lambda *_: self.note(call)

    def part(self, name: str, *methods: str) -> Callable[..., Any]:
        """A constructor of a part that notes these methods."""

        def build(*arguments: Any, **keywords: Any) -> Any:
            self.built[name] = (arguments, keywords)
            part = Part()
            for method in methods:
                setattr(part, method, self.noting(f"{name}.{method}"))
            return part

        return build

    @property
    def started(self) -> list[str]:
        return self.calls[: self.calls.index("watch")]

    @property
    def stopped(self) -> list[str]:
        return self.calls[self.calls.index("watch") + 1 :]


class Part:
    open = 3
    first_seq = 5
    of = all = check = note_durable = look_again = staticmethod(lambda *_: None)
    stop: Callable[..., None]

    def silver(self, _: object) -> Part:
        return self

    def read(self) -> None: ...


@pytest.fixture
def settings(tmp_path: Path) -> RunSettings:
    return read_run_settings(
        {
            "storage": str(tmp_path / "lake"),
            "model": "m",
            "openai_base_url": "http://127.0.0.1:1/v1",
            "telegram_api_url": "http://127.0.0.1:2",
            "concurrency": "7",
        }
    )


@pytest.fixture
def parts(monkeypatch: pytest.MonkeyPatch) -> Parts:
    monkeypatch.setenv("TELEGRAM_BOT_TOKEN", "42:" + "x" * 35)
    monkeypatch.setenv("OPENAI_API_KEY", "test-key")
    parts = Parts()

    def open_spark(name: str) -> Callable[..., Any]:
        build = parts.part("spark", "stop")

        def session(*arguments: Any) -> Any:
            parts.note(name)
            return build(*arguments)

        return session

    def watch(supervisor: Supervisor, _end: End) -> bool:
        parts.watched.append(supervisor)
        parts.note("watch")
        if isinstance(parts.outcome, Exception):
            raise parts.outcome
        return parts.outcome

    def start_thread(name: str, action: Callable[[], None]) -> None:
        parts.background[name] = action
        parts.note(f"{name} thread")

    replaced: dict[str, Callable[..., Any]] = {
        "DriverAnswering": parts.part("answering", "stop"),
        "DistributedAnswering": parts.part("distributed", "stop"),
        "Memory": parts.part("memory", "begin"),
        "Lanes": parts.part("lanes", "start", "look_again", "stop"),
        "Acknowledgements": parts.part("acknowledgements", "take", "stop"),
        "Intake": parts.part("intake"),
        "IntakeThread": parts.part("intake thread", "start"),
        "DeltaTables": parts.part("tables", "prepare"),
        "TableWriter": parts.part("writer"),
        "Leftover": parts.part("leftover"),
        "Compaction": parts.part("compaction"),
        "WriterThread": parts.part("writer thread", "start", "stop"),
        "BatchProcessor": parts.part("processor"),
        "SilverStream": parts.part("stream", "stop"),
        "RestartingQuery": parts.part("query", "start", "stop"),
        "Landing": parts.part("landing", "tick"),
        "has_executors": lambda _: parts.executors,
        "cluster_session": open_spark("open the cluster's spark"),
        "warm_up": lambda *_: parts.note("warm up"),
        "start_thread": start_thread,
        "require_model": lambda *_: parts.note("require the model"),
        "local_spark.session": open_spark("open spark"),
    }
    for name, replacement in replaced.items():
        monkeypatch.setattr(f"pipeline.run.composition.{name}", replacement)
    monkeypatch.setattr("pipeline.run.run.ask_who_we_are", lambda *_: parts.bot)
    monkeypatch.setattr(Supervisor, "watch", watch)
    return parts


def record_of(settings: RunSettings) -> Record:
    record = read_record(settings.places.root)
    assert record is not None
    return record


# The start


def test_the_lanes_and_the_intake_start_before_spark_and_the_query_last(parts: Parts, settings: RunSettings) -> None:
    assert Run(settings).run()
    assert parts.started == [
        "require the model", "lanes.start", "intake thread.start", "menu thread", "open spark", "tables.prepare",
        "memory thread", "warm up", "landing.tick", "query.start", "writer thread.start",
    ]  # fmt: skip


def test_a_run_with_once_warms_nothing_up_and_adds_no_micro_batch(parts: Parts, settings: RunSettings) -> None:
    Run(settings, once=True).run()
    assert parts.started[4:] == [
        "open spark", "tables.prepare", "memory thread", "query.start", "writer thread.start",
    ]  # fmt: skip


def test_its_threads_are_kept_on_one_cpu_once_spark_is_there_which_needs_more(
    parts: Parts, settings: RunSettings, monkeypatch: pytest.MonkeyPatch
) -> None:
    @contextmanager
    def noted() -> Iterator[None]:
        parts.note("one cpu")
        yield

    monkeypatch.setattr("pipeline.run.run.one_cpu", noted)
    Run(settings).run()
    assert "open spark" in parts.started
    assert parts.started[-1] == "one cpu"


def test_on_a_cluster_its_own_spark_is_used_and_never_stopped(
    parts: Parts, settings: RunSettings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DATABRICKS_RUNTIME_VERSION", "17.3")
    Run(settings).run()
    assert parts.started[4:] == [
        "open the cluster's spark", "tables.prepare", "memory thread", "landing.tick", "query.start",
        "writer thread.start",
    ]  # fmt: skip
    assert parts.stopped[-2:] == ["query.stop", "writer thread.stop"]


def test_without_executors_answers_come_from_the_driver_unless_a_number_is_set(
    parts: Parts, settings: RunSettings
) -> None:
    Run(settings).run()
    assert "distributed" not in parts.built
    assert parts.built["processor"][1]["distributed"] is None
    assert parts.built["processor"][1]["distribute_above"] is None
    Run(settings.model_copy(update={"distribute_above": 5})).run()
    _, model_settings, _, concurrency, _ = parts.built["distributed"][0]
    assert (model_settings.model, concurrency) == ("m", 7)
    assert parts.built["processor"][1]["distributed"] is not None


def test_where_there_are_executors_large_batches_use_them_without_being_asked_to(
    parts: Parts, settings: RunSettings
) -> None:
    parts.executors = True
    Run(settings).run()
    assert parts.built["processor"][1]["distribute_above"] == 28
    assert parts.built["processor"][1]["distributed"] is not None
    Run(settings.model_copy(update={"distribute_above": 5})).run()
    assert parts.built["processor"][1]["distribute_above"] == 5


def test_where_there_is_a_ceiling_no_executor_is_asked(parts: Parts, settings: RunSettings) -> None:
    parts.executors = True
    with structlog.testing.capture_logs() as logs:
        Run(settings.model_copy(update={"tokens_a_day": 100_000, "distribute_above": 5})).run()
    assert "distributed" not in parts.built
    assert parts.built["processor"][1]["distribute_above"] is None
    assert [line["distribute_above"] for line in logs if "ceilings" in line["event"]] == [5]


def test_ceilings_that_can_not_be_used_end_a_run_before_anything_is_asked(parts: Parts, settings: RunSettings) -> None:
    with pytest.raises(SettingsError, match=r"^PIPELINE_PRICE_A_MONTH needs both prices"):
        Run(settings.model_copy(update={"price_a_month": 5.0})).run()
    assert parts.calls == []


def test_conversations_are_read_from_silver_then_what_was_spent_and_each_time_those_who_wait_are_looked_at(
    parts: Parts, settings: RunSettings, monkeypatch: pytest.MonkeyPatch
) -> None:
    spent = Spent(Payer(1, 7), Tokens(prompt=30, completion=12), datetime.now(UTC))
    asked: list[dict[str, Any]] = []

    def read_silver(_: object, *__: object, **how: Any) -> InSilver:
        asked.append(how)
        return InSilver([spent], [])

    monkeypatch.setattr(composition, "read_silver", read_silver)

    def watched() -> None:
        parts.background["memory"]()
        parts.background["ledger"]()
        parts.watched[-1]._before_record()

    parts.on_call["watch"] = watched
    Run(settings).run()
    assert asked == [{"whole_month": False, "notices": False}]
    assert parts.stopped[:4] == ["memory.begin", "lanes.look_again", "ledger thread", "lanes.look_again"]
    spending = record_of(settings).spending
    assert spending is not None
    assert (spending.tokens, spending.price) == (42, None)
    changed = {"tokens_a_day": 100_000, "input_price": 1.0, "output_price": 2.0, "price_a_month": 5.0}
    Run(settings.model_copy(update=changed)).run()
    assert asked[1:] == [{"whole_month": True, "notices": True}]


def test_whoever_sends_and_whoever_asks_read_the_same_secrets(
    parts: Parts, settings: RunSettings, monkeypatch: pytest.MonkeyPatch
) -> None:
    parts.executors = True
    sent_with: list[Credential[SecretStr]] = []

    class Api(BotApi):
        def __init__(self, url: str, token: Credential[SecretStr], timeout: float) -> None:
            sent_with.append(token)

    monkeypatch.setattr(run_module, "BotApi", Api)
    Run(settings).run()
    credentials = parts.built["distributed"][0][2]
    assert credentials.token is sent_with[0]
    assert credentials.model is parts.built["answering"][0][1]
    assert credentials.current().telegram_api_url == "http://127.0.0.1:2/"


def test_the_memory_gets_its_limits_and_is_one_for_the_stream_and_the_lanes(
    parts: Parts, settings: RunSettings
) -> None:
    Run(settings.model_copy(update={"context_turns": 3, "context_tokens": 70, "context_hours": 1.5})).run()
    assert parts.built["memory"][0][0] == ContextLimits(3, 70, timedelta(minutes=90))
    assert parts.built["processor"][0][4] is parts.built["lanes"][0][3]._memory


def test_every_part_gets_its_settings(parts: Parts, settings: RunSettings) -> None:
    changed = settings.model_copy(
        update={
            "send_rate": 1.5, "model_attempts": 4, "answer_format": "html", "privacy_contact": "Ada",
            "on_unknown": "resend", "poll_seconds": 6.0, "conflict_patience": 8.0, "allowed_chats": frozenset({9}),
            "allowed_users": frozenset({99}), "max_open": 11, "distribute_above": 12, "spark_master": "local[3]",
        }
    )  # fmt: skip
    Run(changed).run()
    expected = {
        "lanes": ["send_rate", "model_attempts", "answer_format", "privacy_contact", "on_unknown"],
        "intake": ["poll_seconds", "conflict_patience"],
        "acknowledgements": ["allowed_chats", "allowed_users"],
        "processor": ["allowed_chats", "allowed_users", "max_open", "distribute_above"],
        "leftover": ["allowed_chats", "allowed_users"],
    }
    for part, names in expected.items():
        given = parts.built[part][1]
        assert {name: given[name] for name in names} == {name: getattr(changed, name) for name in names}
    root = changed.places.root
    *to_spark, stop, umask, landing = parts.built["spark"][0]
    assert to_spark == ["local[3]", root / "logs", root / "scratch"]
    assert (umask, landing) == (0o077, changed.places.landing)
    assert stop is parts.built["intake thread"][0][1], "Spark's start ends with the run"
    assert parts.built["answering"][0][2] == 7
    assert parts.built["landing"][0] == (changed.places.landing, 42)


@pytest.mark.parametrize(("setting", "expected"), [("on", True), ("off", False)])
def test_feedback_is_asked_for_where_the_setting_says_so(
    parts: Parts, settings: RunSettings, setting: str, expected: bool
) -> None:
    Run(settings.model_copy(update={"feedback": setting})).run()
    assert parts.built["lanes"][1]["feedback"] is expected


def test_a_press_is_answered_as_soon_as_it_is_landed(parts: Parts, settings: RunSettings) -> None:
    parts.on_call["watch"] = lambda: parts.built["intake"][1]["notice"]([])
    Run(settings).run()
    assert "acknowledgements.take" in parts.calls
    assert parts.built["acknowledgements"][0] == (parts.built["lanes"][0][2],)


def test_the_intake_ends_when_telegram_is_empty_only_with_once(parts: Parts, settings: RunSettings) -> None:
    for once in (True, False):
        Run(settings, once=once).run()
        (_, stop), given = parts.built["intake thread"]
        assert given == {"until_empty": once}
        assert stop.is_set(), "it stops with the run"


def test_the_menu_is_registered_beside_the_start_and_a_stop_ends_that(
    parts: Parts, settings: RunSettings, monkeypatch: pytest.MonkeyPatch
) -> None:
    registered: list[tuple[BotApi, bool]] = []

    def register() -> None:
        parts.background["menu"]()

    monkeypatch.setattr(composition, "register_commands", lambda api, stop: registered.append((api, stop())))
    parts.on_call["watch"] = register
    Run(settings).run()
    register()
    assert registered == [(parts.built["lanes"][0][2], False), (parts.built["lanes"][0][2], True)]


def test_a_message_that_fails_alone_is_judged_by_the_model_itself(
    parts: Parts, settings: RunSettings, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[ModelAccess] = []

    def alive(_: Model, access: ModelAccess) -> bool:
        asked.append(access)
        return True

    monkeypatch.setattr(Model, "alive", alive)
    Run(settings).run()
    assert parts.built["lanes"][1]["model_alive"]()
    assert [access.base_url for access in asked] == ["http://127.0.0.1:1/v1"]


def test_the_supervisor_watches_these_parts(parts: Parts, settings: RunSettings) -> None:
    Run(settings, once=True).run()
    Run(settings).run()
    assert [supervisor._once for supervisor in parts.watched] == [True, False]


def test_serving_is_logged_with_the_bot_and_the_storage(parts: Parts, settings: RunSettings) -> None:
    Run(settings).run()
    with structlog.testing.capture_logs() as logs:
        parts.watched[0]._on_serving()
    assert logs == [
        {
            "event": "serving", "log_level": "info", "bot": "our_bot", "storage": str(settings.places.root), "open": 3,
        }
    ]  # fmt: skip


# The end


def test_parts_stop_in_order_answers_then_micro_batch_then_lanes_then_query_then_tables_then_spark(
    parts: Parts, settings: RunSettings
) -> None:
    Run(settings.model_copy(update={"distribute_above": 5})).run()
    assert parts.stopped == [
        "acknowledgements.stop", "answering.stop", "stream.stop", "lanes.stop", "query.stop", "writer thread.stop",
        "distributed.stop", "spark.stop",
    ]  # fmt: skip


def test_no_part_is_stopped_before_the_intake_is_asked_to_stop(parts: Parts, settings: RunSettings) -> None:
    asked: list[bool] = []
    parts.on_call["answering.stop"] = lambda: asked.append(parts.built["intake thread"][0][1].is_set())
    Run(settings).run()
    assert asked == [True]


def test_requests_to_telegram_get_ten_seconds_at_the_end(
    parts: Parts, settings: RunSettings, monkeypatch: pytest.MonkeyPatch
) -> None:
    graces: list[float] = []

    def lanes(*_: Any, **__: Any) -> Part:
        part = Part()
        part.start = lambda: None  # type: ignore[attr-defined]
        part.stop = graces.append
        return part

    monkeypatch.setattr(composition, "Lanes", lanes)
    Run(settings).run()
    assert graces == [10.0]


def test_a_run_that_fails_is_taken_down_too(parts: Parts, settings: RunSettings) -> None:
    parts.outcome = RunFailed("Spark's JVM is gone")
    parts.fails["spark.stop"] = ConnectionRefusedError()  # which needs no stop then
    with pytest.raises(RunFailed):
        Run(settings).run()
    assert parts.stopped[-1] == "spark.stop"
    assert record_of(settings).state == "stopped"


_STOPPED_FIRST = ["acknowledgements.stop", "answering.stop", "lanes.stop"]
_ALL_STOPPED = (
    "acknowledgements.stop",
    "answering.stop",
    "stream.stop",
    "lanes.stop",
    "query.stop",
    "writer thread.stop",
    "spark.stop",
)


@pytest.mark.parametrize(
    ("failing", "stopped"),
    [
        ("intake thread.start", _STOPPED_FIRST),
        ("menu thread", _STOPPED_FIRST),
        ("open spark", _STOPPED_FIRST),
        ("tables.prepare", [*_STOPPED_FIRST, "spark.stop"]),
        ("warm up", [*_ALL_STOPPED]),
        ("query.start", [*_ALL_STOPPED]),
    ],
)
def test_a_start_that_fails_stops_what_was_started(
    parts: Parts, settings: RunSettings, failing: str, stopped: list[str]
) -> None:
    parts.fails[failing] = OperatorError("fix it")
    with pytest.raises(OperatorError, match=r"^fix it$"):
        Run(settings).run()
    assert parts.calls[parts.calls.index(failing) + 1 :] == stopped
    last_error = record_of(settings).last_error
    assert last_error is not None
    assert last_error.reason == "run: fix it"


# The whole run


def test_the_record_says_which_bot_is_served_and_which_batch_was_last(parts: Parts, settings: RunSettings) -> None:
    parts.on_call["watch"] = lambda: parts.built["processor"][1]["committed"](17, 3)
    Run(settings).run()
    record = record_of(settings)
    assert (record.bot_id, record.bot_username, record.batch_id, record.state) == (42, "our_bot", 17, "stopped")
    assert record.batch_at is not None


def test_services_report_to_the_record(parts: Parts, settings: RunSettings) -> None:
    def reported() -> None:
        parts.built["lanes"][1]["report"]("model", "no answer")
        parts.built["intake"][1]["report"]("intake", "no network")
        parts.built["intake"][1]["landed"](5)
        parts.built["query"][0][1]("stream", "it ended")

    parts.on_call["watch"] = reported
    Run(settings).run()
    record = record_of(settings)
    assert (set(record.problems), record.landed) == ({"model", "intake", "stream"}, 5)


def test_a_storage_of_another_bot_is_refused_before_anything_starts(parts: Parts, settings: RunSettings) -> None:
    settings.places.prepare()
    settings.places.claim(7)
    with pytest.raises(StorageError, match="belongs to bot 7"):
        Run(settings).run()
    assert parts.calls == []


def test_a_model_that_cannot_be_used_ends_a_run_before_anything_starts(parts: Parts, settings: RunSettings) -> None:
    parts.fails["require the model"] = SettingsError("no such model")
    with pytest.raises(SettingsError):
        Run(settings).run()
    assert parts.calls == ["require the model"]
    assert parts.built == {}


def test_a_run_without_its_secrets_leaves_the_storage_alone(
    parts: Parts, settings: RunSettings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("TELEGRAM_BOT_TOKEN")
    with pytest.raises(CredentialError, match=r"^TELEGRAM_BOT_TOKEN is not set"):
        Run(settings).run()
    assert not settings.storage.exists()


def test_the_token_of_another_bot_is_refused_once_the_run_knows_its_own(
    parts: Parts, settings: RunSettings, monkeypatch: pytest.MonkeyPatch
) -> None:
    tokens: list[Credential[SecretStr]] = []

    class Api(BotApi):
        def __init__(self, url: str, token: Credential[SecretStr], timeout: float) -> None:
            assert (url, timeout) == ("http://127.0.0.1:2/", settings.telegram_timeout)
            tokens.append(token)

    monkeypatch.setattr(run_module, "BotApi", Api)

    def rotated() -> None:
        monkeypatch.setenv("TELEGRAM_BOT_TOKEN", "43:" + "x" * 35)
        assert not tokens[0].refresh(tokens[0].current())

    parts.on_call["watch"] = rotated
    Run(settings).run()
    assert tokens[0].current().get_secret_value().startswith("42:")


@pytest.mark.parametrize("outcome", [True, False])
def test_a_run_returns_what_its_watch_has_found(parts: Parts, settings: RunSettings, outcome: bool) -> None:
    parts.outcome = outcome
    assert Run(settings).run() is outcome


@pytest.mark.parametrize(("deadline", "outcome"), [(None, True), (60.0, False)])
def test_a_run_that_ends_before_it_knows_its_bot_was_stopped_or_cut_short(
    parts: Parts, settings: RunSettings, deadline: float | None, outcome: bool
) -> None:
    parts.bot = None
    assert Run(settings, deadline=deadline).run() is outcome
    assert parts.calls == []


def test_what_fails_after_a_stop_was_requested_is_the_end_that_was_asked_for(
    parts: Parts, settings: RunSettings
) -> None:
    for failing in ("open spark", "watch"):
        run = Run(settings)
        parts.on_call = {failing: run.stop}
        parts.fails = {failing: RuntimeError("the JVM was ended too")}
        assert run.run()


def test_a_stop_while_spark_warms_up_is_not_kept_waiting_by_the_tables(parts: Parts, settings: RunSettings) -> None:
    run = Run(settings)
    parts.on_call["warm up"] = run.stop
    assert run.run()
    assert "query.start" not in parts.calls
    assert parts.calls[-1] == "spark.stop"


def test_what_fails_before_a_stop_is_requested_is_raised(parts: Parts, settings: RunSettings) -> None:
    parts.outcome = RuntimeError("unforeseen")
    with pytest.raises(RuntimeError, match="unforeseen"):
        Run(settings).run()


def test_a_run_with_once_that_is_stopped_says_so_and_does_not_name_a_deadline(
    parts: Parts, settings: RunSettings
) -> None:
    run = Run(settings, once=True)
    parts.on_call["watch"] = run.stop
    parts.outcome = False
    with pytest.raises(RunFailed, match=r"^the run was stopped: the next run continues with what is left$"):
        run.run()


def test_a_jvm_that_ends_while_it_warms_up_has_failed_the_run(parts: Parts, settings: RunSettings) -> None:
    parts.fails["warm up"] = ConnectionRefusedError()
    with pytest.raises(RunFailed, match=r"^Spark's JVM is gone"):
        Run(settings).run()


def test_a_stop_reaches_the_run(parts: Parts, settings: RunSettings) -> None:
    run = Run(settings)
    run.stop()
    assert run._end.reached


USED_BY: dict[str, Callable[..., Any]] = {
    "telegram_api_url": BotApi,
    "telegram_timeout": BotApi,
    "model": ModelSettings,
    "model_timeout": ModelSettings,
    "max_tokens": ModelSettings,
    "temperature": ModelSettings,
    "concurrency": DriverAnswering,
    "send_rate": Lanes,
    "model_attempts": Lanes,
    "answer_format": Lanes,
    "feedback": Lanes,
    "privacy_contact": Lanes,
    "on_unknown": Lanes,
    "poll_seconds": Intake,
    "conflict_patience": Intake,
    "allowed_chats": BatchProcessor,
    "allowed_users": BatchProcessor,
    "max_open": BatchProcessor,
    "distribute_above": BatchProcessor,
    "landing": Storage,
    "journal": Storage,
    "checkpoints": Storage,
    "bronze": Storage,
    "silver": Storage,
    "quarantine": Storage,
    "drafts": Lanes,
    "user_tokens_a_day": Ceilings,
    "chat_tokens_a_day": Ceilings,
    "tokens_a_day": Ceilings,
    "price_a_month": Ceilings,
    "spark_master": local_spark.session,
}
"""The class that takes each setting of a run."""

READ_BEFORE = {"openai_base_url", "model_source", "secret_scope", "storage", "startup_patience", "feedback_table"}
"""Settings that the credentials, the places and the preflight read from the settings themselves."""

OTHERWISE_NAMED = {"context_turns", "context_tokens", "context_hours", "input_price", "output_price"}
"""Settings that are fields of `ContextLimits` and `Prices`, whose names say the rest."""


def test_every_setting_has_its_own_name_where_it_is_used() -> None:
    assert USED_BY.keys() | READ_BEFORE | OTHERWISE_NAMED == RunSettings.model_fields.keys()
    assert USED_BY.keys() & (READ_BEFORE | OTHERWISE_NAMED) == READ_BEFORE & OTHERWISE_NAMED == set()
    for name, user in USED_BY.items():
        assert name in inspect.signature(user).parameters, f"{user.__name__} has another name for {name}"


# A disk that is full at the start


class FullDisk:
    """Whatever makes a file or a folder, or makes one durable, fails from the `number`-th time on."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, root: Path, number: float) -> None:
        self.root, self.number, self.steps = root, number, 0
        for module, name in ((os, "open"), (os, "mkdir"), (os, "fsync"), (os, "rename"), (io, "open")):
            monkeypatch.setattr(module, name, functools.partial(self.step, getattr(module, name)))

    def step(self, do: Callable[..., Any], *arguments: Any, **keywords: Any) -> Any:
        if self.is_ours(do, *arguments, **keywords):
            self.steps += 1
            if self.steps >= self.number:
                raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        return do(*arguments, **keywords)

    def is_ours(self, do: Callable[..., Any], first: Any, *others: Any, **keywords: Any) -> bool:
        if isinstance(first, int):
            return True  # fsync
        mode = others[0] if others else keywords.get("mode", "r")
        reads = (isinstance(mode, str) and mode.startswith("r")) or (
            do.__name__ == "open" and isinstance(mode, int) and not mode & (os.O_CREAT | os.O_WRONLY | os.O_RDWR)
        )
        return str(first).startswith(str(self.root)) and not reads


def start(settings: RunSettings, root: Path, number: float) -> tuple[int, Exception | None]:
    """Start a run on a disk that is full from its `number`-th write on: how many there were, and what was raised."""
    with pytest.MonkeyPatch.context() as patched:
        disk = FullDisk(patched, root, number)
        try:
            Run(settings.model_copy(update={"storage": root})).run()
        except Exception as error:
            return disk.steps, error
        return disk.steps, None


def test_a_disk_that_is_full_at_any_write_of_a_start_is_one_line(
    parts: Parts, settings: RunSettings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("pipeline.run.composition.Landing", Landing)
    began: list[int] = []
    parts.on_call["lanes.start"] = lambda: None
    whole = tmp_path / "whole" / "lake"
    last = {}

    def note_watch() -> None:
        last["watched"] = True

    parts.on_call["watch"] = note_watch
    steps, error = start(settings, whole, float("inf"))
    assert (error, last) == (None, {"watched": True})
    assert steps > 20
    for number in range(1, steps + 1):
        last.clear()
        root = tmp_path / str(number) / "lake"
        _, error = start(settings, root, number)
        if last:  # the start had succeeded, and an end keeps its result
            assert error is None
            continue
        began.append(number)
        assert isinstance(error, StorageError), (number, error)
        assert str(error) == (
            f"PIPELINE_STORAGE {root} is not writable (No space left on device): free some space on its disk"
        )
        assert start(settings, root, float("inf"))[1] is None, f"the next start after {number}"
    assert began == list(range(1, len(began) + 1))
    assert len(began) > 20


@pytest.mark.parametrize("call", ["lanes.start", "open spark", "landing.tick"])
@pytest.mark.parametrize(("code", "error"), [(errno.ENOSPC, StorageError), (errno.EIO, RunFailed)])
def test_a_disk_that_fails_a_part_that_starts_is_one_line_too(
    parts: Parts, settings: RunSettings, call: str, code: int, error: type[Exception]
) -> None:
    parts.fails[call] = OSError(code, os.strerror(code))
    with pytest.raises(error, match=rf"^PIPELINE_STORAGE .* is not writable \({os.strerror(code)}\): [^\n]+$"):
        Run(settings).run()


@pytest.mark.parametrize("bytes_of_a_file", [0, 100])
def test_a_real_process_that_may_not_write_ends_with_one_line_and_exit_code_2(
    settings: RunSettings, bytes_of_a_file: int
) -> None:
    """A limit on the size of files stands for a full disk: it needs no special rights."""
    command = [sys.executable, "-m", "pipeline", "run", "--storage", str(settings.places.root), "--model", "m"]
    secrets = {"TELEGRAM_BOT_TOKEN": "42:" + "x" * 35, "OPENAI_API_KEY": "test-key"}
    ended = subprocess.run(
        command,
        env={**os.environ, **secrets, "TELEGRAM_API_URL": "http://127.0.0.1:2", "PYTHONDONTWRITEBYTECODE": "1"},
        preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (bytes_of_a_file, bytes_of_a_file)),
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    line = f"pipeline: --storage {settings.places.root} is not writable (File too large): raise the limit on the"
    assert (ended.returncode, ended.stderr.count("\n")) == (2, 1), ended.stderr
    assert ended.stderr.startswith(line)
    assert not (settings.places.root / "lease.json").exists()

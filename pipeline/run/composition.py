"""What a run consists of: its parts are built in order, watched, and taken down in order."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import structlog

from pipeline.conversations.memory import Memory
from pipeline.conversations.turns import ContextLimits
from pipeline.feedback.acknowledgement import Acknowledgements
from pipeline.limits.ledger import Ledger
from pipeline.messages.identity import Identity
from pipeline.model.client import Model, ModelSettings
from pipeline.model.distribution import threshold
from pipeline.model.on_driver import DriverAnswering
from pipeline.model.on_executors import DistributedAnswering
from pipeline.platform import local_spark
from pipeline.platform.databricks import cluster_session, on_databricks
from pipeline.platform.executors import has_executors
from pipeline.platform.jvm import jvm_needed
from pipeline.platform.run_secrets import RunCredentials
from pipeline.replies.journal import Journal
from pipeline.replies.lanes import Lanes
from pipeline.replies.preparation import Preparation
from pipeline.run.end import End
from pipeline.run.preflight import require_model
from pipeline.run.restarting_query import RestartingQuery
from pipeline.run.spending import InSilver, ceilings_of, kept_in, load_ledger, read_silver, spending_of
from pipeline.run.supervisor import Supervisor
from pipeline.run.threads.background import start_thread
from pipeline.run.threads.intake import IntakeThread
from pipeline.run.threads.loading import Loading
from pipeline.run.threads.writer import WriterThread
from pipeline.settings import RunSettings
from pipeline.storage.landing import Landing
from pipeline.storage.lease import Lease
from pipeline.storage.modes import umask_of
from pipeline.storage.places import storage_errors
from pipeline.storage.record import Recorder
from pipeline.stream.checkpoint import MarkFile
from pipeline.stream.compaction import Compaction
from pipeline.stream.delta import warm_up
from pipeline.stream.delta_tables import DeltaTables
from pipeline.stream.leftover import Leftover
from pipeline.stream.processor import BatchProcessor
from pipeline.stream.query import SilverStream
from pipeline.stream.table_writer import ROUND_AFTER, TableWriter
from pipeline.telegram.bot import Bot
from pipeline.telegram.client import BotApi
from pipeline.telegram.intake import Intake
from pipeline.telegram.menu import register_commands

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

log = structlog.get_logger(__name__)

_SEND_GRACE = 10.0
"""Seconds that requests to Telegram get at the end."""
_ALL_GRACE = 12.0
"""Seconds after which the tables get no more rows: with Spark's own end, a run ends within 15."""
_ROUND_AFTER_ONCE = 0.3
"""Seconds that rows wait for others in a run with `once`, whose end waits for them."""


class Composition:
    """The parts of a run that serves one bot.

    Threads: all methods are for the run's own thread. The answering, the lanes, the intake, the menu and Spark have
    threads of their own; each part's class says which.
    """

    def __init__(
        self,
        settings: RunSettings,
        bot: Bot,
        api: BotApi,
        credentials: RunCredentials,
        lease: Lease,
        recorder: Recorder,
        end: End,
        *,
        once: bool,
    ) -> None:
        """Build what needs no Spark. Raises SettingsError for a model or ceilings that can't be used, StorageError."""
        self._settings = settings
        self._storage = settings.places
        self._bot = bot
        self._api = api
        self._credentials = credentials
        self._lease = lease
        self._recorder = recorder
        self._end = end
        self._once = once
        self._scratch = self._storage.root / "scratch"
        self._model_settings = ModelSettings(
            model=settings.model,
            model_timeout=settings.model_timeout,
            max_tokens=settings.max_tokens,
            temperature=settings.temperature,
        )
        # Twice as many as calls at once: the next ones are reserved while those run.
        self._ceilings = ceilings_of(settings)
        self._ledger = Ledger(self._ceilings, most_reservations=2 * settings.concurrency)
        model = Model(self._model_settings)
        access = credentials.model
        require_model(model, settings, access.current())
        with storage_errors(self._storage.root):
            self._journal = Journal(self._storage.journal, lease.confirm)
            self._landing = Landing(self._storage.landing, bot.id, confirm=lease.confirm)
        self._memory = Memory(
            ContextLimits(settings.context_turns, settings.context_tokens, timedelta(hours=settings.context_hours)),
            self._journal.finished,
        )
        self._ledger.begin(kept_in(self._journal.replies().values()))
        self._answering = DriverAnswering(model, access, settings.concurrency, confirm=lease.confirm)
        self._lanes = Lanes(
            self._journal,
            self._answering,
            api,
            Preparation(self._memory, self._ledger, settings.max_tokens),
            send_rate=settings.send_rate,
            model_attempts=settings.model_attempts,
            answer_format=settings.answer_format,
            feedback=settings.feedback == "on",
            drafts=settings.drafts == "on",
            privacy_contact=settings.privacy_contact,
            on_unknown=settings.on_unknown,
            model_alive=lambda: model.alive(access.current()),
            report=recorder.report,
        )
        self._acknowledgements = Acknowledgements(
            api, allowed_chats=settings.allowed_chats, allowed_users=settings.allowed_users
        )
        intake = Intake(
            api,
            self._landing,
            poll_seconds=settings.poll_seconds,
            conflict_patience=settings.conflict_patience,
            landed=recorder.landed,
            notice=self._acknowledgements.take,
            report=recorder.report,
        )
        self._intake = IntakeThread(intake, end.requested, until_empty=once)
        self._spark: SparkSession | None = None
        self._distributed: DistributedAnswering | None = None
        self._stream: SilverStream | None = None
        self._query: RestartingQuery | None = None
        self._writer: WriterThread | None = None

    def start(self) -> Supervisor:
        """Start every part, Spark and its query last; the supervisor that is to watch them. `stop` even if it raises.

        Raises OperatorError, and what Spark raises.
        """
        # Spark takes a while: meanwhile open replies continue, and what waits at Telegram is landed.
        with storage_errors(self._storage.root):
            self._lanes.start()
        self._intake.start()
        start_thread("menu", lambda: register_commands(self._api, self._end.requested.is_set))
        spark = self._spark = self._open_spark()
        settings = self._settings
        above = threshold(settings.distribute_above, settings.concurrency, has_executors=has_executors(spark))
        if above is not None and self._ledger.limited:
            # Spark may run a task again, which would cost more than was reserved for it.
            log.info("executors are not asked, since there are ceilings", distribute_above=above)
            above = None
        if above is not None:
            self._distributed = DistributedAnswering(
                spark, self._model_settings, self._credentials, settings.concurrency, self._lease.confirm
            )
        mark = MarkFile(self._storage.root / "query.json")
        tables = DeltaTables(spark, self._storage, mark, self._recorder.report)
        with jvm_needed():
            tables.prepare()
        self._load_what_silver_has(tables, spark)
        self._build_stream(spark, tables, mark, above)
        assert self._query is not None
        assert self._writer is not None
        if not self._once:
            if not on_databricks():  # where Spark can't reach a path of this machine
                with jvm_needed():
                    warm_up(spark, self._scratch)
            self._end.check()
            # The first micro-batch of a process takes longer: give it a tick, for which nobody waits.
            with storage_errors(self._storage.root):
                self._landing.tick()
        self._query.start(self._end.clock())
        self._writer.start()
        return Supervisor(
            self._intake,
            self._query,
            self._lanes,
            self._writer,
            self._journal,
            self._landing,
            self._lease,
            self._recorder,
            now=self._end.clock(),
            once=self._once,
            on_serving=self._log_serving,
            before_record=self._note_spending,
        )

    def stop(self) -> None:
        """Take the parts down, whichever were started: no new model call, poll or send; queries before Spark."""
        self._end.request()
        began = time.monotonic()
        self._acknowledgements.stop()
        self._answering.stop()
        if self._stream is not None:
            self._stream.stop()
        self._lanes.stop(_SEND_GRACE)
        if self._query is not None:
            self._query.stop()
        if self._writer is not None:
            self._writer.stop(max(0.0, _ALL_GRACE - (time.monotonic() - began)))
        if self._distributed is not None:
            self._distributed.stop()
        if self._spark is not None and not on_databricks():
            with contextlib.suppress(Exception):  # a JVM that is gone needs no stop
                self._spark.stop()
        log.info("stopped", open=self._lanes.open, seconds=round(time.monotonic() - began, 1))

    def _open_spark(self) -> SparkSession:
        if on_databricks():
            return cluster_session()
        with storage_errors(self._storage.root):
            logs, stop = self._storage.root / "logs", self._end.requested
            umask = umask_of(self._storage.root)
            return local_spark.session(
                self._settings.spark_master, logs, self._scratch, stop, umask, self._storage.landing
            )

    def _build_stream(
        self, spark: SparkSession, tables: DeltaTables, mark: MarkFile, distribute_above: int | None
    ) -> None:
        """The query over the landing, and the writer of what it reads."""
        settings, recorder = self._settings, self._recorder
        writer = TableWriter(
            tables.of(spark),
            self._landing,
            self._journal,
            round_after=_ROUND_AFTER_ONCE if self._once else ROUND_AFTER,
            made_durable=tables.note_durable,
        )
        with storage_errors(self._storage.root):
            leftover = Leftover(
                self._landing,
                self._bot,
                self._journal,
                tables.silver(spark),
                writer,
                allowed_chats=settings.allowed_chats,
                allowed_users=settings.allowed_users,
            )
        compaction = Compaction(self._storage.root / "compaction.json", self._lease.confirm)
        self._writer = WriterThread(
            writer,
            leftover,
            tables.check,
            recorder.report,
            keep_house=lambda quiet: compaction.step(tables.all(spark), time.time(), quiet=quiet),
        )
        processor = BatchProcessor(
            self._bot,
            self._journal,
            self._lanes,
            writer,
            self._memory,
            run_began=self._landing.first_seq,
            allowed_chats=settings.allowed_chats,
            allowed_users=settings.allowed_users,
            max_open=settings.max_open,
            distribute_above=distribute_above,
            distributed=self._distributed,
            committed=lambda batch_id, updates: recorder.set(batch_id=batch_id, batch_at=datetime.now(UTC)),
        )
        places = self._storage
        self._stream = SilverStream(
            spark, places.landing, places.checkpoints, mark, processor, tables.silver, recorder.report
        )
        self._query = RestartingQuery(self._stream, recorder.report)

    def _load_what_silver_has(self, tables: DeltaTables, spark: SparkSession) -> None:
        """Have the conversations loaded beside the start, and then what was spent. Those who wait for it wait on.

        The journal is read before, each time: a reply leaves it for silver.
        """
        silver = tables.silver(spark)

        def read(counted: frozenset[Identity]) -> InSilver:
            prices, limited = self._ceilings.prices, self._ledger.limited
            return read_silver(silver.read(), datetime.now(UTC), counted, whole_month=prices.known, notices=limited)

        def loading(name: str, load: Callable[[], None], loaded: Callable[[], None]) -> Loading:
            report, stop = self._recorder.report, self._end.requested
            return Loading(name, load, loaded, report, stop, start_in_background=start_thread)

        def remembered() -> None:
            self._lanes.look_again()
            spent.start()

        spent = loading("ledger", lambda: load_ledger(self._ledger, read), self._lanes.look_again)
        loading("memory", lambda: self._memory.begin(self._journal.replies().values(), silver), remembered).start()

    def _note_spending(self) -> None:
        self._recorder.set(spending=spending_of(self._ledger, self._settings, datetime.now(UTC)))

    def _log_serving(self) -> None:
        log.info("serving", bot=self._bot.username, storage=str(self._storage.root), open=self._lanes.open)

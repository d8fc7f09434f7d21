"""The supervisor: starts what a run consists of, restarts what fails, and ends it in order.

It holds the intake thread, the lanes and the streaming query, and works where signal handlers can't be set.
"""

from __future__ import annotations

import contextlib
import os
import signal
import threading
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import openai
import structlog
from pydantic import SecretStr

from pipeline.errors import OperatorError, RunFailed, SettingsError
from pipeline.model.client import Model, ModelSettings
from pipeline.model.on_driver import DriverAnswering
from pipeline.model.on_executors import DistributedAnswering
from pipeline.platform import local_spark
from pipeline.platform.credentials import Credential, CredentialError, CredentialUnavailable, ModelAccess
from pipeline.platform.databricks import cluster_session, on_databricks
from pipeline.redaction import scrub
from pipeline.replies.journal import Journal
from pipeline.replies.lanes import Lanes
from pipeline.settings import RunSettings, bot_id_of, bot_token, model_access
from pipeline.storage.landing import Landing
from pipeline.storage.lease import Lease, LeaseHeld
from pipeline.storage.record import Recorder
from pipeline.stream.delta import warm_up
from pipeline.stream.query import SilverStream
from pipeline.telegram.bot import Bot
from pipeline.telegram.client import BotApi, BotApiError, Refused
from pipeline.telegram.intake import Intake

if TYPE_CHECKING:
    from pyspark.sql import SparkSession
    from pyspark.sql.streaming.query import StreamingQuery

log = structlog.get_logger(__name__)

_SEND_GRACE = 10.0
_STOP_WITHIN = 14.0
_TICK_AFTER = 0.3
_TICK_AFTER_WHILE_OPEN = 3.0
_SAVE_EVERY = 2.0
_TEND_EVERY = 600.0


class Supervisor:
    """One run of the pipeline."""

    def __init__(self, settings: RunSettings, *, once: bool = False, deadline: float | None = None) -> None:
        """`once`: take what Telegram holds, process it, end. `deadline`: seconds after which that is cut short."""
        self._settings = settings
        self._once = once
        self._deadline = time.monotonic() + deadline if deadline is not None else None
        self._stop = threading.Event()
        self._storage = settings.places
        self._bot: Bot | None = None

    def stop(self) -> None:
        """Ask the run to end; from any thread or signal handler."""
        self._stop.set()

    def run(self) -> bool:
        """Run to the end. Returns False where a deadline cut it short. Raises OperatorError on what it can't cure."""
        token = Credential(self._resolve_token)
        access = Credential(lambda: model_access(self._settings))
        patient_until = time.monotonic() + self._settings.startup_patience
        self._resolve(token, patient_until)
        if not self._settings.model:
            raise SettingsError("PIPELINE_MODEL is not set: set it to a model's name at OPENAI_BASE_URL")
        self._resolve(access, patient_until)
        self._storage.prepare()
        lease = Lease(self._storage.root)
        lease.acquire()
        recorder = Recorder(self._storage.root)
        recorder.save()
        try:
            return self._run(token, access, lease, recorder)
        except OperatorError as error:
            recorder.report("run", str(error))
            raise
        finally:
            recorder.set(state="stopped")
            with contextlib.suppress(OSError):
                recorder.save()
            with contextlib.suppress(OSError):
                lease.release()

    def _run(
        self, token: Credential[SecretStr], access: Credential[ModelAccess], lease: Lease, recorder: Recorder
    ) -> bool:
        settings = self._settings
        api = BotApi(str(settings.telegram_api_url), token, settings.telegram_timeout)
        bot = self._bot = self._who_are_we(api)
        if bot is None:
            return self._deadline is None
        self._storage.claim(bot.id)
        recorder.set(bot_id=bot.id, bot_username=bot.username)
        model_settings = ModelSettings(
            settings.model, settings.model_timeout, settings.max_tokens, settings.temperature
        )
        model = Model(model_settings)
        require_model(model, settings, access.current())

        journal = Journal(self._storage.journal)
        landing = Landing(self._storage.landing, bot.id)
        answering = DriverAnswering(model, access, settings.concurrency)
        lanes = Lanes(
            journal,
            answering,
            api,
            send_rate=settings.send_rate,
            model_attempts=settings.model_attempts,
            answer_format=settings.answer_format,
            on_unknown=settings.on_unknown,
            model_alive=lambda: model.alive(access.current()),
            report=recorder.report,
        )
        intake = _IntakeThread(
            Intake(
                api,
                landing,
                poll_seconds=settings.poll_seconds,
                conflict_patience=settings.conflict_patience,
                landed=recorder.landed,
                report=recorder.report,
            ),
            self._stop,
            until_empty=self._once,
        )
        # Before Spark, which takes a while: what waits at Telegram is landed, what is open is gone on with.
        lanes.start()
        intake.start()
        spark: SparkSession | None = None
        distributed: DistributedAnswering | None = None
        stream: _Stream | None = None
        try:
            spark = _spark_session(settings)
            if settings.distribute_above is not None:
                distributed = DistributedAnswering(spark, model_settings, access, settings.concurrency)
            stream = _Stream(
                SilverStream(
                    spark,
                    self._storage,
                    bot,
                    landing,
                    journal,
                    lanes,
                    allowed_chats=settings.allowed_chats,
                    patience=settings.patience,
                    max_open=settings.max_open,
                    distribute_above=settings.distribute_above,
                    distributed=distributed,
                    committed=lambda batch_id, updates: recorder.set(batch_id=batch_id, batch_at=datetime.now(UTC)),
                ),
                recorder.report,
            )
            if not self._once:
                if not on_databricks():  # where a path of this machine means nothing to Spark
                    warm_up(spark)
                # The first micro-batch of a process takes longer: let it be one that nobody waits for.
                landing.tick()
            stream.start()
            return self._supervise(intake, stream, lanes, journal, landing, lease, recorder)
        finally:
            self._stop.set()
            began = time.monotonic()
            answering.stop()
            if stream is not None:
                stream.sink.stop()
            lanes.stop(_SEND_GRACE)
            if stream is not None:
                stream.stop()
            if distributed is not None:
                distributed.stop()
            if spark is not None and not on_databricks():
                with contextlib.suppress(Exception):  # a JVM that is gone needs no stopping
                    spark.stop()
            log.info("stopped", open=lanes.open, seconds=round(time.monotonic() - began, 1))

    def _resolve(self, credential: Credential[Any], until: float) -> None:
        """Resolve a credential for the first time, with patience for whoever keeps it. Raises CredentialError."""
        wait = 0.5
        while True:
            try:
                credential.current()
                return
            except CredentialUnavailable as error:
                if self._over() or time.monotonic() >= until:
                    raise
                log.warning("a secret can't be read yet", reason=str(error))
            self._stop.wait(wait)
            wait = min(2 * wait, 5.0)

    def _resolve_token(self) -> SecretStr:
        """The token as it is now; never another bot's, whose messages would not belong in this storage."""
        token = bot_token(self._settings)
        if self._bot is not None and bot_id_of(token) != self._bot.id:
            name = self._settings.token_name
            raise CredentialError(f"{name} is now bot {bot_id_of(token)}'s, this run is bot {self._bot.id}'s")
        return token

    def _who_are_we(self, api: BotApi) -> Bot | None:
        """Ask Telegram; None where the stop or the deadline came first."""
        until = time.monotonic() + self._settings.startup_patience
        wait = 0.5
        while not self._over():
            try:
                return api.get_me()
            except Refused as error:
                if error.token_rejected:
                    where = scrub(str(self._settings.telegram_api_url))
                    raise SettingsError(
                        f"{self._settings.token_name} was rejected by {where} ({error}): "
                        "give the token that BotFather shows for this bot"
                    ) from None
                reason = str(error)
            except BotApiError as error:
                reason = str(error)
            if time.monotonic() >= until:
                raise SettingsError(
                    f"TELEGRAM_API_URL {scrub(str(self._settings.telegram_api_url))} can't be used ({reason}): "
                    "check the address and the network"
                )
            self._stop.wait(wait)
            wait = min(2 * wait, 5.0)
        return None

    def _over(self) -> bool:
        return self._stop.is_set() or (self._deadline is not None and time.monotonic() >= self._deadline)

    def _supervise(
        self,
        intake: _IntakeThread,
        stream: _Stream,
        lanes: Lanes,
        journal: Journal,
        landing: Landing,
        lease: Lease,
        recorder: Recorder,
    ) -> bool:
        """Watch until the end. True where all that was asked for is done."""
        serving = False
        saved = tended = time.monotonic()
        idle_since: float | None = None
        begun_at_tick = -1
        while not self._over():
            self._stop.wait(0.1)
            intake.check()
            stream.check()
            if lease.lost:
                raise LeaseHeld(
                    f"PIPELINE_STORAGE {self._storage.root} was taken over by another pipeline: stop one of them"
                )
            if not serving and stream.sink.begun:
                serving = True
                recorder.set(state="serving")
                _attempted(recorder.save)
                log.info(
                    "serving",
                    bot=self._bot.username if self._bot else None,
                    storage=str(self._storage.root),
                    open=lanes.open,
                )
            now = time.monotonic()
            waiting = journal.unsettled_count > 0
            quiet = waiting and not stream.sink.busy.is_set() and stream.sink.begun != begun_at_tick
            idle_since = (idle_since or now) if quiet else None
            # While more answers are on their way a little patience saves a micro-batch, which costs as much for one.
            patience = _TICK_AFTER_WHILE_OPEN if lanes.open else _TICK_AFTER
            if idle_since is not None and now - idle_since >= patience:
                # Only a new landing file makes Spark begin a batch, and only a batch writes to silver.
                begun = stream.sink.begun
                if _attempted(landing.tick):
                    begun_at_tick = begun
            if now - saved >= _SAVE_EVERY:
                saved = now
                _attempted(lambda: recorder.save(always=True))
            if now - tended >= _TEND_EVERY:
                tended = now
                threading.Thread(target=landing.expire, name="expire", daemon=True).start()
                if stream.sink.oversized and not stream.sink.busy.is_set():
                    stream.renew()
            _attempted(journal.compact)
            done = self._once and intake.done and stream.caught_up and not lanes.open
            # Asked last: a reply that has just become terminal counts here.
            if done and not journal.unsettled_count and stream.finish():
                return True
        return not self._once


class _IntakeThread:
    """The intake on its own thread, begun again when it fails."""

    def __init__(self, intake: Intake, stop: threading.Event, until_empty: bool) -> None:
        self._intake = intake
        self._stop = stop
        self._until_empty = until_empty
        self._error: BaseException | None = None
        self._again_at = 0.0
        self._failures = 0
        self._thread: threading.Thread | None = None
        self.done = False
        """Whether Telegram held nothing more, where the run is to end then."""

    def start(self) -> None:
        self._error = None
        self._thread = threading.Thread(target=self._poll, name="intake", daemon=True)
        self._thread.start()

    def check(self) -> None:
        """Begin again what has failed. Raises OperatorError on what waiting won't fix."""
        assert self._thread is not None
        if self._thread.is_alive() or self.done or self._stop.is_set():
            return
        now = time.monotonic()
        if isinstance(self._error, OperatorError):
            raise self._error
        if self._again_at == 0.0:
            self._failures += 1
            self._again_at = now + min(2.0**self._failures, 60.0)
            log.error("intake failed; it begins again", error=type(self._error).__name__, failures=self._failures)
        elif now >= self._again_at:
            self._again_at = 0.0
            self.start()

    def _poll(self) -> None:
        try:
            if not self._until_empty:
                self._intake.run(self._stop)
                return
            while not self._stop.is_set():
                poll = self._intake.attempt(self._stop, wait=0.0)
                if poll is not None and poll.confirmed:
                    self.done = True
                    return
        except BaseException as error:
            self._error = error


class _Stream:
    """The streaming query, started again when it fails."""

    def __init__(self, sink: SilverStream, report: Callable[[str, str | None], None]) -> None:
        self.sink = sink
        self._report = report
        self._query: StreamingQuery | None = None
        self._failures = 0
        self._again_at = 0.0
        self._began_at = 0.0
        self._catching_up: threading.Thread | None = None
        self._caught_up = False

    def start(self) -> None:
        self.sink.prepare()
        self._query = self.sink.start()
        self._began_at = time.monotonic()

    def check(self) -> None:
        """Start the query again where it has failed. Raises RunFailed when there is no JVM to start it in."""
        from py4j.protocol import Py4JNetworkError

        try:
            self._check()
        except (Py4JNetworkError, ConnectionError):
            raise RunFailed("Spark's JVM is gone: see logs/spark.log in the storage; a new run goes on") from None

    def _check(self) -> None:
        now = time.monotonic()
        if self._query is not None and self._query.isActive:
            if self._failures and now - self._began_at > 60.0:
                self._failures = 0
                self._report("stream", None)
            return
        if self._query is not None:
            error = self._query.exception()
            self._query, self._catching_up = None, None
            self._failures += 1
            self._again_at = now + min(2.0 ** (self._failures - 1), 60.0)
            reason = _first_line(error)
            log.error("the stream failed; it starts again", reason=reason, failures=self._failures)
            self._report("stream", reason)
        elif now >= self._again_at:
            self._query = self.sink.start()
            self._began_at = now

    @property
    def caught_up(self) -> bool:
        """Whether all that was landed when this was first asked has been processed and committed."""
        again = self._catching_up is None or not (self._catching_up.is_alive() or self._caught_up)
        if self._query is not None and again:
            self._catching_up = threading.Thread(target=self._catch_up, name="catch-up", daemon=True)
            self._catching_up.start()
        return self._caught_up

    def finish(self) -> bool:
        """Let the last micro-batch be committed; whether it was, within ten seconds."""
        self._caught_up = False
        last = threading.Thread(target=self._catch_up, name="catch-up", daemon=True)
        last.start()
        last.join(10.0)
        return self._caught_up

    def renew(self) -> None:
        """End the query between two micro-batches, so that it starts again and leaves behind what wears it out."""
        query, self._query = self._query, None
        if query is not None:
            query.stop()

    def stop(self) -> None:
        if self._query is not None:
            with contextlib.suppress(Exception):
                self._query.stop()

    def _catch_up(self) -> None:
        query = self._query
        if query is not None:
            with contextlib.suppress(Exception):  # a query that fails meanwhile is started again, and asked again
                query.processAllAvailable()
                self._caught_up = True


def _attempted(action: Callable[[], object]) -> bool:
    """Do what can be done later as well; whether it was done. A full disk must not end a run that outlives it."""
    try:
        action()
    except OSError as error:
        log.error("the storage can't be written", reason=error.strerror or str(error))
        return False
    return True


def require_model(model: Model, settings: RunSettings, access: ModelAccess) -> None:
    """Raise SettingsError for a model that its server does not know, or refuses us. An outage is not that."""
    served: list[str] | None = None
    try:
        # A workspace keeps no list of models: there the endpoint itself is asked.
        if settings.model_source == "openai":
            # A key may be good for completions alone.
            with contextlib.suppress(openai.AuthenticationError, openai.PermissionDeniedError):
                served = model.served(access)
        if served is None or settings.model not in served:
            # A list may leave out aliases, and some servers keep none: the server itself is asked.
            model.probe(access)
    except (openai.AuthenticationError, openai.PermissionDeniedError) as error:
        raise SettingsError(_refused(settings, error.status_code)) from None
    except openai.NotFoundError:
        raise SettingsError(_unknown(settings, served)) from None
    except openai.APIError as error:
        log.warning("the model can't be asked yet; messages will wait", reason=type(error).__name__)


def _refused(settings: RunSettings, status: int) -> str:
    if settings.model_source == "databricks":
        return (
            f"PIPELINE_MODEL {settings.model!r} may not be asked by this run's principal ({status}): "
            "grant it CAN_QUERY on that serving endpoint"
        )
    where = f"OPENAI_BASE_URL {scrub(str(settings.openai_base_url))}"
    return f"{settings.key_name} was rejected by {where} ({status}): give a valid key"


def _unknown(settings: RunSettings, served: list[str] | None) -> str:
    if settings.model_source == "databricks":
        return f"PIPELINE_MODEL {settings.model!r} is no serving endpoint of the workspace: give the name of one"
    names = f"it serves {', '.join(sorted(served)[:8])}" if served else "check the model's name and the address"
    where = f"OPENAI_BASE_URL {scrub(str(settings.openai_base_url))}"
    return f"PIPELINE_MODEL {settings.model!r} is not known at {where}: {names}"


@contextlib.contextmanager
def stopping_on_signals(supervisor: Supervisor) -> Iterator[None]:
    """End the run on SIGTERM or SIGINT, within 15 seconds whatever hangs. Off the main thread nothing changes."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return

    def on_signal(_number: int, _frame: object) -> None:
        supervisor.stop()
        if on_databricks():  # the process is the cluster's driver, and not ours to end
            return
        guard = threading.Timer(_STOP_WITHIN, _end_now)
        guard.daemon = True
        guard.start()

    before = {number: signal.signal(number, on_signal) for number in (signal.SIGTERM, signal.SIGINT)}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _end_now() -> None:
    # All that counts is durable at every instant, so what still hangs may be left.
    os.write(2, b"stopped without waiting any longer\n")
    os._exit(0)


def _spark_session(settings: RunSettings) -> SparkSession:
    return (
        cluster_session()
        if on_databricks()
        else local_spark.session(settings.spark_master, settings.places.root / "logs")
    )


def _first_line(error: BaseException | None) -> str:
    text = str(error or "it ended").strip()
    return text.splitlines()[0][:200] if text else type(error).__name__

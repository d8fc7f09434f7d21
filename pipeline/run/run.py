"""One run of the pipeline, from its secrets to its end."""

from __future__ import annotations

import contextlib

import structlog

from pipeline.errors import RunFailed
from pipeline.platform.credentials import Credential
from pipeline.platform.databricks import on_databricks
from pipeline.platform.run_secrets import RunCredentials
from pipeline.run.affinity import one_cpu
from pipeline.run.composition import Composition
from pipeline.run.end import End
from pipeline.run.garbage import rare_collections
from pipeline.run.preflight import TokenSource, ask_who_we_are, held_storage, resolve_secrets
from pipeline.run.spending import ceilings_of
from pipeline.settings import RunSettings, model_access
from pipeline.storage.modes import private_files
from pipeline.storage.places import storage_errors
from pipeline.telegram.client import BotApi

log = structlog.get_logger(__name__)


class Run:
    """One run of the pipeline. `run` is for one thread, once; `stop` may be called by any thread or signal handler."""

    def __init__(self, settings: RunSettings, *, once: bool = False, deadline: float | None = None) -> None:
        """`once`: take what Telegram holds, process it, end. `deadline`: seconds after which that is cut short."""
        self._settings = settings
        self._once = once
        self._end = End(deadline)
        self._stopped = False

    def stop(self) -> None:
        """Ask the run to end."""
        self._stopped = True
        self._end.request()

    def run(self) -> bool:
        """Run to the end. Returns False where a deadline cut it short.

        Raises OperatorError on what the operator must fix, and RunFailed where only a new run can continue: also for a
        run with `once` that was asked to stop first. What fails after that request is the end that was asked for.
        """
        try:
            finished = self._run()
        except Exception as error:
            if not self._stopped:
                raise
            # A service manager may have ended the processes that we still talk to.
            log.info("stopped before all parts had started or ended", error=type(error).__name__)
            finished = not self._once
        if not finished and self._stopped:
            raise RunFailed("the run was stopped: the next run continues with what is left")
        return finished

    def _run(self) -> bool:
        settings, end = self._settings, self._end
        ceilings_of(settings)
        token_source = TokenSource(settings)
        credentials = RunCredentials(
            str(settings.telegram_api_url), Credential(token_source), Credential(lambda: model_access(settings))
        )
        resolve_secrets(settings, credentials.token, credentials.model, end)
        root = settings.places.root
        # A cluster's processes are not only ours, and its storage is a volume.
        private = contextlib.nullcontext() if on_databricks() else private_files(root)
        with rare_collections(), private, held_storage(settings.places) as (lease, recorder):
            api = BotApi(credentials.telegram_api_url, credentials.token, settings.telegram_timeout)
            bot = ask_who_we_are(api, settings, end)
            if bot is None:
                return not (end.has_deadline or self._once)
            token_source.bot_id = bot.id
            with storage_errors(root):
                settings.places.claim(bot.id)
            recorder.set(bot_id=bot.id, bot_username=bot.username)
            composition = Composition(settings, bot, api, credentials, lease, recorder, end, once=self._once)
            try:
                supervisor = composition.start()
                with one_cpu():
                    return supervisor.watch(end)
            finally:
                composition.stop()

"""The checks of a local run."""

from __future__ import annotations

import uuid
from datetime import UTC, datetime
from functools import partial

from pipeline.errors import OperatorError
from pipeline.platform.credentials import Credential
from pipeline.settings import RunSettings, bot_token, model_access
from pipeline.storage.durable import write_durably
from pipeline.storage.places import Storage
from pipeline.tables import TABLES
from pipeline.telegram.client import BotApi
from pipeline.view.local import LocalLake
from scripts.checks import data_path as pipeline_checks
from scripts.checks.columns import columns_fit
from scripts.checks.interruption import Interruption
from scripts.checks.suite import Check, Fault, NotApplicable

_SAID_WITHIN = 30.0
_BACKLOG_SECONDS = 300.0
_MESSAGE_SECONDS = 60.0
_TYPES = {"long": "bigint", "string": "string", "timestamp": "timestamp", "integer": "int"}


def local_checks(settings: RunSettings, interruption: Interruption, deadline: float | None) -> list[Check]:
    """All checks, by the settings of `pipeline run`. Raises OperatorError where there is no storage."""
    if not settings.model:
        raise OperatorError("PIPELINE_MODEL is not set: set what the run has, or give --stack in place of --local")
    lake = LocalLake(settings.places)
    api = BotApi(str(settings.telegram_api_url), Credential(lambda: bot_token(settings)), 10.0)
    how = pipeline_checks.Synthetic(deadline or _MESSAGE_SECONDS, 0.5, ready=partial(_serving, lake))
    return [
        Check("workspace", partial(_elsewhere, "a local run has no workspace")),
        Check("tables", partial(_tables, settings.places)),
        Check("volumes", partial(_folders, settings.places, interruption)),
        Check("scope", partial(_elsewhere, "a local run reads its secrets from the environment or from files")),
        Check("telegram", partial(pipeline_checks.telegram, api, lake, f"give a valid {settings.token_name}")),
        Check("model", lambda: pipeline_checks.model(model_access(settings), settings.model)),
        Check("job", partial(_run, lake)),
        Check("backlog", partial(pipeline_checks.backlog, lake, _BACKLOG_SECONDS)),
        Check("message", partial(pipeline_checks.message, lake, how, interruption)),
    ]


def _elsewhere(reason: str) -> str:
    raise NotApplicable(reason)


def _tables(storage: Storage) -> str:
    from deltalake import DeltaTable
    from deltalake.exceptions import TableNotFoundError

    for table in TABLES:
        place = storage.table(table)
        try:
            fields = DeltaTable(place).schema().fields
        except TableNotFoundError:
            raise Fault(f"{table.name} does not exist at {place}", "let the pipeline run once") from None
        columns_fit(table, {field.name: _type(field.type) for field in fields}, "let the present version run once")
    return "bronze, silver and quarantine have their columns"


def _type(found: object) -> str:
    """A type of Delta's protocol as SQL names it."""
    element = getattr(found, "element_type", None)
    if element is not None:
        return f"array<{_type(element)}>"
    name = str(getattr(found, "type", found))
    return _TYPES.get(name, name)


def _folders(storage: Storage, interruption: Interruption) -> str:
    for folder in (storage.landing, storage.root):
        # The underscore hides it from the stream.
        probe = folder / f"_smoke-{uuid.uuid4().hex[:12]}"
        interruption.leaves(str(probe), partial(probe.unlink, missing_ok=True))
        try:
            write_durably(probe, b"")
        except OSError as error:
            raise Fault(
                f"{folder} is not writable ({error.strerror})", "run as the user that the pipeline runs as"
            ) from None
    return "landing and storage are writable; a local run knows no readers"


def _run(lake: LocalLake) -> str:
    record = lake.record()
    if record is None or record.said_at is None:
        raise Fault("no run has said anything in this storage", "start `pipeline run`")
    quiet = (datetime.now(UTC) - record.said_at).total_seconds()
    if record.state == "stopped":
        why = f"; its last error: {record.last_error.reason}" if record.last_error else ""
        raise Fault(f"the run stopped {pipeline_checks.ago(record.said_at)}{why}", "start `pipeline run`")
    if quiet > _SAID_WITHIN:
        raise Fault(
            f"process {record.pid} on {record.host} has said nothing for {quiet:.0f} s", "restart `pipeline run`"
        )
    if record.problems:
        service, problem = next(iter(record.problems.items()))
        raise Fault(f"{service} is out: {problem.reason}", "see the checks telegram and model, then the run's log")
    return f"process {record.pid} on {record.host} is {record.state}"


def _serving(lake: LocalLake) -> None:
    record = lake.record()
    said_at = record.said_at if record and record.state != "stopped" else None
    if said_at is None or (datetime.now(UTC) - said_at).total_seconds() > _SAID_WITHIN:
        raise Fault("no pipeline runs that would take it", "start `pipeline run`")

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
from pipeline.view.ages import ago
from pipeline.view.data import is_running
from pipeline.view.local import LocalView
from scripts.checks import data_path
from scripts.checks.columns import check_columns
from scripts.checks.data_path import SERVICE_FIX
from scripts.checks.interruption import Interruption
from scripts.checks.suite import Check, CheckFailed, NotApplicable

_BACKLOG_SECONDS = 300.0
_MESSAGE_SECONDS = 60.0
_TYPES = {"long": "bigint", "string": "string", "timestamp": "timestamp", "integer": "int"}


def local_checks(settings: RunSettings, interruption: Interruption, deadline: float | None) -> list[Check]:
    """All checks, by the settings of `pipeline run`. Raises OperatorError if the storage or a setting is missing."""
    if not settings.model:
        raise OperatorError("PIPELINE_MODEL is not set: set what the run has, or give --stack in place of --local")
    view = LocalView(settings.places)
    view.require_tables()
    api = BotApi(str(settings.telegram_api_url), Credential(lambda: bot_token(settings)), 10.0)
    plan = data_path.ProbePlan(deadline or _MESSAGE_SECONDS, 0.5, require_run=partial(_require_run, view))
    return [
        Check("workspace", partial(_not_applicable, "a local run has no workspace")),
        Check("tables", partial(_tables, settings.places)),
        Check("volumes", partial(_folders, settings.places, interruption)),
        Check("scope", partial(_not_applicable, "a local run reads its secrets from the environment or from files")),
        Check("telegram", partial(data_path.telegram, api, view, f"give a valid {settings.token_name}")),
        Check("model", lambda: data_path.model(model_access(settings), settings.model)),
        Check("job", partial(_run, view)),
        Check("backlog", partial(data_path.backlog, view, _BACKLOG_SECONDS)),
        Check("message", partial(data_path.message, view, plan, interruption), needs=("tables",)),
    ]


def _not_applicable(reason: str) -> str:
    raise NotApplicable(reason)


def _tables(storage: Storage) -> str:
    from deltalake import DeltaTable
    from deltalake.exceptions import TableNotFoundError

    for table in TABLES:
        place = storage.table(table)
        try:
            fields = DeltaTable(place).schema().fields
        except TableNotFoundError:
            raise CheckFailed(f"{table.name} does not exist at {place}", "let the pipeline run once") from None
        check_columns(table, {field.name: _type(field.type) for field in fields}, "let the current version run once")
    return f"{', '.join(table.name for table in TABLES)} have their columns"


def _type(found: object) -> str:
    """SQL's name of a type of the Delta protocol."""
    element = getattr(found, "element_type", None)
    if element is not None:
        return f"array<{_type(element)}>"
    name = str(getattr(found, "type", found))
    return _TYPES.get(name, name)


def _folders(storage: Storage, interruption: Interruption) -> str:
    for folder in (storage.landing, storage.root):
        # The underscore hides it from the stream.
        probe = folder / f"_smoke-{uuid.uuid4().hex[:12]}"
        interruption.will_remove(str(probe), partial(probe.unlink, missing_ok=True))
        try:
            write_durably(probe, b"")
        except OSError as error:
            raise CheckFailed(
                f"{folder} is not writable ({error.strerror})", "run as the user that the pipeline runs as"
            ) from None
    return "landing and storage are writable; a local run knows no readers"


def _run(view: LocalView) -> str:
    record = view.record()
    if record is None or record.said_at is None:
        raise CheckFailed("no run has said anything in this storage", "start `pipeline run`")
    now = datetime.now(UTC)
    process = f"process {record.pid} on {record.host}"
    if record.state == "stopped":
        why = f"; its last error: {record.last_error.reason}" if record.last_error else ""
        raise CheckFailed(f"the run stopped {ago(record.said_at)}{why}", "start `pipeline run`")
    if not is_running(record, now):
        silent = (now - record.said_at).total_seconds()
        raise CheckFailed(f"{process} has said nothing for {silent:.0f} s", "restart `pipeline run`")
    if record.problems:
        service, problem = next(iter(record.problems.items()))
        raise CheckFailed(f"{service} is unavailable: {problem.reason}", SERVICE_FIX)
    return f"{process} is {record.state}"


def _require_run(view: LocalView) -> None:
    if not is_running(view.record(), datetime.now(UTC)):
        raise CheckFailed("no pipeline runs that would take it", "start `pipeline run`")

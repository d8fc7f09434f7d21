"""The check of the job: it exists, runs as its principal, and its pipeline serves."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable
from datetime import UTC, datetime, timedelta

from databricks.sdk import WorkspaceClient
from databricks.sdk.errors import NotFound, PermissionDenied
from databricks.sdk.service.jobs import BaseRun, Job

from infra.outputs import Outputs
from pipeline.errors import OperatorError
from pipeline.storage.record import Problem, Record
from pipeline.view.ages import ago
from pipeline.view.data import DataView
from scripts.checks.data_path import SERVICE_FIX
from scripts.checks.quartz import last_due
from scripts.checks.suite import CheckFailed

EVERYBODY = frozenset({"users", "account users"})

_STARTING = frozenset({"PENDING", "QUEUED", "BLOCKED", "WAITING", "WAITING_FOR_RETRY"})
_MANAGING = frozenset({"CAN_MANAGE", "CAN_MANAGE_RUN", "IS_OWNER"})
_SAID_WITHIN = timedelta(minutes=2)
"""Longer than for a local run: a volume shows a file later, and the clocks of two machines differ."""
_PLACES = {
    "--bronze": "bronze",
    "--silver": "silver",
    "--quarantine": "quarantine",
    "--feedback-table": "feedback",
    "--landing": "landing",
    "--storage": "storage",
    "--secret-scope": "secret_scope",
}
"""The options of the job's run, and the outputs that they have the values of."""
_A_MOMENT = 60.0
"""Seconds. A shorter outage is not a failure: one poll that failed, or a model that was busy."""
_LOOK_EVERY = 5.0


class JobCheck:
    """The job of a deployment."""

    def __init__(self, client: WorkspaceClient, outputs: Outputs, view: DataView, startup: float, deploy: str) -> None:
        """`startup`: seconds to wait for a run that is starting. `deploy`: the fix for what a deployment lacks."""
        self._client = client
        self._outputs = outputs
        self._view = view
        self._startup = startup
        self._deploy = deploy
        self._until = 0.0
        if not outputs.job_id.isdecimal():
            raise OperatorError(f"the output job_id is {outputs.job_id!r}, no number: {deploy}")
        self._id = int(outputs.job_id)

    def look(self) -> str:
        job = self.get()
        outputs = self._outputs
        if job.run_as_user_name != outputs.service_principal:
            raise CheckFailed(
                f"the job runs as {job.run_as_user_name}, not as {outputs.service_principal}", self._deploy
            )
        self._refuse_other_places(job)
        seen = self._rights()
        finding = self._continuous(job) if outputs.trigger == "continuous" else self._triggered(job)
        return finding if seen else f"{finding}; who may run it can't be seen by the caller"

    def _refuse_other_places(self, job: Job) -> None:
        """Raises CheckFailed if the job is not given the tables and folders that the stack has, or not all of them."""
        tasks = (job.settings.tasks if job.settings else None) or []
        given = [one for task in tasks if task.python_wheel_task for one in task.python_wheel_task.parameters or []]
        for option, output in _PLACES.items():
            place = getattr(self._outputs, output)
            if f"{option}={place}" not in given:
                raise CheckFailed(f"the job's run is not given {option}={place}", self._deploy)

    def get(self) -> Job:
        try:
            return self._client.jobs.get(self._id)
        except NotFound:
            raise CheckFailed(f"job {self._id} does not exist", self._deploy) from None

    def _rights(self) -> bool:
        """False if the caller may not see the rights.

        Raises CheckFailed if everybody or the readers may run the job, or if the operators may not.
        """
        try:
            entries = self._client.jobs.get_permissions(str(self._id)).access_control_list or []
        except PermissionDenied:
            return False
        rights: dict[str, set[str]] = {}
        for entry in entries:
            who = entry.group_name or entry.user_name or entry.service_principal_name or ""
            levels = {p.permission_level.value for p in entry.all_permissions or [] if p.permission_level}
            rights.setdefault(who, set()).update(levels)
        for group in {self._outputs.readers, *EVERYBODY} - {""}:
            if too_much := rights.get(group, set()) & _MANAGING:
                raise CheckFailed(f"{group} has {', '.join(sorted(too_much))} on the job", f"revoke it; {self._deploy}")
        operators = self._outputs.operators
        if operators and not rights.get(operators, set()) & _MANAGING:
            raise CheckFailed(f"{operators} may not run the job", self._deploy)
        return True

    def _continuous(self, job: Job) -> str:
        settings = job.settings
        if settings is None or settings.continuous is None:
            raise CheckFailed("the job is not continuous", self._deploy)
        _refuse_paused(settings.continuous.pause_status, self._deploy)
        run, record = self.serving()
        if outage := self._outage(record):
            service, problem = outage
            raise CheckFailed(f"{service} is unavailable: {problem.reason}", SERVICE_FIX)
        return f"runs as its principal, serving since {_began(run):%Y-%m-%d %H:%M} UTC"

    def _outage(self, record: Record) -> tuple[str, Problem] | None:
        """A service that has been unavailable for more than a moment, and since when."""
        until = time.monotonic() + min(_A_MOMENT, self._startup)
        while (first := next(iter(record.problems.items()), None)) is not None:
            # Both times are by the run's own clock.
            lasts = (record.said_at - first[1].since).total_seconds() if record.said_at else _A_MOMENT
            if lasts >= _A_MOMENT or time.monotonic() >= until:
                return first
            time.sleep(_LOOK_EVERY)
            record = self._view.record() or record
        return None

    def serving(self) -> tuple[BaseRun, Record]:
        """The run that serves now, and its record. Waits for a run that is starting. Raises CheckFailed."""
        # Several checks call this; only the first of them waits.
        until = self._until = self._until or time.monotonic() + self._startup
        before: Record | None = None
        looks = 0
        while True:
            run = self._active()
            if run is not None:
                record = self._view.record()
                if record is not None and _serves(run, record, before):
                    return run, record
                before, looks = record, looks + 1
                # A run retries its own start: as long as it has not served, it may be about to.
                hangs = record is not None and record.state == "serving" and not _of_another(run, record)
                young = _state(run) in _STARTING or _ago(_began(run)) < self._startup or not hangs
                # Looked at twice: a record that changed in between is alive, whatever the caller's clock says.
                if looks > 1 and (not young or time.monotonic() >= until):
                    raise CheckFailed(_not_serving(run, record), f"see {run.run_page_url or self._outputs.job_url}")
            elif not self._between_runs() or time.monotonic() >= until:
                last = self._last()
                last_end = f"; the last one ended {_ended(last)}" if last else ""
                raise CheckFailed(f"no run is active{last_end}", f"see {self._outputs.job_url}")
            time.sleep(_LOOK_EVERY)

    def _between_runs(self) -> bool:
        """Whether the next run may be about to begin: that takes up to a minute after the end of a run."""
        last = self._last()
        since = (last.end_time or last.start_time) if last else self.get().created_time
        return _ago(datetime.fromtimestamp((since or 0) / 1e3, UTC)) < self._startup

    def _triggered(self, job: Job) -> str:
        schedule = job.settings.schedule if job.settings else None
        if schedule is None:
            raise CheckFailed("the job has no schedule", self._deploy)
        _refuse_paused(schedule.pause_status, self._deploy)
        last, active = self._last(), self._active()
        if last is not None and _result(last) != "SUCCESS":
            raise CheckFailed(f"the last run ended {_ended(last)}", f"see {last.run_page_url or self._outputs.job_url}")
        due, created = self._due(job, datetime.now(UTC)), (job.created_time or 0) / 1e3
        if last is None and active is None:
            if not due or due[-1].timestamp() > created:
                raise CheckFailed("the job has never run", f"start it: {self._outputs.job_url}")
            return "runs as its principal on its schedule, which is yet to begin"
        begun = max(r.start_time or 0 for r in (last, active) if r is not None) / 1e3
        # The newest due time may be only a moment ago, so the one before it counts.
        if len(due) == 2 and max(begun, created) < due[1].timestamp():
            raise CheckFailed(
                f"a run was due at {due[1]:%Y-%m-%d %H:%M} {schedule.timezone_id}, and none has begun since",
                f"see {self._outputs.job_url}",
            )
        ended = f"the last one ended {_ended(last)}" if last else "the first one is under way"
        return f"runs as its principal on its schedule, {ended}"

    def _due(self, job: Job, now: datetime) -> list[datetime]:
        schedule = job.settings.schedule if job.settings else None
        if schedule is None:
            return []
        return last_due(schedule.quartz_cron_expression, schedule.timezone_id, now) or []

    def interval(self) -> float:
        """Seconds between two runs on the schedule; 0 if unknown."""
        due = self._due(self.get(), datetime.now(UTC))
        return (due[0] - due[1]).total_seconds() if len(due) == 2 else 0.0

    def starter(self) -> Callable[[], None]:
        """A function that starts one run as soon as no other is active. Further calls do nothing."""
        started = False

        def start() -> None:
            nonlocal started
            if not started and self._active() is None:
                self._client.jobs.run_now(self._id)
                started = True

        return start

    def _active(self) -> BaseRun | None:
        return _first(self._client.jobs.list_runs(job_id=self._id, active_only=True, limit=1))

    def _last(self) -> BaseRun | None:
        return _first(self._client.jobs.list_runs(job_id=self._id, completed_only=True, limit=1))


def _first(runs: Iterable[BaseRun]) -> BaseRun | None:
    return next(iter(runs), None)


def _state(run: BaseRun) -> str:
    """The state of a run; newer workspaces have it in another member."""
    if run.state and run.state.life_cycle_state:
        return run.state.life_cycle_state.value
    return run.status.state.value if run.status and run.status.state else "unknown"


def _result(run: BaseRun) -> str:
    if run.state and run.state.result_state:
        return run.state.result_state.value
    details = run.status.termination_details if run.status else None
    return details.code.value if details and details.code else "without a result"


def _serves(run: BaseRun, record: Record, before: Record | None) -> bool:
    """Whether the record is of this run, is recent, and says that it serves. `before`: the record at the last look."""
    if _state(run) in _STARTING or record.state != "serving" or record.said_at is None or _of_another(run, record):
        return False
    changed = before is not None and before.said_at != record.said_at
    return changed or abs(_ago(record.said_at)) < _SAID_WITHIN.total_seconds()


def _of_another(run: BaseRun, record: Record) -> bool:
    """Whether a record is of an earlier run, which could not write that it stopped."""
    return record.started_at is not None and record.started_at < _began(run) - timedelta(seconds=_A_MOMENT)


def _not_serving(run: BaseRun, record: Record | None) -> str:
    if record is None or record.said_at is None or _of_another(run, record):
        return f"a run is {_state(run)}, and its pipeline has said nothing yet"
    return f"a run is {_state(run)}, but the pipeline is {record.state} and last said so {ago(record.said_at)}"


def _ago(then: datetime) -> float:
    return (datetime.now(UTC) - then).total_seconds()


def _began(run: BaseRun) -> datetime:
    return datetime.fromtimestamp((run.start_time or 0) / 1e3, UTC)


def _ended(run: BaseRun) -> str:
    when = datetime.fromtimestamp((run.end_time or run.start_time or 0) / 1e3, UTC)
    return f"{_result(run)} {ago(when)}"


def _refuse_paused(status: object, deploy: str) -> None:
    if status is not None and getattr(status, "value", status) == "PAUSED":
        raise CheckFailed("the job is paused", f"set paused to false, then {deploy}")

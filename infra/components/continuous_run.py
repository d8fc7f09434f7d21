"""The run that a continuous job leaves behind when it becomes a triggered one.

For that change the Databricks provider sends `jobs/reset` alone. In its jobs/resource_job.go, `control_run_state` ends
the active run of a job that stays continuous, but "must be specified only with `continuous`". So the old run would
serve on, and the runs of the new schedule would wait behind it, since one run at a time is allowed.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Mapping
from functools import partial
from typing import TYPE_CHECKING, Any

import pulumi

from pipeline.platform.credentials import CredentialError
from pipeline.platform.databricks import WaitLimits, sign_in
from pipeline.platform.workspace_faults import fault_of

if TYPE_CHECKING:
    from databricks.sdk import WorkspaceClient
    from databricks.sdk.service.jobs import BaseRun

_WAITS = WaitLimits(request=30, retries=60)
_END_WITHIN = 120.0
"""Seconds for a cancelled run to end. A run stops within 15 s; then its cluster ends."""
_LOOK_EVERY = 2.0
"""Seconds."""


def ends_continuous_runs(name: str, host: pulumi.Input[str]) -> pulumi.ResourceHook:
    """A hook for after an update of a job: if the job was continuous and is no more, its active runs are cancelled.

    The engine calls it in every update of the job, whoever runs the engine. It never calls it in a preview.
    """

    async def after_update(args: pulumi.ResourceHookArgs) -> None:
        if not stops_being_continuous(args.old_inputs or {}, args.new_inputs or {}):
            return
        address = str(await pulumi.Output.from_input(host).future())
        # The program goes on to declare what is left meanwhile.
        for line in await asyncio.to_thread(partial(end_continuous_runs, address, int(args.id))):
            pulumi.log.info(line)

    return pulumi.ResourceHook(f"{name}-ends-continuous-runs", after_update)


def stops_being_continuous(old: Mapping[str, Any], new: Mapping[str, Any]) -> bool:
    """Whether an update takes from a job that it runs continuously. The inputs have the engine's names."""
    return bool(old.get("continuous")) and not new.get("continuous")


def end_continuous_runs(
    host: str,
    job_id: int,
    *,
    now: Callable[[], float] = time.monotonic,
    sleep: Callable[[float], object] = time.sleep,
) -> list[str]:
    """Cancel what a job that was continuous still runs, and wait until it has ended. Returns a line for each run.

    Runs that the new schedule has started stay. Raises RunError with the fix, if a run is not cancelled or has not
    ended within two minutes: the job is changed by then, so another `up` finds nothing to do.
    """
    ended: list[str] = []
    try:
        client = sign_in(host, waits=_WAITS)
        runs = [run for run in client.jobs.list_runs(job_id=job_id, active_only=True) if _of_continuous(run)]
        for run in runs:
            assert run.run_id is not None
            client.jobs.cancel_run(run.run_id)
        until = now() + _END_WITHIN
        for run in runs:
            _wait_for(client, int(run.run_id or 0), until, now, sleep)
            ended.append(f"run {run.run_id} of the continuous job was cancelled: the job now runs on its schedule")
    except (CredentialError, TimeoutError) as error:
        raise _not_ended(job_id, str(error)) from None
    except Exception as error:
        fault = fault_of(error)
        raise _not_ended(job_id, f"{fault.finding()}: {fault.text}") from None
    return ended


def _of_continuous(run: BaseRun) -> bool:
    # A restart or a retry of a continuous run has another trigger than it, and an older provider started them one by
    # one: all that the schedule has not started is the continuous job's.
    return run.trigger is None or run.trigger.name != "PERIODIC"


def _wait_for(
    client: WorkspaceClient, run_id: int, until: float, now: Callable[[], float], sleep: Callable[[float], object]
) -> None:
    while not _has_ended(client, run_id):
        if now() >= until:
            raise TimeoutError(f"run {run_id} has not ended {_END_WITHIN:.0f} s after it was cancelled")
        sleep(_LOOK_EVERY)


def _has_ended(client: WorkspaceClient, run_id: int) -> bool:
    state = client.jobs.get_run(run_id).state
    phase = state.life_cycle_state if state is not None else None
    return phase is not None and phase.name in ("TERMINATED", "SKIPPED", "INTERNAL_ERROR")


def _not_ended(job_id: int, reason: str) -> pulumi.RunError:
    return pulumi.RunError(
        f"the run of continuous job {job_id} may still serve ({reason}): its schedule waits behind it; cancel it with "
        f"`databricks jobs cancel-all-runs --job-id {job_id}`"
    )

"""What a job that was continuous still runs after it became a triggered one, in a workspace over HTTP."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator, Mapping
from typing import Any

import httpx
import pulumi
import pytest
from pulumi.runtime.mocks import set_mocks

from infra.components import continuous_run
from infra.components.continuous_run import end_continuous_runs, ends_continuous_runs, stops_being_continuous
from tests.support.program import Answers, Run, ensure_event_loop
from tests.support.stream import FakeClock
from tests.support.workspace.errors import denied
from tests.support.workspace.server import CALLER, TOKEN, Call, Workspace, workspace

JOB = 77
CONTINUOUS = {"continuous": {"pauseStatus": "UNPAUSED"}}
SCHEDULED = {"schedule": {"quartzCronExpression": "0 0/15 * * * ?"}}


@pytest.fixture
def place(monkeypatch: pytest.MonkeyPatch) -> Iterator[Workspace]:
    """A workspace whose continuous job was just reset to a schedule."""
    with workspace() as served:
        monkeypatch.setenv("DATABRICKS_TOKEN", TOKEN)
        served.jobs.give(JOB, {"continuous": {"pause_status": "UNPAUSED"}}, run_as=CALLER, creator=CALLER)
        served.jobs.began(JOB, "TERMINATED", "SUCCESS", age=9000)
        served.jobs.began(JOB)
        body = {"job_id": JOB, "new_settings": {"schedule": {"quartz_cron_expression": "0 0/15 * * * ?"}}}
        reset = httpx.post(f"{served.url}/api/2.2/jobs/reset", json=body, headers={"Authorization": f"Bearer {TOKEN}"})
        assert reset.status_code == 200
        served.calls.clear()
        yield served


def ended(place: Workspace, clock: FakeClock | None = None) -> list[str]:
    clock = clock or FakeClock()

    def sleep(seconds: float) -> None:
        clock.seconds += seconds

    return end_continuous_runs(place.url, JOB, now=clock, sleep=sleep)


def test_the_change_itself_leaves_the_old_run_serving(place: Workspace) -> None:
    assert [run["state"]["life_cycle_state"] for run in place.jobs.runs] == ["RUNNING", "TERMINATED"]


def test_the_old_run_is_cancelled_waited_for_and_named(place: Workspace) -> None:
    place.jobs.looks_until_cancelled = 3
    assert ended(place) == ["run 1001 of the continuous job was cancelled: the job now runs on its schedule"]
    assert place.jobs.cancelled == [1001]
    assert place.jobs.runs[0]["state"]["result_state"] == "CANCELED"


@pytest.mark.parametrize("trigger", ["CONTINUOUS_RESTART", "RETRY", "ONE_TIME"])
def test_a_restarted_or_retried_run_of_the_continuous_job_is_one_too(place: Workspace, trigger: str) -> None:
    place.jobs.runs[0]["trigger"] = trigger
    ended(place)
    assert place.jobs.cancelled == [1001]


def test_a_run_that_the_new_schedule_has_started_stays(place: Workspace) -> None:
    place.jobs.began(JOB, "QUEUED", age=1, trigger="PERIODIC")
    ended(place)
    assert place.jobs.cancelled == [1001]


def test_a_job_that_runs_nothing_needs_nothing(place: Workspace) -> None:
    place.jobs.runs.clear()
    assert ended(place) == []
    assert not any(call.writes for call in place.calls)


def refusal(place: Workspace) -> str:
    with pytest.raises(pulumi.RunError) as refused:
        ended(place)
    assert "\n" not in str(refused.value)
    assert "cancel it with `databricks jobs cancel-all-runs --job-id 77`" in str(refused.value)
    return str(refused.value)


def test_a_run_that_does_not_end_is_reported_within_a_bound_with_what_to_do(place: Workspace) -> None:
    place.jobs.looks_until_cancelled = 10_000
    assert "job 77 may still serve (run 1001 has not ended 120 s after it was cancelled)" in refusal(place)


def test_a_run_that_may_not_be_cancelled_is_reported_with_what_to_do(place: Workspace) -> None:
    def refuse(call: Call) -> None:
        if call.path.endswith("/cancel"):
            raise denied("you may not cancel this run")

    place.before.append(refuse)
    assert "job 77 may still serve (the workspace does not permit this: you may not cancel" in refusal(place)


def test_without_credentials_the_operator_learns_which_run_is_left(
    place: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("DATABRICKS_TOKEN")
    monkeypatch.setenv("DATABRICKS_AUTH_TYPE", "pat")
    assert "may still serve" in refusal(place)


def test_only_a_job_that_was_continuous_and_is_no_more_stops_being_so() -> None:
    assert stops_being_continuous(CONTINUOUS, SCHEDULED)
    # The provider itself restarts or stops the run of a job that stays continuous, by control_run_state.
    assert not stops_being_continuous(CONTINUOUS, {"continuous": {"pauseStatus": "PAUSED"}})
    assert not stops_being_continuous(SCHEDULED, SCHEDULED)
    assert not stops_being_continuous(SCHEDULED, CONTINUOUS)


def called(monkeypatch: pytest.MonkeyPatch, old: Mapping[str, Any], new: Mapping[str, Any]) -> tuple[list[object], Run]:
    """What the engine's call after an update asks to end, and what it says."""
    asked: list[object] = []

    def end(host: str, job_id: int) -> list[str]:
        asked.extend([host, job_id])
        return ["run 5 was cancelled"]

    monkeypatch.setattr(continuous_run, "end_continuous_runs", end)
    run = Run()
    ensure_event_loop()
    set_mocks(Answers(run, {}, preview=False), logger=run.logger())

    async def update() -> None:
        hook = ends_continuous_runs("job", "https://w")
        result = hook(pulumi.ResourceHookArgs("urn", str(JOB), "job-job", "t", new_inputs=new, old_inputs=old))
        assert result is not None
        await result

    asyncio.run(update())
    return asked, run


def test_the_engine_ends_the_old_run_after_the_change_and_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    asked, run = called(monkeypatch, CONTINUOUS, SCHEDULED)
    assert asked == ["https://w", JOB]
    assert run.log == ["info: run 5 was cancelled"]
    assert called(monkeypatch, SCHEDULED, SCHEDULED)[0] == []

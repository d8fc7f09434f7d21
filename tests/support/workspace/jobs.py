"""Jobs: https://docs.databricks.com/api/workspace/jobs. Their settings, their runs, and who may run them."""

from __future__ import annotations

import time
from typing import Any

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from tests.support.workspace.errors import ApiError

Json = dict[str, Any]

_ENDED = ("TERMINATED", "SKIPPED", "INTERNAL_ERROR")


class Jobs:
    """The jobs of a workspace, and their runs, the newest first."""

    def __init__(self) -> None:
        self.jobs: dict[int, Json] = {}
        self.runs: list[Json] = []
        self.rights: dict[int, list[Json]] = {}
        """access_control_list of a job."""
        self.looks_until_cancelled = 1
        """How often a client must look before a run that was cancelled has ended."""
        self.cancelled: list[int] = []
        self._looks: dict[int, int] = {}

    def give(self, job_id: int, settings: Json, *, run_as: str, creator: str, age: float = 3600.0) -> None:
        self.jobs[job_id] = {
            "job_id": job_id,
            "creator_user_name": creator,
            "run_as_user_name": run_as,
            "created_time": int((time.time() - age) * 1000),
            "settings": settings,
        }

    def right(self, job_id: int, level: str, **who: str) -> None:
        """`who` is group_name, user_name or service_principal_name."""
        entry = {**who, "all_permissions": [{"permission_level": level, "inherited": False}]}
        self.rights.setdefault(job_id, []).append(entry)

    def began(
        self,
        job_id: int,
        state: str = "RUNNING",
        result: str | None = None,
        age: float = 600.0,
        trigger: str = "CONTINUOUS",
    ) -> Json:
        """A run that began `age` seconds ago."""
        run: Json = {
            "run_id": 1000 + len(self.runs),
            "job_id": job_id,
            "trigger": trigger,
            "start_time": int((time.time() - age) * 1000),
            "run_page_url": f"https://workspace.example/run/{1000 + len(self.runs)}",
            "state": {"life_cycle_state": state, **({"result_state": result} if result else {})},
        }
        if state in _ENDED:
            run["end_time"] = int((time.time() - age / 2) * 1000)
        self.runs.insert(0, run)
        return run

    def routes(self) -> list[Route]:
        return [
            Route("/api/2.2/jobs/get", self._get),
            Route("/api/2.2/jobs/runs/list", self._list_runs),
            Route("/api/2.2/jobs/runs/get", self._get_run),
            Route("/api/2.2/jobs/runs/cancel", self._cancel, methods=["POST"]),
            Route("/api/2.2/jobs/reset", self._reset, methods=["POST"]),
            Route("/api/2.2/jobs/run-now", self._run_now, methods=["POST"]),
            Route("/api/2.0/permissions/jobs/{job_id}", self._rights),
        ]

    async def _get(self, request: Request) -> Response:
        return JSONResponse(self._job(request.query_params["job_id"]))

    async def _list_runs(self, request: Request) -> Response:
        asked = request.query_params
        self._job(asked["job_id"])
        runs = [run for run in self.runs if run["job_id"] == int(asked["job_id"])]
        if asked.get("active_only") == "true":
            runs = [run for run in runs if run["state"]["life_cycle_state"] not in _ENDED]
        if asked.get("completed_only") == "true":
            runs = [run for run in runs if run["state"]["life_cycle_state"] in _ENDED]
        runs = runs[: int(asked.get("limit", "20"))]
        return JSONResponse({"runs": runs} if runs else {})

    async def _reset(self, request: Request) -> Response:
        """New settings. Runs that are active go on with the old ones."""
        body = await request.json()
        self._job(str(body["job_id"]))["settings"] = body["new_settings"]
        return JSONResponse({})

    async def _get_run(self, request: Request) -> Response:
        run = self._run(int(request.query_params["run_id"]))
        if run["run_id"] in self.cancelled:
            self._looks[run["run_id"]] -= 1
            if self._looks[run["run_id"]] < 0:
                run["state"] = {"life_cycle_state": "TERMINATED", "result_state": "CANCELED"}
        return JSONResponse(run)

    async def _cancel(self, request: Request) -> Response:
        """A run ends some time after this was answered."""
        run = self._run(int((await request.json())["run_id"]))
        self.cancelled.append(run["run_id"])
        self._looks[run["run_id"]] = self.looks_until_cancelled
        if run["state"]["life_cycle_state"] not in _ENDED:
            run["state"] = {"life_cycle_state": "TERMINATING"}
        return JSONResponse({})

    def _run(self, run_id: int) -> Json:
        for run in self.runs:
            if run["run_id"] == run_id:
                return run
        raise ApiError(400, "INVALID_PARAMETER_VALUE", f"Run {run_id} does not exist.")

    async def _run_now(self, request: Request) -> Response:
        job_id = int((await request.json())["job_id"])
        self._job(str(job_id))
        return JSONResponse({"run_id": self.began(job_id, age=0.0)["run_id"]})

    async def _rights(self, request: Request) -> Response:
        job_id = request.path_params["job_id"]
        self._job(job_id)
        listed = self.rights.get(int(job_id), [])
        return JSONResponse({"object_id": f"/jobs/{job_id}", "object_type": "job", "access_control_list": listed})

    def _job(self, job_id: str) -> Json:
        job = self.jobs.get(int(job_id))
        if job is None:
            raise ApiError(400, "INVALID_PARAMETER_VALUE", f"Job {job_id} does not exist.")
        return job

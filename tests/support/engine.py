"""The engine's side of a Pulumi program that runs in a process of its own, over the real protocol.

It starts the program as the Python language host does, and answers it with the fakes of tests/support/program.py.
Unlike the real engine, it does not compare anything with a state, and calls no provider.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Callable, Mapping
from concurrent import futures
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import grpc
import pulumi
from google.protobuf import empty_pb2
from pulumi.runtime.proto import engine_pb2, engine_pb2_grpc, resource_pb2, resource_pb2_grpc

from tests.support.program import PROJECT, Answers, Monitor, Run

ROOT = Path(__file__).resolve().parents[2]
_PATIENCE = 120.0

_HOST = """
import asyncio, os, runpy, sys
import pulumi, pulumi.runtime
program, monitor, engine, project, stack, preview = sys.argv[1:]
pulumi.runtime.set_all_config(pulumi.runtime.get_config_env(), pulumi.runtime.get_config_secret_keys_env())
pulumi.runtime.configure(pulumi.runtime.Settings(
    monitor=monitor, engine=engine, project=project, stack=stack, dry_run=preview == "true"))
os.chdir(os.path.dirname(program))
loop = asyncio.new_event_loop()
asyncio.set_event_loop(loop)
try:
    loop.run_until_complete(pulumi.runtime.run_in_stack(lambda: runpy.run_path(program, run_name="__main__")))
except pulumi.RunError as error:
    pulumi.log.error(str(error))
    sys.exit(1)
"""


@dataclass
class ProcessRun:
    """The result of a program's process: its declarations, its log to the engine, and its exit code."""

    run: Run = field(default_factory=Run)
    errors: list[str] = field(default_factory=list)
    exit_code: int = -1
    output: str = ""


class _MonitorService(resource_pb2_grpc.ResourceMonitorServicer):
    def __init__(self, monitor: Monitor, delays: Mapping[str, float]) -> None:
        self._monitor: Any = monitor
        self._delays = delays

    def RegisterResource(self, request: Any, context: Any) -> Any:  # noqa: N802
        time.sleep(self._delays.get(request.type.rsplit(":", 1)[-1], 0.0))
        return self._monitor.RegisterResource(request)

    def SupportsFeature(self, request: Any, context: Any) -> Any:  # noqa: N802
        return resource_pb2.SupportsFeatureResponse(hasSupport=request.id != "outputValues")

    def SignalAndWaitForShutdown(self, request: Any, context: Any) -> Any:  # noqa: N802
        return empty_pb2.Empty()


def _passed_on(name: str) -> Callable[[Any, Any, Any], Any]:
    def method(self: Any, request: Any, context: Any) -> Any:
        return getattr(self._monitor, name)(request)

    return method


for _name in (
    "GetDeploymentInfo",
    "Invoke",
    "ReadResource",
    "RegisterResourceOutputs",
    "RegisterResourceHook",
    "RegisterErrorHook",
):
    setattr(_MonitorService, _name, _passed_on(_name))


class _EngineService(engine_pb2_grpc.EngineServicer):
    def __init__(self, errors: list[str]) -> None:
        self._errors = errors
        self._root = ""

    def Log(self, request: Any, context: Any) -> Any:  # noqa: N802
        if request.severity == engine_pb2.ERROR:
            self._errors.append(request.message)
        return empty_pb2.Empty()

    def GetRootResource(self, request: Any, context: Any) -> Any:  # noqa: N802
        return engine_pb2.GetRootResourceResponse(urn=self._root)

    def SetRootResource(self, request: Any, context: Any) -> Any:  # noqa: N802
        self._root = request.urn
        return engine_pb2.SetRootResourceResponse()


def run_process(
    config: Mapping[str, str],
    *,
    stack: str = "dev",
    preview: bool = False,
    secret_keys: tuple[str, ...] = (),
    delays: Mapping[str, float] | None = None,
) -> ProcessRun:
    """Run the repository's program. `delays`: seconds that creating a resource takes, by its class."""
    done = ProcessRun()
    answers = Answers(done.run, {}, preview)
    monitor = Monitor(done.run, answers)
    pulumi.runtime.set_mocks(answers, project=PROJECT, stack=stack, preview=preview, monitor=monitor)
    server = grpc.server(futures.ThreadPoolExecutor(64))
    add: Any = resource_pb2_grpc.add_ResourceMonitorServicer_to_server
    add(_MonitorService(monitor, delays or {}), server)
    engine_pb2_grpc.add_EngineServicer_to_server(_EngineService(done.errors), server)
    address = f"127.0.0.1:{server.add_insecure_port('127.0.0.1:0')}"
    server.start()
    environment = {
        **os.environ,
        "PULUMI_CONFIG": json.dumps({f"{PROJECT}:{key}": value for key, value in config.items()}),
        "PULUMI_CONFIG_SECRET_KEYS": json.dumps([f"{PROJECT}:{key}" for key in secret_keys]),
    }
    arguments = [str(ROOT / "infra"), address, address, PROJECT, stack, "true" if preview else "false"]
    try:
        process = subprocess.run(
            [sys.executable, "-c", _HOST, *arguments],
            env=environment,
            capture_output=True,
            text=True,
            timeout=_PATIENCE,
            check=False,
        )
    finally:
        server.stop(None)
    done.exit_code, done.output = process.returncode, process.stdout + process.stderr
    return done

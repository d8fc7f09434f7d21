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
from pulumi.runtime.proto import (
    callback_pb2,
    callback_pb2_grpc,
    engine_pb2,
    engine_pb2_grpc,
    resource_pb2,
    resource_pb2_grpc,
)

from tests.support.program import PROJECT, Answers, Monitor, Run, ensure_event_loop

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
    said: list[str] = field(default_factory=list)
    """What the program told the operator besides errors."""
    hook_errors: list[str] = field(default_factory=list)
    exit_code: int = -1
    output: str = ""


class _MonitorService(resource_pb2_grpc.ResourceMonitorServicer):
    def __init__(
        self, monitor: Monitor, delays: Mapping[str, float], updated: Mapping[str, Mapping[str, Any]], done: ProcessRun
    ) -> None:
        self._monitor: Any = monitor
        self._delays = delays
        self._updated = updated
        self._done = done
        self._hooks: dict[str, Any] = {}

    def RegisterResource(self, request: Any, context: Any) -> Any:  # noqa: N802
        kind = request.type.rsplit(":", 1)[-1]
        time.sleep(self._delays.get(kind, 0.0))
        registered = self._monitor.RegisterResource(request)
        if kind in self._updated and request.custom:
            self._call_hooks(request, registered, self._updated[kind])
        return registered

    def RegisterResourceHook(self, request: Any, context: Any) -> Any:  # noqa: N802
        self._hooks[request.name] = request.callback
        return empty_pb2.Empty()

    def _call_hooks(self, request: Any, registered: Any, old_inputs: Mapping[str, Any]) -> None:
        """Call the hooks of an update, as the engine does once the provider has updated the resource."""
        asked = resource_pb2.ResourceHookRequest(
            urn=registered.urn, id=registered.id, name=request.name, type=request.type, new_inputs=request.object
        )
        asked.old_inputs.update(dict(old_inputs))
        for name in request.hooks.after_update:
            hook = self._hooks[name]
            with grpc.insecure_channel(hook.target) as channel:
                stub: Any = callback_pb2_grpc.CallbacksStub(channel)
                call = callback_pb2.CallbackInvokeRequest(token=hook.token, request=asked.SerializeToString())
                answer = resource_pb2.ResourceHookResponse.FromString(stub.Invoke(call, timeout=_PATIENCE).response)
            if answer.error:
                self._done.hook_errors.append(answer.error)

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
    "RegisterErrorHook",
):
    setattr(_MonitorService, _name, _passed_on(_name))


class _EngineService(engine_pb2_grpc.EngineServicer):
    def __init__(self, done: ProcessRun) -> None:
        self._done = done
        self._root = ""

    def Log(self, request: Any, context: Any) -> Any:  # noqa: N802
        if request.severity == engine_pb2.ERROR:
            self._done.errors.append(request.message)
        elif request.severity != engine_pb2.DEBUG:
            self._done.said.append(request.message)
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
    updated: Mapping[str, Mapping[str, Any]] | None = None,
    environment: Mapping[str, str] | None = None,
) -> ProcessRun:
    """Run the repository's program. `delays`: seconds that creating a resource takes, by its class.

    `updated`: the inputs that resources had before, by their class: to the program they are updated, and the hooks of
    an update are called. `environment`: further variables of the process.
    """
    done = ProcessRun()
    answers = Answers(done.run, {}, preview)
    monitor = Monitor(done.run, answers)
    ensure_event_loop()
    pulumi.runtime.set_mocks(answers, project=PROJECT, stack=stack, preview=preview, monitor=monitor)
    server = grpc.server(futures.ThreadPoolExecutor(64))
    add: Any = resource_pb2_grpc.add_ResourceMonitorServicer_to_server
    add(_MonitorService(monitor, delays or {}, updated or {}, done), server)
    engine_pb2_grpc.add_EngineServicer_to_server(_EngineService(done), server)
    address = f"127.0.0.1:{server.add_insecure_port('127.0.0.1:0')}"
    server.start()
    variables = {
        **os.environ,
        **(environment or {}),
        "PULUMI_CONFIG": json.dumps({f"{PROJECT}:{key}": value for key, value in config.items()}),
        "PULUMI_CONFIG_SECRET_KEYS": json.dumps([f"{PROJECT}:{key}" for key in secret_keys]),
    }
    arguments = [str(ROOT / "infra"), address, address, PROJECT, stack, "true" if preview else "false"]
    try:
        process = subprocess.run(
            [sys.executable, "-c", _HOST, *arguments],
            env=variables,
            capture_output=True,
            text=True,
            timeout=_PATIENCE,
            check=False,
        )
    finally:
        server.stop(None)
    done.exit_code, done.output = process.returncode, process.stdout + process.stderr
    return done

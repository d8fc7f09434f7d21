"""The rules for a job: its parameters, the principal that it runs as, and its compute."""

from __future__ import annotations

import functools
import re
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from typer.main import get_group

from infra.policy.declared import UNKNOWN, Declared, objects, texts
from pipeline.cli import app
from pipeline.redaction import scrub

_COMMAND = "run"
_DEDICATED = frozenset({"SINGLE_USER", "DATA_SECURITY_MODE_DEDICATED"})
_NAMES_A_SECRET = re.compile(r"(?i)(secret|password|passwd|token|(api|access|secret|account)[._-]?key)$")
_REFERENCE = re.compile(r"^\{\{secrets/[^/{}]+/[^/{}]+\}\}$")


def parameters_allowed(job: Declared) -> Iterator[str]:
    for task in _tasks(job):
        wheel = task.get("pythonWheelTask")
        if isinstance(wheel, Mapping):
            parameters, named = wheel.get("parameters"), wheel.get("namedParameters")
            if isinstance(parameters, list) and parameters:
                yield from _unknown_arguments(parameters)
            if isinstance(named, Mapping):
                yield from _unknown_names(named)
    yield from _unknown_names(str(parameter.get("name")) for parameter in objects(job.inputs.get("parameters")))


def holds_no_secret(job: Declared) -> Iterator[str]:
    for path, text in texts(job.inputs):
        if scrub(text) != text:
            yield f"{path} holds what looks like a secret"
    for cluster in _clusters(job):
        for place in ("sparkEnvVars", "sparkConf"):
            values = cluster.get(place)
            for key, value in values.items() if isinstance(values, Mapping) else ():
                if _NAMES_A_SECRET.search(key) and isinstance(value, str) and value and not _REFERENCE.match(value):
                    yield f"{place}.{key} is given in plain text"


def runs_as_a_principal(job: Declared) -> Iterator[str]:
    run_as = job.inputs.get("runAs")
    if run_as is UNKNOWN:
        return
    who = run_as if isinstance(run_as, Mapping) else {}
    if not who.get("servicePrincipalName"):
        yield "runAs.servicePrincipalName is not set"
    for other in ("groupName", "userName"):
        if who.get(other):
            yield f"runAs.{other} is set"


def has_dedicated_access(job: Declared) -> Iterator[str]:
    tasks = list(_tasks(job))
    if job.inputs.get("environments") or any(task.get("environmentKey") for task in tasks):
        yield "an environment means serverless compute"
    if any(place.get("existingClusterId") for place in (job.inputs, *tasks)):
        yield "existingClusterId names a cluster whose access mode can't be seen here"
    for task in tasks:
        has_cluster = any(place.get(key) for place in (job.inputs, task) for key in ("newCluster", "existingClusterId"))
        if "pythonWheelTask" in task and not has_cluster and not task.get("jobClusterKey"):
            yield f"task {task.get('taskKey')} has no cluster, which means serverless compute"
    for cluster in _clusters(job):
        mode = cluster.get("dataSecurityMode")
        if mode is not UNKNOWN and mode not in _DEDICATED:
            yield f"dataSecurityMode is {mode or 'not set'}"


def runs_once_at_a_time(job: Declared) -> Iterator[str]:
    runs = job.inputs.get("maxConcurrentRuns")
    if runs is not UNKNOWN and runs != 1:
        yield f"maxConcurrentRuns is {'not set' if runs is None else f'{runs:g}'}"


@functools.cache
def _options() -> Mapping[str, bool]:
    """The options of `pipeline run`, and whether each takes a value: the command itself says what is allowed."""
    command = get_group(app).commands[_COMMAND]
    return {name: not getattr(option, "is_flag", False) for option in command.params for name in option.opts}


def _unknown_arguments(parameters: list[Any]) -> Iterator[str]:
    if parameters[0] not in (_COMMAND, UNKNOWN):
        yield f"parameters[0] is another command than {_COMMAND}"
    value_follows = False
    for position, parameter in enumerate(parameters[1:], 1):
        if value_follows or parameter is UNKNOWN:
            value_follows = False
            continue
        name, equals, _ = str(parameter).partition("=")
        # The text is not shown: if it is not an option, it may be a secret.
        if not name.startswith("--"):
            yield f"parameters[{position}] is no option"
        elif name not in _options():
            yield f"parameters[{position}] is {name}, which `pipeline {_COMMAND}` does not have"
        else:
            value_follows = _options()[name] and not equals


def _unknown_names(names: Iterable[str]) -> Iterator[str]:
    for name in names:
        if f"--{name}" not in _options():
            yield f"{name} is no option of `pipeline {_COMMAND}`"


def _tasks(job: Declared) -> Iterator[Mapping[str, Any]]:
    for task in objects(job.inputs.get("tasks")):
        yield task
        loop = task.get("forEachTask")
        if isinstance(loop, Mapping) and isinstance(loop.get("task"), Mapping):
            yield loop["task"]


def _clusters(job: Declared) -> Iterator[Mapping[str, Any]]:
    for place in (job.inputs, *objects(job.inputs.get("jobClusters")), *_tasks(job)):
        if isinstance(place.get("newCluster"), Mapping):
            yield place["newCluster"]

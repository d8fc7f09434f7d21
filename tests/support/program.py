"""Runs a Pulumi program against fakes, and records what it declares, with the options that only the engine sees."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import grpc
import pulumi
import pulumi_databricks as databricks
from pulumi.output import Unknown
from pulumi.runtime import rpc
from pulumi.runtime.mocks import MockCallArgs, MockMonitor, MockResourceArgs, Mocks

PROJECT = "telegram-lakehouse"
_SECRET = "4dabf18193072939515e22adb298388d"

APPLICATION = "0f6ac02b-7d0c-4b3c-9c3b-5a2f7c1f2a11"
HOST = "https://dbc-1.cloud.databricks.com"
WORKSPACE = "workspace-provider"
"""Name of the provider of a component that runs alone. A whole program's workspace has the same."""


@dataclass(frozen=True)
class Declared:
    """One resource as it is registered with the engine; the inputs have the engine's names."""

    type: str
    name: str
    inputs: dict[str, Any]
    provider: str
    custom: bool
    protect: bool
    retain_on_delete: bool
    import_id: str
    ignored: tuple[str, ...]
    replaced_on: tuple[str, ...]
    parent: str
    depends_on: tuple[str, ...]
    secret_inputs: frozenset[str]
    deleted_first: bool = False
    """Whether a replacement deletes the old one before it makes the new one."""
    after_update: tuple[str, ...] = ()
    """Names of the hooks that the engine calls once it has updated the resource."""

    @property
    def kind(self) -> str:
        """The resource's class: SqlTable in databricks:index/sqlTable:SqlTable."""
        return self.type.rsplit(":", 1)[-1]

    @property
    def package(self) -> str:
        return self.type.split(":", 1)[0]

    @property
    def provider_name(self) -> str:
        """The explicit provider's logical name; empty for the default one."""
        return self.provider.rsplit("::", 2)[-2] if self.provider else ""


class _Keep(logging.Handler):
    def __init__(self, lines: list[str]) -> None:
        super().__init__(logging.INFO)
        self._lines = lines

    def emit(self, record: logging.LogRecord) -> None:
        self._lines.append(f"{record.levelname.lower()}: {record.getMessage()}")


@dataclass
class Run:
    """What one run of a program declared, looked up and exported."""

    resources: list[Declared] = field(default_factory=list)
    calls: list[MockCallArgs] = field(default_factory=list)
    outputs: dict[str, Any] = field(default_factory=dict)
    stack_outputs: dict[str, Any] = field(default_factory=dict)
    """What the program exported as its stack's outputs."""
    log: list[str] = field(default_factory=list)
    """What the program said to the operator, as `level: text`."""

    def of(self, kind: str) -> list[Declared]:
        """The resources of a class, without components, which are not a provider's resources."""
        return [resource for resource in self.resources if resource.custom and resource.kind == kind]

    def one(self, kind: str) -> Declared:
        found = self.of(kind)
        assert len(found) == 1, [resource.name for resource in found]
        return found[0]

    def named(self, name: str) -> Declared:
        return next(resource for resource in self.resources if resource.name == name)

    def logger(self) -> logging.Logger:
        """A logger whose lines for the operator are kept in `log`."""
        logger = logging.Logger("program")
        logger.addHandler(_Keep(self.log))
        return logger

    def is_unconfigured(self, provider: str) -> bool:
        """Whether a provider, given by its reference, depends on a resource that does not exist yet."""
        name = provider.rsplit("::", 2)[-2] if provider else ""
        return any(
            isinstance(value, Unknown)
            for resource in self.resources
            if resource.name == name and resource.package == "pulumi"
            for value in resource.inputs.values()
        )


class _Failed(grpc.RpcError):  # type: ignore[misc]
    """A call that failed, in the form in which the engine reports it."""

    def code(self) -> grpc.StatusCode:
        return grpc.StatusCode.UNKNOWN

    def details(self) -> str:
        return str(self)


class Answers(Mocks):
    """The answers of a workspace. Calls are answered from `calls`; an exception there makes the call fail.

    An answer may be a function of the call's arguments.
    """

    def __init__(self, run: Run, calls: Mapping[str, Any], preview: bool) -> None:
        self._run = run
        self._calls = calls
        self._preview = preview

    def call(self, args: MockCallArgs) -> dict[str, Any]:  # type: ignore[override]
        self._run.calls.append(args)
        if self._run.is_unconfigured(args.provider):
            return {}  # the engine asks no provider that has unknown inputs
        answer = {**_CALLS, **self._calls}.get(args.token.rsplit(":", 1)[-1], {})
        if callable(answer):
            answer = answer(args.args)
        if isinstance(answer, Exception):
            raise _Failed(str(answer))
        return dict(answer)

    def new_resource(self, args: MockResourceArgs) -> tuple[str, dict[str, Any]]:
        if self._preview:
            return "", args.inputs
        if not args.custom:
            return "", args.inputs
        kind, inputs = args.typ.rsplit(":", 1)[-1], args.inputs
        identity, computed = _computed(kind, args.name, inputs)
        return identity, {**inputs, **computed}


_CALLS: dict[str, Any] = {
    "getCurrentUser": {
        "aclPrincipalId": "users/ada@example.org",
        "userName": "ada@example.org",
        "home": "/Users/ada@example.org",
    },
    "getTables": {"ids": []},
    "getServingEndpoints": {"endpoints": [{"name": "ours", "id": "e1"}, {"name": "databricks-gpt-oss-20b", "id": ""}]},
    "getAwsAssumeRolePolicy": {"json": '{"trust":1}'},
    "getAwsCrossAccountPolicy": {"json": '{"allow":1}'},
    "getAwsBucketPolicy": {"json": '{"bucket":1}'},
}


def _computed(kind: str, name: str, inputs: dict[str, Any]) -> tuple[str, dict[str, Any]]:
    """The id and the outputs that a provider adds to the inputs."""
    named = str(inputs.get("name", name))
    schema = ".".join(str(inputs.get(key)) for key in ("catalogName", "schemaName"))
    path = f"/Volumes/{schema.replace('.', '/')}/{named}"
    known: dict[str, tuple[str, dict[str, Any]]] = {
        "ServicePrincipal": ("7001", {"applicationId": APPLICATION}),
        "Catalog": (named, {}),
        "SecretScope": (named, {}),
        "Schema": (f"{inputs.get('catalogName')}.{named}", {}),
        "SqlTable": (f"{schema}.{named}", {}),
        "Volume": (f"{schema}.{named}", {"volumePath": path}),
        "Job": ("4711", {"url": "https://dbc-1.cloud.databricks.com/#job/4711"}),
        "MwsWorkspaces": ("acc/99", {"workspaceId": "99", "workspaceUrl": "https://dbc-99.cloud.databricks.com"}),
        "MwsCredentials": ("acc/cred", {"credentialsId": "cred"}),
        "MwsStorageConfigurations": ("acc/stor", {"storageConfigurationId": "stor"}),
        "MwsNetworks": ("acc/net", {"networkId": "net"}),
        "Role": (named, {"arn": f"arn:aws:iam::1:role/{named}"}),
        "Dashboard": ("d4sh", {"dashboardId": "d4sh"}),
    }
    return known.get(kind, (f"{name}-id", {}))


class Monitor(MockMonitor):
    def __init__(self, run: Run, mocks: Mocks) -> None:
        super().__init__(mocks)
        self._run = run

    def RegisterResource(self, request: Any) -> Any:  # noqa: N802
        if request.type != "pulumi:pulumi:Stack":
            inputs = dict(rpc.deserialize_properties(request.object, keep_unknowns=True))
            self._run.resources.append(
                Declared(
                    type=request.type,
                    name=request.name,
                    inputs=_revealed(inputs),
                    provider=request.provider,
                    custom=request.custom,
                    protect=request.protect,
                    retain_on_delete=request.retainOnDelete,
                    import_id=request.importId,
                    ignored=tuple(request.ignoreChanges),
                    replaced_on=tuple(request.replaceOnChanges),
                    parent=request.parent,
                    depends_on=tuple(request.dependencies),
                    secret_inputs=frozenset(key for key, value in inputs.items() if _is_secret(value)),
                    deleted_first=request.deleteBeforeReplace,
                    after_update=tuple(request.hooks.after_update),
                )
            )
        return super().RegisterResource(request)  # type: ignore[no-untyped-call]

    def RegisterResourceOutputs(self, request: Any) -> Any:  # noqa: N802
        # In the mocks, the stack's type is a part of each urn.
        if request.urn.split("::")[2] == "pulumi:pulumi:Stack":
            outputs = dict(rpc.deserialize_properties(request.outputs, keep_unknowns=True))
            self._run.stack_outputs = {key: _revealed(value) for key, value in outputs.items()}
        return super().RegisterResourceOutputs(request)  # type: ignore[no-untyped-call]


def _is_secret(value: Any) -> bool:
    return isinstance(value, dict) and _SECRET in value


def _revealed(value: Any) -> Any:
    if _is_secret(value):
        return value["value"]
    if isinstance(value, dict):
        return {key: _revealed(one) for key, one in value.items()}
    return [_revealed(one) for one in value] if isinstance(value, list) else value


def ensure_event_loop() -> None:
    """Give this thread an event loop: `asyncio.run` of an earlier test leaves none, and Pulumi's mocks need one."""
    try:
        asyncio.get_event_loop()
    except RuntimeError:
        asyncio.set_event_loop(asyncio.new_event_loop())


def run_program(
    program: Callable[[], Mapping[str, pulumi.Input[Any]] | None],
    *,
    stack: str = "dev",
    preview: bool = False,
    calls: Mapping[str, Any] | None = None,
    run: Run | None = None,
) -> Run:
    """Run a program to its end. Its outputs are those that it returns; in a preview, without the unknown ones.

    If the program fails, `run` has what it declared until then.
    """
    run = Run() if run is None else run
    answers = Answers(run, calls or {}, preview)
    ensure_event_loop()
    pulumi.runtime.set_mocks(
        answers, project=PROJECT, stack=stack, preview=preview, logger=run.logger(), monitor=Monitor(run, answers)
    )

    def body() -> pulumi.Output[None]:
        # The failure is raised anyway. Without this, asyncio prints it again for each output that stays unresolved.
        asyncio.get_running_loop().set_exception_handler(lambda *_: None)
        returned = program() or {}
        known = [pulumi.Output.from_input(value).apply(_noted(run, key)) for key, value in returned.items()]
        return pulumi.Output.all(*known).apply(lambda _: None)

    pulumi.runtime.test(body)()  # type: ignore[no-untyped-call]
    return run


def run_component(
    declare: Callable[[pulumi.ResourceOptions], Mapping[str, pulumi.Input[Any]] | None],
    *,
    stack: str = "dev",
    preview: bool = False,
    calls: Mapping[str, Any] | None = None,
    run: Run | None = None,
) -> Run:
    """Run a component alone, in an existing workspace: `declare` gets options with the workspace's provider."""

    def program() -> Mapping[str, pulumi.Input[Any]] | None:
        provider = databricks.Provider(WORKSPACE, host=HOST)
        return declare(pulumi.ResourceOptions(providers=[provider]))

    return run_program(program, stack=stack, preview=preview, calls=calls, run=run)


def _noted(run: Run, key: str) -> Callable[[Any], None]:
    def note(value: Any) -> None:
        run.outputs[key] = value

    return note

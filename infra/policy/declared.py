"""A resource that the engine is about to deploy, as plain data. Values that are not known yet are UNKNOWN."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from enum import Enum
from typing import Any

from pulumi_policy import ResourceValidationArgs
from pulumi_policy.proxy import UnknownValueError, unknown_checking_proxy


class Unknown(Enum):
    """In place of an input that depends on a resource which does not exist yet. Only a preview has such inputs."""

    UNKNOWN = "unknown"


UNKNOWN = Unknown.UNKNOWN


@dataclass(frozen=True)
class Declared:
    """One resource with its inputs, named as the engine names them: in camel case."""

    package: str
    kind: str
    """The last part of its type, as Job or SqlTable."""
    stack: str
    inputs: Mapping[str, Any]
    protected: bool = False
    provider: str | None = None
    """Name of its provider; None for a resource without one, as a component."""
    config: Mapping[str, Any] = field(default_factory=dict)
    """The policy's own configuration."""


def declared(args: ResourceValidationArgs) -> Declared:
    return Declared(
        package=args.resource_type.partition(":")[0],
        kind=args.resource_type.rpartition(":")[2],
        stack=args.urn.removeprefix("urn:pulumi:").partition("::")[0],
        inputs=_plain(args.props),
        protected=bool(args.opts.protect),
        provider=args.provider.name if args.provider is not None else None,
        config=args.get_config() or {},
    )


def objects(value: object) -> list[Mapping[str, Any]]:
    """The objects in a list; none if there is no list, or if it is not known yet."""
    return [item for item in value if isinstance(item, Mapping)] if isinstance(value, list) else []


def texts(value: object, path: str = "") -> Iterator[tuple[str, str]]:
    """Every text in a value, with its path."""
    if isinstance(value, str):
        yield path, value
    elif isinstance(value, Mapping):
        for key, item in value.items():
            yield from texts(item, f"{path}.{key}" if path else key)
    elif isinstance(value, list):
        for position, item in enumerate(value):
            yield from texts(item, f"{path}[{position}]")


def is_unknown(value: object) -> bool:
    """Whether a raw input is not known yet."""
    return _item(unknown_checking_proxy({"value": value}), "value") is UNKNOWN


def _plain(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {key: _item(value, key) for key in value}
    if isinstance(value, Sequence) and not isinstance(value, str | bytes):
        return [_item(value, position) for position in range(len(value))]
    return value


def _item(value: Any, key: Any) -> Any:
    try:
        return _plain(value[key])
    except UnknownValueError:
        return UNKNOWN

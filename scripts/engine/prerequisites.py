"""What the engine needs before it can work. Each check raises StackError with the fix."""

from __future__ import annotations

import json
import os
import re
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import yaml

from infra.settings import StackSettings
from infra.stack_config import read_stack_settings
from pipeline.platform.credentials import CredentialError
from pipeline.platform.databricks import WaitLimits, how_to_sign_in, sign_in, sign_in_to_account
from pipeline.platform.workspace_faults import FaultKind, fault_of
from scripts.engine import calls
from scripts.engine.calls import StackError, Verb

_OLDEST_ENGINE = (3, 250)
_VERSION = re.compile(r"^v?(\d+)\.(\d+)\.")
_WAITS = WaitLimits(request=10, retries=10)
"""A person waits, and only wants to know whether the engine could sign in."""


def settings_file(verb: Verb, stack: str) -> Path:
    """The stack's own file of settings. A stack may be named with its organisation, as acme/dev."""
    environments = sorted(file.name.split(".")[1] for file in calls.PROJECT.glob("Pulumi.*.yaml"))
    known = f"one of {', '.join(environments)}" if environments else "a stack, once there is its Pulumi.<stack>.yaml"
    if not stack:
        raise StackError(f"STACK is not set: say `make {verb} STACK=…` with {known}")
    name = environment_of(stack)
    if name not in environments:
        raise StackError(f"STACK is {stack!r}, of which there is no Pulumi.{name}.yaml: give {known}")
    return calls.PROJECT / f"Pulumi.{name}.yaml"


def environment_of(stack: str) -> str:
    """A stack's name without its organisation."""
    return stack.rpartition("/")[2]


def needs_passphrase(backend: str, file: Mapping[str, Any]) -> bool:
    """Whether a passphrase encrypts the stack's secrets. That is the default of every backend except the service."""
    provider = str(file.get("secretsprovider") or "")
    if provider or "encryptionsalt" in file:
        return provider in ("", "passphrase")
    return not backend.startswith(("https://", "http://"))


def check_engine() -> None:
    """The engine is installed and new enough."""
    oldest = ".".join(map(str, _OLDEST_ENGINE))
    if shutil.which("pulumi") is None:
        raise StackError(f"pulumi is not on the PATH: install version {oldest} or later")
    answer, refused = calls.ask("version")
    version = _VERSION.match(answer.strip())
    if refused or version is None:
        raise StackError(f"`pulumi version` prints no version: install version {oldest} or later again")
    if (int(version[1]), int(version[2])) < _OLDEST_ENGINE:
        raise StackError(f"pulumi is {answer.strip()}: install version {oldest} or later")


def backend() -> str:
    """The address of the backend that the engine is logged in to."""
    answer, refused = calls.ask("whoami", "--json")
    if refused:
        raise StackError(f"pulumi is not logged in ({refused}): run `pulumi login`, or set PULUMI_ACCESS_TOKEN")
    try:
        return str(json.loads(answer)["url"])
    except (ValueError, LookupError, TypeError):
        raise StackError("`pulumi whoami --json` names no backend: run `pulumi login` again") from None


def check_passphrase(backend: str, file: Path) -> None:
    """The passphrase of the stack's secrets is set, if they have one."""
    try:
        content = yaml.safe_load(file.read_text()) or {}
    except (OSError, UnicodeDecodeError, yaml.YAMLError):
        raise StackError(f"{file.name} can't be read as YAML: fix it, or restore it from git") from None
    if not isinstance(content, dict):
        raise StackError(f"{file.name} holds no settings: it should begin with `config:`")
    given = "PULUMI_CONFIG_PASSPHRASE" in os.environ or os.environ.get("PULUMI_CONFIG_PASSPHRASE_FILE")
    if needs_passphrase(backend, content) and not given:
        raise StackError(
            "PULUMI_CONFIG_PASSPHRASE_FILE is not set: set it to the file with the passphrase of this stack's secrets, "
            "or set PULUMI_CONFIG_PASSPHRASE"
        )


def select(verb: Verb, stack: str) -> None:
    """The stack exists. Only a destroy does not create it."""
    create = [] if verb is Verb.DESTROY else ["--create"]
    _, refused = calls.ask("stack", "select", "--stack", stack, *create)
    if refused:
        raise StackError(f"stack {stack} can't be selected ({refused}): `pulumi stack ls --all` lists the stacks")


def stack_settings(stack: str) -> StackSettings:
    """The stack's settings. Raises SettingsError for the first one that can't be used."""
    answer, refused = calls.ask("config", "--json", "--stack", stack)
    if refused:
        raise StackError(f"the settings of stack {stack} can't be read ({refused}): check Pulumi.yaml and its own file")
    config = json.loads(answer)
    # The engine prints no value of a secret, and none is needed.
    values = {key: str(entry["value"]) if entry.get("value") is not None else "" for key, entry in config.items()}
    secret_keys = {key for key, entry in config.items() if entry.get("secret")}
    return read_stack_settings(environment_of(stack), values, secret_keys)


def check_access(settings: StackSettings) -> None:
    """The caller can sign in to the workspace, or to the account in which it will be created."""
    exists = settings.workspace == "existing"
    host = settings.host if exists else settings.account_host
    place = f"the {'workspace' if exists else 'account'} at {host}"
    try:
        if exists:
            sign_in(host, waits=_WAITS).current_user.me()
        else:
            list(sign_in_to_account(host, settings.account_id, waits=_WAITS).workspaces.list())
    except CredentialError as error:
        raise StackError(str(error)) from None
    except Exception as error:
        fault = fault_of(error)
        match fault.kind:
            case FaultKind.UNKNOWN:
                raise
            # Everybody may ask who they are.
            case FaultKind.CREDENTIAL_REFUSED | FaultKind.NOT_PERMITTED:
                finding = f"{place} {FaultKind.CREDENTIAL_REFUSED}: {how_to_sign_in(host)}"
            case FaultKind.SIGN_IN_FAILED:
                finding = f"{fault.finding(place)} ({fault.text}): {how_to_sign_in(host)}"
            case FaultKind.UNREACHABLE:
                finding = f"{fault.finding(place)} ({fault.name}): check the address and the network"
            case _:
                finding = f"{place} can't say who you are ({fault.text}): check the address"
        raise StackError(finding) from None

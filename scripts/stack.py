"""Preview, deploy or remove one stack: the engine, once it is sure that it can work. Called by `make up STACK=dev`."""

from __future__ import annotations

import json
import logging
import os
import re
import shutil
import signal
import subprocess
import sys
from collections.abc import Mapping, Sequence
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any

import typer
import yaml

from infra.settings import StackSettings
from infra.stack_config import read_stack_settings
from pipeline.errors import OperatorError
from pipeline.redaction import scrub

PROJECT = Path(__file__).resolve().parents[1]
POLICY_PACK = "infra/policy"
OLDEST_ENGINE = (3, 250)
ENGINE_PATIENCE = 120.0
WORKSPACE_PATIENCE = 10

_VERSION = re.compile(r"^v?(\d+)\.(\d+)\.")
_CREDENTIALS = "DATABRICKS_TOKEN, or DATABRICKS_CLIENT_ID and DATABRICKS_CLIENT_SECRET"


class StackError(OperatorError):
    """The engine could not work: what is missing, and the fix."""


class Verb(StrEnum):
    PREVIEW = "preview"
    UP = "up"
    DESTROY = "destroy"


def settings_file(verb: Verb, stack: str) -> Path:
    """The stack's own file of settings. A stack may be named with its organisation, as acme/dev."""
    environments = sorted(file.name.split(".")[1] for file in PROJECT.glob("Pulumi.*.yaml"))
    there = f"one of {', '.join(environments)}" if environments else "a stack, once there is its Pulumi.<stack>.yaml"
    if not stack:
        raise StackError(f"STACK is not set: say `make {verb} STACK=…` with {there}")
    name = environment_of(stack)
    if name not in environments:
        raise StackError(f"STACK is {stack!r}, of which there is no Pulumi.{name}.yaml: give {there}")
    return PROJECT / f"Pulumi.{name}.yaml"


def environment_of(stack: str) -> str:
    return stack.rpartition("/")[2]


def needs_passphrase(backend: str, file: Mapping[str, Any]) -> bool:
    """Whether a passphrase encrypts the stack's secrets, as it does by default with every backend but the service."""
    provider = str(file.get("secretsprovider") or "")
    if provider or "encryptionsalt" in file:
        return provider in ("", "passphrase")
    return not backend.startswith(("https://", "http://"))


def command_line(verb: Verb, stack: str, *, protect: bool, yes: bool, more: Sequence[str] = ()) -> list[str]:
    command = ["pulumi", verb.value, "--stack", stack]
    if verb is not Verb.DESTROY:
        command += ["--policy-pack", POLICY_PACK]
    elif protect:
        # Without it the engine refuses to remove anything.
        command += ["--exclude-protected"]
    # A preview asks nothing, and does not know the option.
    if yes and verb is not Verb.PREVIEW:
        command += ["--yes"]
    return [*command, *more]


def deploy(verb: Verb, stack: str, *, yes: bool = False, more: Sequence[str] = ()) -> bool:
    """Let the engine work, after everything that it needs was found there. True where it succeeded."""
    file = settings_file(verb, stack)
    _check_engine()
    _check_passphrase(_backend(), file)
    _select(verb, stack)
    settings = _settings(stack)
    _check_access(settings)
    if verb is Verb.DESTROY and settings.protect:
        print(_what_stays(stack), file=sys.stderr)
    return _run(command_line(verb, stack, protect=settings.protect, yes=yes, more=more))


def _ask(*arguments: str) -> tuple[str, str]:
    """What the engine says to a question, and, where it refuses, why in one line."""
    environment = {**os.environ, "PULUMI_SKIP_UPDATE_CHECK": "true"}
    try:
        done = subprocess.run(
            ["pulumi", *arguments, "--non-interactive"],
            cwd=PROJECT,
            env=environment,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=ENGINE_PATIENCE,
            check=False,
        )
    except subprocess.TimeoutExpired:
        said = f"`pulumi {arguments[0]}` did not answer within {ENGINE_PATIENCE:.0f} s"
        raise StackError(f"{said}: check the network and the engine's backend") from None
    if done.returncode == 0:
        return done.stdout, ""
    lines = [line.strip() for line in done.stderr.splitlines() if line.strip()]
    reason = next((line for line in lines if line.startswith("error:")), lines[0] if lines else "")
    return done.stdout, scrub(reason.removeprefix("error:").strip()) or f"exit code {done.returncode}"


def _check_engine() -> None:
    oldest = ".".join(map(str, OLDEST_ENGINE))
    if shutil.which("pulumi") is None:
        raise StackError(f"pulumi is not on the PATH: install version {oldest} or later")
    told, refused = _ask("version")
    version = _VERSION.match(told.strip())
    if refused or version is None:
        raise StackError(f"`pulumi version` says no version: install version {oldest} or later anew")
    if (int(version[1]), int(version[2])) < OLDEST_ENGINE:
        raise StackError(f"pulumi is {told.strip()}: install version {oldest} or later")


def _backend() -> str:
    told, refused = _ask("whoami", "--json")
    if refused:
        raise StackError(f"pulumi is not logged in ({refused}): run `pulumi login`, or set PULUMI_ACCESS_TOKEN")
    try:
        return str(json.loads(told)["url"])
    except (ValueError, LookupError, TypeError):
        raise StackError("`pulumi whoami --json` names no backend: run `pulumi login` again") from None


def _check_passphrase(backend: str, file: Path) -> None:
    try:
        held = yaml.safe_load(file.read_text()) or {}
    except (OSError, UnicodeDecodeError, yaml.YAMLError):
        raise StackError(f"{file.name} can't be read as YAML: fix it, or restore it from git") from None
    if not isinstance(held, dict):
        raise StackError(f"{file.name} holds no settings: it should begin with `config:`")
    given = "PULUMI_CONFIG_PASSPHRASE" in os.environ or os.environ.get("PULUMI_CONFIG_PASSPHRASE_FILE")
    if needs_passphrase(backend, held) and not given:
        raise StackError(
            "PULUMI_CONFIG_PASSPHRASE_FILE is not set: set it to the file with the passphrase of this stack's secrets, "
            "or set PULUMI_CONFIG_PASSPHRASE"
        )


def _select(verb: Verb, stack: str) -> None:
    create = [] if verb is Verb.DESTROY else ["--create"]
    _, refused = _ask("stack", "select", "--stack", stack, *create)
    if refused:
        raise StackError(f"stack {stack} can't be had ({refused}): `pulumi stack ls --all` lists those there are")


def _settings(stack: str) -> StackSettings:
    told, refused = _ask("config", "--json", "--stack", stack)
    if refused:
        raise StackError(f"the settings of stack {stack} can't be read ({refused}): check Pulumi.yaml and its own file")
    config = json.loads(told)
    # A secret's value is not told, nor needed.
    values = {key: str(entry["value"]) if entry.get("value") is not None else "" for key, entry in config.items()}
    secret_keys = {key for key, entry in config.items() if entry.get("secret")}
    return read_stack_settings(environment_of(stack), values, secret_keys)


def _check_access(settings: StackSettings) -> None:
    """The caller can reach the workspace, or the account in which it is to be created."""
    from databricks.sdk import AccountClient, WorkspaceClient
    from databricks.sdk.core import Config
    from databricks.sdk.errors.base import DatabricksError
    from databricks.sdk.errors.platform import PermissionDenied, Unauthenticated

    logging.getLogger("databricks.sdk").setLevel(logging.CRITICAL)
    exists = settings.workspace == "existing"
    host = settings.host if exists else settings.account_host
    place = f"the {'workspace' if exists else 'account'} at {host}"
    fix = f"log in with `databricks auth login --host {host}`, or set {_CREDENTIALS}"
    try:
        config = Config(
            host=host,
            account_id=None if exists else settings.account_id,
            http_timeout_seconds=WORKSPACE_PATIENCE,
            retry_timeout_seconds=WORKSPACE_PATIENCE,
        )
        if exists:
            WorkspaceClient(config=config).current_user.me()
        else:
            list(AccountClient(config=config).workspaces.list())
    except (Unauthenticated, PermissionDenied):
        raise StackError(f"{place} does not accept your credentials: {fix}") from None
    except DatabricksError as error:
        raise StackError(f"{place} can't say who you are ({_first_line(error)}): check the address") from None
    except OSError:
        said = f"{place} did not answer within {WORKSPACE_PATIENCE} s"
        raise StackError(f"{said}: check the address and the network") from None
    except ValueError as error:
        if "cannot configure default credentials" in str(error):
            raise StackError(f"there are no credentials for {place}: {fix}") from None
        raise StackError(f"the credentials for {place} can't be used ({_first_line(error)}): {fix}") from None


def _first_line(error: Exception) -> str:
    """Of an error of the SDK, which may go on with its configuration."""
    lines = str(error).partition(". Config:")[0].splitlines()
    return scrub(lines[0])[:200] if lines else type(error).__name__


def _what_stays(stack: str) -> str:
    return (
        f"Stack {stack} protects what holds data (protect is true): catalog, schema, tables, volumes and the secret "
        "scope stay, as does a workspace it made.\n"
        f"To give them up as well: `pulumi state unprotect --all --stack {stack}`, then `make destroy STACK={stack}` "
        "again.\nThat takes them out of the stack and still leaves them where they are: delete them there."
    )


def _run(command: Sequence[str]) -> bool:
    # At Ctrl-C the terminal tells the engine too, which ends in order: to leave before it would orphan its work.
    interrupt = signal.signal(signal.SIGINT, lambda *_: None)
    engine = subprocess.Popen(command, cwd=PROJECT)
    terminate = signal.signal(signal.SIGTERM, lambda *_: engine.terminate())
    try:
        return engine.wait() == 0
    finally:
        signal.signal(signal.SIGINT, interrupt)
        signal.signal(signal.SIGTERM, terminate)


def main(
    verb: Verb,
    stack: Annotated[str, typer.Argument(help="The stack's name, of which there is a Pulumi.<stack>.yaml.")] = "",
    more: Annotated[list[str] | None, typer.Argument(help="More for the engine, after --.")] = None,
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask before anything is changed.")] = False,
) -> None:
    """Let the engine preview, deploy or remove a stack, after a check of what it needs.

    Exit code 0: done; 1: the engine failed, and said why; 2: something must be set right first.
    """
    if not deploy(verb, stack, yes=yes, more=more or []):
        raise typer.Exit(1)


if __name__ == "__main__":
    app = typer.Typer(add_completion=False, pretty_exceptions_enable=False)
    app.command()(main)
    try:
        app()
    except OperatorError as error:
        print(f"stack: {scrub(str(error))}", file=sys.stderr)
        raise SystemExit(2) from None

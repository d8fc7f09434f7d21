"""The outputs of a stack, as the program exports them and the scripts read them."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path

from pydantic import BaseModel, ConfigDict, ValidationError

from infra import engine
from pipeline.errors import OperatorError

_TIMEOUT = 120.0


class OutputsError(OperatorError):
    """A stack's outputs can't be read."""


class Outputs(BaseModel):
    """The places and names of everything in one environment; none is a secret. Empty: the stack does not have it."""

    model_config = ConfigDict(frozen=True, extra="ignore", protected_namespaces=())

    environment: str
    host: str
    """The workspace's address, as https://…"""
    job_id: str
    job_url: str
    trigger: str
    """continuous or triggered."""
    service_principal: str
    """Application id of the principal that the job runs as."""
    operators: str
    """Name of the operators' group, as the next one of the readers'."""
    readers: str
    secret_scope: str
    catalog: str
    schema_name: str
    bronze: str
    """catalog.schema.table, as the next four are."""
    silver: str
    quarantine: str
    feedback: str
    answers: str
    """The view: silver with the votes on each answer."""
    landing: str
    """Path of the landing volume, /Volumes/…"""
    storage: str
    """Path of the volume with the run's record, the journal and the checkpoints."""
    artifacts: str
    warehouse_id: str
    dashboard_url: str
    model: str
    model_source: str
    """databricks: a serving endpoint of the workspace; openai: a server at model_url, whose key is in the scope."""
    model_url: str
    """Address of the model's server: the setting openai_base_url, or the workspace's serving endpoints."""
    telegram_api_url: str
    aws_secrets: str
    """Prefix of the secrets' names in AWS Secrets Manager, if that is the source of truth."""
    aws_region: str
    smoke_chat: str
    """Id of the chat to which the answer to the smoke test's message is sent."""


def read_outputs(stack: str, file: Path | None = None) -> Outputs:
    """A stack's outputs, from the engine or from a file made by `pulumi stack output --json`. Raises OutputsError."""
    source = f"{file}" if file is not None else f"stack {stack}"
    text = _text_of(file) if file is not None else _text_of_engine(stack)
    try:
        found = json.loads(text)
        outputs = Outputs.model_validate(found if isinstance(found, dict) else {})
    except ValidationError as error:
        keys = ", ".join(str(fault["loc"][0]) for fault in error.errors(include_input=False)[:5])
        raise OutputsError(
            f"{source} lacks the outputs {keys}: run `make up STACK={stack}` with this version"
        ) from None
    except ValueError:
        raise OutputsError(f"{source} holds no JSON: give what `pulumi stack output --json` printed") from None
    # A stack may be named with its organisation, as acme/dev.
    if outputs.environment != stack.rpartition("/")[2]:
        raise OutputsError(f"{source} is of {outputs.environment!r}, not of {stack!r}: give the outputs of that stack")
    return outputs


def _text_of(file: Path) -> str:
    try:
        return file.read_text()
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "not text"
        raise OutputsError(f"--outputs {file} can't be read ({reason}): give a readable file") from None


def _text_of_engine(stack: str) -> str:
    try:
        answer, refused = engine.ask("stack", "output", "--json", "--stack", stack, within=_TIMEOUT)
    except FileNotFoundError:
        raise OutputsError("pulumi is not on the PATH: install it, or give --outputs FILE") from None
    except subprocess.TimeoutExpired:
        raise OutputsError(
            f"pulumi did not answer within {_TIMEOUT:.0f} s: check the network and its backend"
        ) from None
    if refused:
        raise OutputsError(
            f"the outputs of stack {stack} can't be read ({refused}): log in with `pulumi login`, check --stack"
        )
    return answer

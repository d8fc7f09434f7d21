"""The data of a deployment: a SQL warehouse and volumes of a Databricks workspace."""

from __future__ import annotations

import contextlib
import io
import logging
import time
from datetime import UTC, datetime
from string import Template
from typing import Any

import requests
from databricks.sdk import WorkspaceClient
from databricks.sdk.core import Config
from databricks.sdk.errors import NotFound, PermissionDenied, ResourceConflict, Unauthenticated
from databricks.sdk.errors.base import DatabricksError
from databricks.sdk.service.sql import (
    ExecuteStatementRequestOnWaitTimeout,
    StatementParameterListItem,
    StatementResponse,
    StatementState,
)

from infra.outputs import Outputs
from pipeline import __version__
from pipeline.errors import OperatorError
from pipeline.redaction import scrub
from pipeline.view.data import Lake, LakeError, Query, Value
from scripts.checks.suite import Fault

_HTTP_TIMEOUT = 30
_RETRY_WITHIN = 20
"""Seconds. The SDK's own five minutes are too long for somebody who waits for a verdict."""
_STATEMENT_WITHIN = 240.0
"""A warehouse may have to start first."""
_LOOK_EVERY = 1.0
_RUNNING = (StatementState.PENDING, StatementState.RUNNING)


def sign_in(host: str) -> WorkspaceClient:
    """A client for the workspace, as the SDK finds the caller. Raises OperatorError where it finds none."""
    # Its warnings would stand between the verdicts; what fails is told by the call that needs it.
    logging.getLogger("databricks.sdk").addHandler(logging.NullHandler())
    try:
        config = Config(
            host=host,
            http_timeout_seconds=_HTTP_TIMEOUT,
            retry_timeout_seconds=_RETRY_WITHIN,
            # Straight to the workspace: the files are small, and addresses of the cloud's own store may be closed.
            disable_experimental_files_api_client=True,
            product="telegram-lakehouse",
            product_version=__version__,
        )
        return WorkspaceClient(config=config)
    except ValueError:
        raise OperatorError(
            f"no credentials for {host}: log in with `databricks auth login --host {host}`, or set DATABRICKS_TOKEN"
        ) from None


def explain(error: Exception) -> Fault | None:
    """An error of the workspace, in words."""
    # A token that is not valid is answered by 403 too.
    if isinstance(error, Unauthenticated) or (isinstance(error, PermissionDenied) and "access token" in str(error)):
        return Fault("the workspace refuses the caller's credential", "log in anew, or set a valid DATABRICKS_TOKEN")
    if isinstance(error, PermissionDenied):
        return Fault(f"not allowed to the caller: {error}", "run it as a member of the operators' group")
    if isinstance(error, NotFound):
        return Fault(f"not there: {error}", "deploy it: make up")
    if isinstance(error, DatabricksError):
        return Fault(f"the workspace says: {error}", "see the text; try again later")
    if isinstance(error, ValueError) and "auth" in str(error):
        return Fault("the caller can't be signed in", "log in anew: databricks auth login")
    if isinstance(error, (requests.RequestException, TimeoutError, ConnectionError)):
        return Fault(
            f"the workspace can't be reached ({type(error).__name__})", "check the output `host` and the network"
        )
    return None


class WorkspaceLake(Lake):
    """The tables and volumes that a stack's outputs name."""

    def __init__(self, client: WorkspaceClient, outputs: Outputs) -> None:
        self._client = client
        self._outputs = outputs

    def ask(self, query: Query) -> list[dict[str, Any]]:
        names = {name: _quoted(getattr(self._outputs, name)) for name in ("bronze", "silver", "quarantine")}
        api, until = self._client.statement_execution, time.monotonic() + _STATEMENT_WITHIN
        response = api.execute_statement(
            Template(query.text).substitute(names),
            self._outputs.warehouse_id,
            parameters=[_parameter(name, value) for name, value in query.values.items()],
            wait_timeout="20s",
            on_wait_timeout=ExecuteStatementRequestOnWaitTimeout.CONTINUE,
        )
        statement = response.statement_id or ""
        while response.status and response.status.state in _RUNNING:
            if time.monotonic() > until:
                with contextlib.suppress(DatabricksError):
                    api.cancel_execution(statement)
                raise LakeError(
                    f"the SQL warehouse {self._outputs.warehouse_id} did not answer within {_STATEMENT_WITHIN:.0f} s: "
                    "see whether it starts"
                )
            time.sleep(_LOOK_EVERY)
            response = api.get_statement(statement)
        return self._rows(response)

    def _rows(self, response: StatementResponse) -> list[dict[str, Any]]:
        status, manifest = response.status, response.manifest
        if status is None or status.state is not StatementState.SUCCEEDED:
            said = status.error.message if status and status.error else "it was cancelled"
            raise LakeError(f"a query failed ({_first_line(said)}): check the tables and the caller's SELECT on them")
        columns = [str(c.name) for c in (manifest.schema.columns if manifest and manifest.schema else None) or []]
        rows: list[dict[str, Any]] = []
        part = response.result
        while part is not None:
            rows += [dict(zip(columns, values, strict=True)) for values in part.data_array or []]
            following = part.next_chunk_index
            part = (
                self._client.statement_execution.get_statement_result_chunk_n(response.statement_id or "", following)
                if following is not None
                else None
            )
        return rows

    def read(self, name: str) -> bytes | None:
        try:
            contents = self._client.files.download(f"{self._outputs.storage}/{name}").contents
        except NotFound:
            return None
        if contents is None:
            return b""
        with contents:
            return bytes(contents.read())

    def listed(self) -> list[str]:
        entries = self._client.files.list_directory_contents(self._outputs.landing)
        return [e.name for e in entries if e.name and not e.is_directory and e.name[0] not in "._"]

    def land(self, name: str, content: bytes) -> None:
        # The name has a digest of the content: what is there already is the same file, put by a call that was retried.
        with contextlib.suppress(ResourceConflict):
            self._client.files.upload(f"{self._outputs.landing}/{name}", io.BytesIO(content), overwrite=False)

    def take_back(self, name: str) -> None:
        with contextlib.suppress(NotFound):
            self._client.files.delete(f"{self._outputs.landing}/{name}")


def _parameter(name: str, value: Value) -> StatementParameterListItem:
    if isinstance(value, datetime):
        return StatementParameterListItem(name, "TIMESTAMP", value.astimezone(UTC).isoformat())
    if isinstance(value, int):
        # LIMIT takes no bigint.
        return StatementParameterListItem(name, "INT" if name == "most" else "BIGINT", str(value))
    return StatementParameterListItem(name, "STRING", value)


def _quoted(table: str) -> str:
    return ".".join(f"`{piece}`" for piece in table.split("."))


def _first_line(text: str | None) -> str:
    lines = (text or "no reason given").strip().splitlines()
    return scrub(lines[0])[:300] if lines else "no reason given"

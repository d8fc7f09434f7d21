"""The data of a deployment: a SQL warehouse and the volumes of a Databricks workspace."""

from __future__ import annotations

import contextlib
import io
import time
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from pipeline.redaction import scrub
from pipeline.view.data import DataView, ViewError
from pipeline.view.query import Query, Value, quoted

if TYPE_CHECKING:
    from databricks.sdk import WorkspaceClient
    from databricks.sdk.service.sql import StatementParameterListItem, StatementResponse

_STATEMENT_WITHIN = 240.0
"""Seconds. A warehouse may have to start first."""
_LOOK_EVERY = 1.0


class WarehouseView(DataView):
    """The tables and volumes of one deployment, as far as the client's user may read and write them."""

    def __init__(
        self, client: WorkspaceClient, *, warehouse_id: str, tables: Mapping[str, str], landing: str, storage: str
    ) -> None:
        """`tables`: the full name of each table, by its name in pipeline/tables.py. `landing` and `storage`: folders,
        as /Volumes/…"""
        self._client = client
        self._warehouse_id = warehouse_id
        self._tables = {name: quoted(full_name) for name, full_name in tables.items()}
        self._landing = landing
        self._storage = storage

    def ask(self, query: Query) -> list[dict[str, Any]]:
        from databricks.sdk.errors.base import DatabricksError
        from databricks.sdk.service.sql import ExecuteStatementRequestOnWaitTimeout, StatementState

        api, until = self._client.statement_execution, time.monotonic() + _STATEMENT_WITHIN
        response = api.execute_statement(
            query.sql(self._tables),
            self._warehouse_id,
            parameters=[_parameter(name, value) for name, value in query.values.items()],
            wait_timeout="20s",
            on_wait_timeout=ExecuteStatementRequestOnWaitTimeout.CONTINUE,
        )
        statement = response.statement_id or ""
        while response.status and response.status.state in (StatementState.PENDING, StatementState.RUNNING):
            if time.monotonic() > until:
                with contextlib.suppress(DatabricksError):
                    api.cancel_execution(statement)
                raise ViewError(
                    f"the SQL warehouse {self._warehouse_id} did not answer within {_STATEMENT_WITHIN:.0f} s: "
                    "check whether it starts"
                )
            time.sleep(_LOOK_EVERY)
            response = api.get_statement(statement)
        return self._rows(response)

    def _rows(self, response: StatementResponse) -> list[dict[str, Any]]:
        from databricks.sdk.service.sql import StatementState

        status, manifest = response.status, response.manifest
        if status is None or status.state is not StatementState.SUCCEEDED:
            reason = status.error.message if status and status.error else "it was cancelled"
            raise ViewError(f"a query failed ({_first_line(reason)}): check the tables and the caller's SELECT on them")
        columns = [str(c.name) for c in (manifest.schema.columns if manifest and manifest.schema else None) or []]
        rows: list[dict[str, Any]] = []
        chunk = response.result
        while chunk is not None:
            rows += [dict(zip(columns, values, strict=True)) for values in chunk.data_array or []]
            following = chunk.next_chunk_index
            chunk = (
                self._client.statement_execution.get_statement_result_chunk_n(response.statement_id or "", following)
                if following is not None
                else None
            )
        return rows

    def read_file(self, name: str) -> bytes | None:
        from databricks.sdk.errors import NotFound

        try:
            contents = self._client.files.download(f"{self._storage}/{name}").contents
        except NotFound:
            return None
        if contents is None:
            return b""
        with contents:
            return bytes(contents.read())

    def listed_files(self) -> list[str]:
        entries = self._client.files.list_directory_contents(self._landing)
        return [e.name for e in entries if e.name and not e.is_directory and e.name[0] not in "._"]

    def land(self, name: str, content: bytes) -> None:
        from databricks.sdk.errors import ResourceConflict

        # The name has a digest of the content: a file of this name is the same file, put by a call that was retried.
        with contextlib.suppress(ResourceConflict):
            self._client.files.upload(f"{self._landing}/{name}", io.BytesIO(content), overwrite=False)

    def take_back(self, name: str) -> None:
        from databricks.sdk.errors import NotFound

        with contextlib.suppress(NotFound):
            self._client.files.delete(f"{self._landing}/{name}")


def _parameter(name: str, value: Value) -> StatementParameterListItem:
    from databricks.sdk.service.sql import StatementParameterListItem

    if isinstance(value, datetime):
        return StatementParameterListItem(name, "TIMESTAMP", value.astimezone(UTC).isoformat())
    if isinstance(value, int):
        # LIMIT takes no bigint.
        return StatementParameterListItem(name, "INT" if name == "most" else "BIGINT", str(value))
    return StatementParameterListItem(name, "STRING", value)


def _first_line(text: str | None) -> str:
    lines = (text or "").strip().splitlines()
    return scrub(lines[0])[:300] if lines else "no reason given"

"""SQL statements: https://docs.databricks.com/api/workspace/statementexecution. They run on real Delta tables.

DataFusion gets the SQL unchanged, except for the names of tables and the values of parameters.
"""

from __future__ import annotations

import re
from datetime import datetime
from pathlib import Path
from typing import Any

import pyarrow as pa
from deltalake import DeltaTable, QueryBuilder
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from tests.support.workspace.errors import invalid, missing

Json = dict[str, Any]

_NAME = re.compile(r"`([^`]+)`\.`([^`]+)`\.`([^`]+)`")
_MARKER = re.compile(r":([a-z]\w*)")
_CHUNK = 2
"""Rows. So few that a client must ask for further chunks."""


class Statements:
    """The SQL warehouse of a workspace."""

    def __init__(self) -> None:
        self.warehouse_id = "warehouse1"
        self.tables: dict[str, Path] = {}
        """The path of each Delta table, by its full name."""
        self.looks_until_done = 0
        """How often a client must look before a statement has a result, as in a warehouse that is starting."""
        self.fails_with = ""
        self.executed: list[Json] = []
        self.cancelled: list[str] = []
        self._results: dict[str, Json] = {}
        self._looks: dict[str, int] = {}

    def routes(self) -> list[Route]:
        root = "/api/2.0/sql/statements"
        return [
            Route(root, self._execute, methods=["POST"]),
            Route(f"{root}/{{id}}", self._get),
            Route(f"{root}/{{id}}/cancel", self._cancel, methods=["POST"]),
            Route(f"{root}/{{id}}/result/chunks/{{index:int}}", self._chunk),
        ]

    async def _execute(self, request: Request) -> Response:
        body = await request.json()
        if body.get("warehouse_id") != self.warehouse_id:
            raise invalid(f"warehouse {body.get('warehouse_id')} does not exist")
        self.executed.append(body)
        name = f"statement-{len(self.executed)}"
        if self.fails_with:
            error = {"error_code": "BAD_REQUEST", "message": self.fails_with}
            return JSONResponse({"statement_id": name, "status": {"state": "FAILED", "error": error}})
        columns, rows = self._run(body["statement"], body.get("parameters", []))
        self._results[name] = {"columns": columns, "rows": rows}
        self._looks[name] = self.looks_until_done
        return self._state(name)

    async def _get(self, request: Request) -> Response:
        name = request.path_params["id"]
        if name not in self._results:
            raise missing(f"statement {name} does not exist")
        self._looks[name] -= 1
        return self._state(name)

    async def _cancel(self, request: Request) -> Response:
        self.cancelled.append(request.path_params["id"])
        return JSONResponse({})

    async def _chunk(self, request: Request) -> Response:
        return JSONResponse(self._part(request.path_params["id"], request.path_params["index"]))

    def _state(self, name: str) -> Response:
        if self._looks[name] > 0:
            return JSONResponse({"statement_id": name, "status": {"state": "PENDING"}})
        columns = self._results[name]["columns"]
        manifest = {
            "format": "JSON_ARRAY",
            "schema": {"column_count": len(columns), "columns": [{"name": column} for column in columns]},
        }
        done = {"state": "SUCCEEDED"}
        return JSONResponse({"statement_id": name, "status": done, "manifest": manifest, "result": self._part(name, 0)})

    def _part(self, name: str, index: int) -> Json:
        rows = self._results[name]["rows"]
        part: Json = {"chunk_index": index, "row_offset": index * _CHUNK}
        if rows:
            part["data_array"] = rows[index * _CHUNK : (index + 1) * _CHUNK]
        if (index + 1) * _CHUNK < len(rows):
            part["next_chunk_index"] = index + 1
        return part

    def _run(self, text: str, parameters: list[Json]) -> tuple[list[str], list[list[str | None]]]:
        values = {parameter["name"]: parameter for parameter in parameters}
        builder = QueryBuilder()
        for full_name in {".".join(match.groups()) for match in _NAME.finditer(text)}:
            if full_name not in self.tables:
                raise invalid(f"[TABLE_OR_VIEW_NOT_FOUND] {full_name}")
            builder.register(full_name.rpartition(".")[2], DeltaTable(self.tables[full_name]))
        sql = _MARKER.sub(lambda match: _literal(values[match[1]]), _NAME.sub(lambda match: match[3], text))
        found = pa.table(builder.execute(sql).read_all())
        return found.column_names, [[_as_text(value) for value in row.values()] for row in found.to_pylist()]


def _literal(parameter: Json) -> str:
    kind, value = parameter["type"], str(parameter["value"])
    if kind in ("INT", "BIGINT"):
        return str(int(value))
    text = "'" + value.replace("'", "''") + "'"
    return f"CAST({text} AS TIMESTAMP)" if kind == "TIMESTAMP" else text


def _as_text(value: Any) -> str | None:
    """A value as the API gives it: as text."""
    if isinstance(value, datetime):
        return value.isoformat(timespec="milliseconds").replace("+00:00", "Z")
    return None if value is None else str(value)

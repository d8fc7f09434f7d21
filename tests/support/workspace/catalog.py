"""Unity Catalog: the columns of tables, and the grants, which are inherited downwards."""

from __future__ import annotations

from collections import defaultdict

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from tests.support.workspace.errors import ApiError

_KINDS = ("catalog", "schema")


class UnityCatalog:
    """The catalogs of a workspace."""

    def __init__(self) -> None:
        self.tables: dict[str, dict[str, str]] = {}
        """Types of the columns, by the table's full name."""
        self.grants: dict[str, dict[str, set[str]]] = defaultdict(dict)
        """Privileges by principal, by the securable's full name."""

    def grant(self, full_name: str, principal: str, *privileges: str) -> None:
        self.grants[full_name].setdefault(principal, set()).update(privileges)

    def routes(self) -> list[Route]:
        root = "/api/2.1/unity-catalog"
        return [
            Route(f"{root}/tables/{{name}}", self._table),
            Route(f"{root}/effective-permissions/{{kind}}/{{name}}", self._effective),
        ]

    async def _table(self, request: Request) -> Response:
        name = request.path_params["name"]
        if name not in self.tables:
            raise ApiError(404, "TABLE_DOES_NOT_EXIST", f"Table '{name}' does not exist.")
        columns = [
            {"name": column, "type_text": kind, "type_name": kind.partition("<")[0].upper(), "position": position}
            for position, (column, kind) in enumerate(self.tables[name].items())
        ]
        return JSONResponse({"full_name": name, "table_type": "MANAGED", "columns": columns})

    async def _effective(self, request: Request) -> Response:
        kind, name = request.path_params["kind"], request.path_params["name"]
        if name not in self.grants:
            raise ApiError(404, f"{kind.upper()}_DOES_NOT_EXIST", f"{kind.title()} '{name}' does not exist.")
        pieces = name.split(".")
        held: dict[str, list[dict[str, str]]] = {}
        for depth in range(1, len(pieces) + 1):
            securable = ".".join(pieces[:depth])
            above = {} if depth == len(pieces) else {
                "inherited_from_type": _KINDS[depth - 1].upper(), "inherited_from_name": securable,
            }  # fmt: skip
            for principal, privileges in self.grants.get(securable, {}).items():
                held.setdefault(principal, []).extend({"privilege": p, **above} for p in sorted(privileges))
        assignments = [{"principal": principal, "privileges": privileges} for principal, privileges in held.items()]
        # A page may be empty and still have one after it.
        if request.query_params.get("max_results") is not None and "page_token" not in request.query_params:
            return JSONResponse({"next_page_token": "the-rest"})
        return JSONResponse({"privilege_assignments": assignments})

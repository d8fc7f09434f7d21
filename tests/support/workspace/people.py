"""Who calls: https://docs.databricks.com/api/workspace/currentuser."""

from __future__ import annotations

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route


class People:
    def routes(self) -> list[Route]:
        return [Route("/api/2.0/preview/scim/v2/Me", self._me)]

    async def _me(self, request: Request) -> Response:
        caller = request.state.caller
        return JSONResponse({"id": "1", "userName": caller, "displayName": caller, "active": True})

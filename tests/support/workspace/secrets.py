"""Secret scopes: https://docs.databricks.com/api/workspace/secrets. Values, their keys' times, and who may do what."""

from __future__ import annotations

import base64
import re
import time
from dataclasses import dataclass, field
from typing import Any

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from tests.support.workspace.errors import ApiError, denied, invalid, missing

_RIGHTS = ("READ", "WRITE", "MANAGE")
_NAME = re.compile(r"[\w.@-]{1,128}", re.ASCII)
_LARGEST = 128 * 1024


@dataclass
class Secret:
    value: bytes
    updated_at: int
    """Milliseconds since 1970."""


@dataclass
class SecretScope:
    secrets: dict[str, Secret] = field(default_factory=dict)
    acls: dict[str, str] = field(default_factory=dict)


class Secrets:
    """The scopes of a workspace."""

    def __init__(self) -> None:
        self.scopes: dict[str, SecretScope] = {}

    def give(self, scope: str, owner: str, **values: str) -> SecretScope:
        """A scope as `owner` created it. Underscores in the names of `values` stand for hyphens."""
        secrets = {key.replace("_", "-"): Secret(value.encode(), _now()) for key, value in values.items()}
        created = self.scopes[scope] = SecretScope(secrets, {owner: "MANAGE"})
        return created

    def value(self, scope: str, key: str) -> str | None:
        secret = self.scopes[scope].secrets.get(key)
        return secret.value.decode() if secret else None

    def routes(self) -> list[Route]:
        root = "/api/2.0/secrets"
        return [
            Route(f"{root}/scopes/create", self._create_scope, methods=["POST"]),
            Route(f"{root}/scopes/delete", self._delete_scope, methods=["POST"]),
            Route(f"{root}/scopes/list", self._list_scopes),
            Route(f"{root}/put", self._put, methods=["POST"]),
            Route(f"{root}/delete", self._delete, methods=["POST"]),
            Route(f"{root}/get", self._get),
            Route(f"{root}/list", self._list),
            Route(f"{root}/acls/put", self._put_acl, methods=["POST"]),
            Route(f"{root}/acls/delete", self._delete_acl, methods=["POST"]),
            Route(f"{root}/acls/get", self._get_acl),
            Route(f"{root}/acls/list", self._list_acls),
        ]

    async def _create_scope(self, request: Request) -> Response:
        name = _text(await request.json(), "scope")
        if name in self.scopes:
            raise ApiError(400, "RESOURCE_ALREADY_EXISTS", f"Scope {name} already exists!")
        self.scopes[name] = SecretScope(acls={request.state.caller: "MANAGE"})
        return JSONResponse({})

    async def _delete_scope(self, request: Request) -> Response:
        name = _text(await request.json(), "scope")
        self._scope(request, name, "MANAGE")
        del self.scopes[name]
        return JSONResponse({})

    async def _list_scopes(self, _request: Request) -> Response:
        return JSONResponse({"scopes": [{"name": name, "backend_type": "DATABRICKS"} for name in self.scopes]})

    async def _put(self, request: Request) -> Response:
        body = await request.json()
        key = _text(body, "key")
        if not _NAME.fullmatch(key):
            raise invalid(f"Secret key {key} is not valid")
        value = base64.b64decode(body["bytes_value"]) if "bytes_value" in body else _text(body, "string_value").encode()
        if len(value) > _LARGEST:
            raise ApiError(400, "MAX_SECRET_SIZE_EXCEEDED", "the secret is larger than 128 KB")
        scope = self._scope(request, _text(body, "scope"), "WRITE")
        scope.secrets[key] = Secret(value, _now())
        return JSONResponse({})

    async def _delete(self, request: Request) -> Response:
        body = await request.json()
        scope, key = self._scope(request, _text(body, "scope"), "WRITE"), _text(body, "key")
        _secret(scope, body["scope"], key)
        del scope.secrets[key]
        return JSONResponse({})

    async def _get(self, request: Request) -> Response:
        name, key = _text(request.query_params, "scope"), _text(request.query_params, "key")
        secret = _secret(self._scope(request, name, "READ"), name, key)
        return JSONResponse({"key": key, "value": base64.b64encode(secret.value).decode()})

    async def _list(self, request: Request) -> Response:
        scope = self._scope(request, _text(request.query_params, "scope"), "READ")
        found = [{"key": key, "last_updated_timestamp": secret.updated_at} for key, secret in scope.secrets.items()]
        return JSONResponse({"secrets": found} if found else {})

    async def _put_acl(self, request: Request) -> Response:
        body = await request.json()
        if body.get("permission") not in _RIGHTS:
            raise invalid("permission must be READ, WRITE or MANAGE")
        scope = self._scope(request, _text(body, "scope"), "MANAGE")
        scope.acls[_text(body, "principal")] = body["permission"]
        return JSONResponse({})

    async def _delete_acl(self, request: Request) -> Response:
        body = await request.json()
        scope, principal = self._scope(request, _text(body, "scope"), "MANAGE"), _text(body, "principal")
        if principal not in scope.acls:
            raise missing(f"Principal {principal} has no ACL in scope {body['scope']}")
        del scope.acls[principal]
        return JSONResponse({})

    async def _get_acl(self, request: Request) -> Response:
        name, principal = _text(request.query_params, "scope"), _text(request.query_params, "principal")
        scope = self._scope(request, name, "MANAGE")
        if principal not in scope.acls:
            raise missing(f"Principal {principal} has no ACL in scope {name}")
        return JSONResponse({"principal": principal, "permission": scope.acls[principal]})

    async def _list_acls(self, request: Request) -> Response:
        scope = self._scope(request, _text(request.query_params, "scope"), "MANAGE")
        items = [{"principal": principal, "permission": right} for principal, right in scope.acls.items()]
        return JSONResponse({"items": items})

    def _scope(self, request: Request, name: str, right: str) -> SecretScope:
        """The scope, if the caller has that right on it or a greater one."""
        scope = self.scopes.get(name)
        if scope is None:
            raise missing(f"Scope {name} does not exist!")
        held = scope.acls.get(request.state.caller, scope.acls.get("users"))
        if held is None or _RIGHTS.index(held) < _RIGHTS.index(right):
            raise denied(f"User {request.state.caller} does not have {right} permission on scope {name}")
        return scope


def _secret(scope: SecretScope, name: str, key: str) -> Secret:
    secret = scope.secrets.get(key)
    if secret is None:
        raise missing(f"Secret does not exist with scope: {name} and key: {key}")
    return secret


def _text(fields: Any, name: str) -> str:
    value = fields.get(name)
    if not isinstance(value, str) or not value:
        raise invalid(f"{name} must be given")
    return value


def _now() -> int:
    return int(time.time() * 1000)

"""The control API of tests, under /sandbox/: people's actions, scripted faults, and what the bot did."""

import json
from collections.abc import Awaitable, Callable
from typing import Any

from pydantic import BaseModel, ConfigDict, TypeAdapter
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from pipeline.sandbox.json_types import Json
from pipeline.sandbox.server import EscapedJson
from pipeline.sandbox.telegram.flood import Limits
from pipeline.sandbox.telegram.people.messages import UserMessage
from pipeline.sandbox.telegram.people.table import ACTIONS, PersonAction
from pipeline.sandbox.telegram.simulator import Telegram
from pipeline.sandbox.web.call_log import CallLog
from pipeline.sandbox.web.faults import Faults, ScriptedFault


class _Bulk(BaseModel):
    model_config = ConfigDict(extra="forbid")
    messages: list[UserMessage]


class _Token(BaseModel):
    token: str


class _UpdateIds(BaseModel):
    next_update_id: int


_UPDATES: TypeAdapter[list[Json]] = TypeAdapter(list[Json])
_LIMITS: TypeAdapter[Limits | None] = TypeAdapter(Limits | None)


class ControlApi:
    """Each route takes and returns JSON; a request that can't be carried out is answered with 400 and its reason."""

    def __init__(self, telegram: Telegram, faults: Faults, calls: CallLog) -> None:
        self._telegram = telegram
        self._faults = faults
        self._calls = calls
        self.routes = [
            Route("/sandbox/messages", self._post_message, methods=["POST"]),
            Route("/sandbox/messages/bulk", self._post_messages, methods=["POST"]),
            Route("/sandbox/messages/{chat_id:path}/{message_id:int}", self._delete_message, methods=["DELETE"]),
            Route("/sandbox/updates", self._post_updates, methods=["POST"]),
            Route("/sandbox/update_ids", self._post_update_ids, methods=["POST"]),
            Route("/sandbox/sent", self._sent, methods=["GET"]),
            Route("/sandbox/actions", self._actions, methods=["GET"]),
            Route("/sandbox/requests", self._requests, methods=["GET"]),
            Route("/sandbox/pending", self._pending, methods=["GET"]),
            Route("/sandbox/faults", self._edit_faults, methods=["GET", "POST", "DELETE"]),
            Route("/sandbox/token", self._post_token, methods=["POST"]),
            Route("/sandbox/limits", self._post_limits, methods=["POST"]),
            Route("/sandbox/chats", self._chats, methods=["GET"]),
            Route("/sandbox/chats/{chat_id:path}/messages", self._transcript, methods=["GET"]),
            *(
                Route(f"/sandbox/{action.path}", self._performing(action), methods=["POST"])
                for action in ACTIONS.values()
            ),
        ]

    # What people do

    async def _post_message(self, request: Request) -> Response:
        delivered = self._telegram.receive(UserMessage.model_validate(await _json(request)))
        return EscapedJson({"update_id": delivered.update_id, "message_id": delivered.message_id})

    async def _post_messages(self, request: Request) -> Response:
        delivered = self._telegram.receive_all(_Bulk.model_validate(await _json(request)).messages)
        return EscapedJson(
            {
                "update_ids": [each.update_id for each in delivered],
                "message_ids": [each.message_id for each in delivered],
            }
        )

    async def _delete_message(self, request: Request) -> Response:
        deleted = self._telegram.delete_message(int(request.path_params["chat_id"]), request.path_params["message_id"])
        return EscapedJson({"deleted": deleted}, status_code=200 if deleted else 404)

    def _performing(self, action: PersonAction) -> Callable[[Request], Awaitable[Response]]:
        async def perform(request: Request) -> Response:
            return EscapedJson(self._telegram.perform(action, action.model.model_validate(await _json(request))))

        return perform

    # What a test sets

    async def _post_updates(self, request: Request) -> Response:
        body = await _json(request)
        updates = _UPDATES.validate_python(body if isinstance(body, list) else [body])
        filtered = request.query_params.get("filtered", "") in ("1", "true")
        ids = [self._telegram.inject(update, filtered=filtered) for update in updates]
        return EscapedJson({"update_ids": ids})

    async def _post_update_ids(self, request: Request) -> Response:
        self._telegram.skip_update_ids(_UpdateIds.model_validate(await _json(request)).next_update_id)
        return EscapedJson({"ok": True})

    async def _post_token(self, request: Request) -> Response:
        self._telegram.rotate_token(_Token.model_validate(await _json(request)).token)
        return EscapedJson({"ok": True})

    async def _post_limits(self, request: Request) -> Response:
        self._telegram.limits = _LIMITS.validate_python(await _json(request))
        return EscapedJson({"ok": True})

    async def _edit_faults(self, request: Request) -> Response:
        if request.method == "POST":
            self._faults.add(ScriptedFault.model_validate(await _json(request)))
        elif request.method == "DELETE":
            self._faults.clear()
        return EscapedJson({"faults": self._faults.as_json()})

    # What a test looks at

    async def _sent(self, request: Request) -> Response:
        return EscapedJson(self._telegram.sent(int(request.query_params.get("since", "0"))))

    async def _actions(self, _: Request) -> Response:
        return EscapedJson(self._telegram.actions())

    async def _requests(self, _: Request) -> Response:
        return EscapedJson(self._calls.as_json())

    async def _pending(self, _: Request) -> Response:
        return EscapedJson({"pending": self._telegram.pending()})

    async def _chats(self, _: Request) -> Response:
        return EscapedJson(self._telegram.chats())

    async def _transcript(self, request: Request) -> Response:
        return EscapedJson(self._telegram.transcript(int(request.path_params["chat_id"])))


async def _json(request: Request) -> Any:
    return json.loads(await request.body() or b"null")

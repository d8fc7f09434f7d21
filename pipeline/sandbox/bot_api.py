"""The Bot API over a simulated Telegram, the control API of the tests under /sandbox/, and the chat page."""

import asyncio
import json
from collections import Counter, deque
from collections.abc import AsyncIterator, Mapping
from email.parser import BytesParser
from email.policy import HTTP
from http import HTTPStatus
from importlib.resources import files
from typing import Annotated, Any, Literal
from urllib.parse import parse_qsl

from pydantic import BaseModel, ConfigDict, Field, TypeAdapter, ValidationError
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import HTMLResponse, Response, StreamingResponse
from starlette.routing import Route

from pipeline.sandbox.server import EscapedJson, close_connection, disconnected
from pipeline.sandbox.telegram import BotApiError, Delivered, Json, Limits, Telegram, UserMessage

_OFFSETS_KEPT = 1000
_HEARTBEAT = 15.0


class Fault(BaseModel):
    """What goes wrong with calls of a method: after `after` matching calls, `times` times (0: until cleared)."""

    model_config = ConfigDict(extra="forbid")

    method: str = Field(description="The method's name, or * for every one.")
    kind: Literal["lost_response", "lost_request", "status", "delay", "hang", "garbage"]
    times: int = Field(default=1, ge=0)
    after: int = Field(default=0, ge=0)
    chat_id: int | None = None
    status: Annotated[int, Field(ge=400, le=599)] = 500
    description: str | None = None
    parameters: Json | None = None
    seconds: float = Field(default=1.0, ge=0)

    @property
    def said(self) -> str:
        """The description, or the server's own for the status."""
        if self.description is not None:
            return self.description
        phrase = HTTPStatus(self.status).phrase if self.status in set(HTTPStatus) else "Unknown Error"
        wait = (self.parameters or {}).get("retry_after")
        return phrase if wait is None else f"{phrase}: retry after {wait}"


class _ActiveFault:
    def __init__(self, fault: Fault) -> None:
        self.fault = fault
        self.skipped = 0
        self.applied = 0

    def strikes(self, method: str, parameters: Mapping[str, Any]) -> bool:
        fault = self.fault
        if fault.method != "*" and fault.method.lower() != method.lower():
            return False
        if fault.chat_id is not None and str(parameters.get("chat_id")) != str(fault.chat_id):
            return False
        if fault.times and self.applied >= fault.times:
            return False
        if self.skipped < fault.after:
            self.skipped += 1
            return False
        self.applied += 1
        return True

    def as_json(self) -> Json:
        return self.fault.model_dump(exclude_none=True) | {"applied": self.applied}


class _Bulk(BaseModel):
    model_config = ConfigDict(extra="forbid")
    messages: list[UserMessage]


class _Token(BaseModel):
    token: str


class _Block(BaseModel):
    chat_id: int
    blocked: bool = True


class _Migration(BaseModel):
    chat_id: int
    new_chat_id: int


class _Topic(BaseModel):
    chat_id: int
    message_thread_id: int
    name: str = "Topic"


class _UpdateIds(BaseModel):
    next_update_id: int


_UPDATES: TypeAdapter[list[Json]] = TypeAdapter(list[Json])
_LIMITS: TypeAdapter[Limits | None] = TypeAdapter(Limits | None)


class BotApi:
    """The application over one `Telegram`; hand `app` to `pipeline.sandbox.server.serve`."""

    def __init__(self, telegram: Telegram) -> None:
        self.telegram = telegram
        self._faults: list[_ActiveFault] = []
        self._calls: dict[str, Counter[str]] = {}
        self._offsets: deque[int | None] = deque(maxlen=_OFFSETS_KEPT)
        self.app = Starlette(
            routes=[
                Route("/", self._page, methods=["GET"]),
                Route("/bot{token}/{method}", self._bot, methods=["GET", "POST"]),
                Route("/sandbox/messages", self._post_message, methods=["POST"]),
                Route("/sandbox/messages/bulk", self._post_messages, methods=["POST"]),
                Route(
                    "/sandbox/messages/{chat_id:path}/{message_id:int}",
                    self._delete_message,
                    methods=["DELETE"],
                ),
                Route("/sandbox/updates", self._post_updates, methods=["POST"]),
                Route("/sandbox/update_ids", self._post_update_ids, methods=["POST"]),
                Route("/sandbox/sent", self._sent, methods=["GET"]),
                Route("/sandbox/actions", self._actions, methods=["GET"]),
                Route("/sandbox/requests", self._requests, methods=["GET"]),
                Route("/sandbox/pending", self._pending, methods=["GET"]),
                Route("/sandbox/faults", self._fault, methods=["GET", "POST", "DELETE"]),
                Route("/sandbox/token", self._token, methods=["POST"]),
                Route("/sandbox/block", self._block, methods=["POST"]),
                Route("/sandbox/migrate", self._migrate, methods=["POST"]),
                Route("/sandbox/topics", self._topics, methods=["POST"]),
                Route("/sandbox/limits", self._limits, methods=["POST"]),
                Route("/sandbox/chats", self._chats, methods=["GET"]),
                Route("/sandbox/chats/{chat_id:path}/messages", self._transcript, methods=["GET"]),
                Route("/sandbox/events", self._events, methods=["GET"]),
                Route("/{path:path}", self._not_found, methods=["GET", "POST", "DELETE"]),
            ],
            exception_handlers={ValidationError: _refuse, ValueError: _refuse, KeyError: _refuse},
        )

    def add_fault(self, fault: Fault) -> None:
        """Faults are tried in the order in which they were added; the first that matches a call strikes."""
        self._faults.append(_ActiveFault(fault))

    def clear_faults(self) -> None:
        self._faults.clear()

    # The Bot API

    async def _bot(self, request: Request) -> Response:
        method = request.path_params["method"]
        name = method.lower()
        counter = self._calls.setdefault(method, Counter())
        counter["calls"] += 1
        try:
            self.telegram.authorize(request.path_params["token"])
            parameters = await _parameters(request)
            if name == "getupdates":
                self._offsets.append(_offset(parameters))
            fault = self._struck(method, parameters)
            if fault is not None and fault.kind == "delay":
                counter["delayed"] += 1
                await asyncio.sleep(fault.seconds)
            elif fault is not None and fault.kind != "lost_response":
                if fault.kind != "status":
                    counter[fault.kind] += 1
                return await self._fail(request, fault, counter)
            result = await self._carry_out(request, name, parameters)
            if fault is not None and fault.kind == "lost_response":
                counter[fault.kind] += 1
                await close_connection(request)
                return Response()
        except BotApiError as error:
            counter[str(error.error_code)] += 1
            return _error(error)
        counter["200"] += 1
        return EscapedJson({"ok": True, "result": result})

    async def _carry_out(self, request: Request, name: str, parameters: Mapping[str, Any]) -> Any:
        if name != "getupdates":
            return self.telegram.call(name, parameters)
        poll, seconds = self.telegram.start_poll(parameters)
        if not poll.future.done():
            gone = asyncio.create_task(disconnected(request))
            answered = asyncio.wrap_future(poll.future)
            waiting: set[asyncio.Future[Any]] = {gone, answered}
            try:
                await asyncio.wait(waiting, timeout=seconds, return_when=asyncio.FIRST_COMPLETED)
            finally:
                gone.cancel()
                self.telegram.finish_poll(poll)
        return poll.future.result()

    def _struck(self, method: str, parameters: Mapping[str, Any]) -> Fault | None:
        for active in self._faults:
            if active.strikes(method, parameters):
                return active.fault
        return None

    async def _fail(self, request: Request, fault: Fault, counter: Counter[str]) -> Response:
        if fault.kind == "status":
            counter[str(fault.status)] += 1
            return _error(BotApiError(fault.status, fault.said, fault.parameters))
        if fault.kind == "garbage":
            return Response("<html>this is no JSON</html>", media_type="text/html")
        if fault.kind == "hang":
            await disconnected(request)
        else:
            await close_connection(request)
        return Response()

    async def _not_found(self, _: Request) -> Response:
        return _error(BotApiError(404, "Not Found"))

    # The control API

    async def _post_message(self, request: Request) -> Response:
        delivered = self.telegram.receive(UserMessage.model_validate(await _json(request)))
        return EscapedJson({"update_id": delivered.update_id, "message_id": delivered.message_id})

    async def _post_messages(self, request: Request) -> Response:
        messages = _Bulk.model_validate(await _json(request)).messages
        delivered: list[Delivered] = self.telegram.receive_all(messages)
        return EscapedJson(
            {
                "update_ids": [each.update_id for each in delivered],
                "message_ids": [each.message_id for each in delivered],
            }
        )

    async def _post_updates(self, request: Request) -> Response:
        body = await _json(request)
        updates = _UPDATES.validate_python(body if isinstance(body, list) else [body])
        filtered = request.query_params.get("filtered", "") in ("1", "true")
        ids = [self.telegram.inject(update, filtered=filtered) for update in updates]
        return EscapedJson({"update_ids": ids})

    async def _post_update_ids(self, request: Request) -> Response:
        self.telegram.skip_update_ids(_UpdateIds.model_validate(await _json(request)).next_update_id)
        return EscapedJson({"ok": True})

    async def _delete_message(self, request: Request) -> Response:
        deleted = self.telegram.delete_message(int(request.path_params["chat_id"]), request.path_params["message_id"])
        return EscapedJson({"deleted": deleted}, status_code=200 if deleted else 404)

    async def _sent(self, request: Request) -> Response:
        return EscapedJson(self.telegram.sent(int(request.query_params.get("since", "0"))))

    async def _actions(self, _: Request) -> Response:
        return EscapedJson(self.telegram.actions())

    async def _requests(self, _: Request) -> Response:
        methods = {method: counter["calls"] for method, counter in self._calls.items()}
        outcomes = {
            method: {outcome: n for outcome, n in counter.items() if outcome != "calls"}
            for method, counter in self._calls.items()
        }
        statuses: Counter[str] = Counter()
        for counts in outcomes.values():
            statuses.update(counts)
        return EscapedJson(
            {
                "methods": methods,
                "statuses": statuses,
                "outcomes": outcomes,
                "offsets": list(self._offsets),
            }
        )

    async def _pending(self, _: Request) -> Response:
        return EscapedJson({"pending": self.telegram.pending()})

    async def _fault(self, request: Request) -> Response:
        if request.method == "POST":
            self.add_fault(Fault.model_validate(await _json(request)))
        elif request.method == "DELETE":
            self.clear_faults()
        return EscapedJson({"faults": [active.as_json() for active in self._faults]})

    async def _token(self, request: Request) -> Response:
        self.telegram.rotate_token(_Token.model_validate(await _json(request)).token)
        return EscapedJson({"ok": True})

    async def _block(self, request: Request) -> Response:
        block = _Block.model_validate(await _json(request))
        return EscapedJson({"update_id": self.telegram.block(block.chat_id, block.blocked)})

    async def _migrate(self, request: Request) -> Response:
        migration = _Migration.model_validate(await _json(request))
        self.telegram.migrate(migration.chat_id, migration.new_chat_id)
        return EscapedJson({"ok": True})

    async def _topics(self, request: Request) -> Response:
        topic = _Topic.model_validate(await _json(request))
        self.telegram.create_topic(topic.chat_id, topic.message_thread_id, topic.name)
        return EscapedJson({"ok": True})

    async def _limits(self, request: Request) -> Response:
        self.telegram.limits = _LIMITS.validate_python(await _json(request))
        return EscapedJson({"ok": True})

    async def _chats(self, _: Request) -> Response:
        return EscapedJson(self.telegram.chats())

    async def _transcript(self, request: Request) -> Response:
        return EscapedJson(self.telegram.transcript(int(request.path_params["chat_id"])))

    async def _events(self, _: Request) -> Response:
        loop = asyncio.get_running_loop()
        events: asyncio.Queue[Json] = asyncio.Queue()

        def listener(event: Json) -> None:
            loop.call_soon_threadsafe(events.put_nowait, event)

        async def stream() -> AsyncIterator[str]:
            end = self.telegram.listen(listener)
            try:
                yield ": open\n\n"
                while True:
                    try:
                        event = await asyncio.wait_for(events.get(), _HEARTBEAT)
                    except TimeoutError:
                        yield ": still here\n\n"
                    else:
                        yield f"event: {event['type']}\ndata: {json.dumps(event)}\n\n"
            finally:
                end()

        return StreamingResponse(stream(), media_type="text/event-stream", headers={"Cache-Control": "no-store"})

    async def _page(self, _: Request) -> Response:
        return HTMLResponse(files("pipeline.sandbox").joinpath("chat.html").read_text("utf-8"))


def create_app(telegram: Telegram) -> Starlette:
    """The application over this Telegram."""
    return BotApi(telegram).app


def _error(error: BotApiError) -> Response:
    body: Json = {"ok": False, "error_code": error.error_code, "description": error.description}
    headers = {}
    if error.parameters:
        body["parameters"] = error.parameters
        if "retry_after" in error.parameters:
            headers["Retry-After"] = str(error.parameters["retry_after"])
    return EscapedJson(body, status_code=error.error_code, headers=headers)


async def _refuse(_: Request, error: Exception) -> Response:
    return EscapedJson({"detail": str(error)}, status_code=400)


async def _json(request: Request) -> Any:
    return json.loads(await request.body() or b"null")


async def _parameters(request: Request) -> Json:
    """Parameters from the query string and the body, in any of the four ways the Bot API takes them."""
    parameters: Json = dict(parse_qsl(request.url.query, keep_blank_values=True))
    body = await request.body()
    if not body:
        return parameters
    content_type = request.headers.get("content-type", "").lower()
    if content_type.startswith("application/json"):
        try:
            given = json.loads(body)
        except ValueError:
            raise BotApiError(400, "Bad Request: can't parse JSON object") from None
        if not isinstance(given, dict):
            raise BotApiError(400, "Bad Request: expected an Object as the request's body")
        return parameters | given
    if content_type.startswith("application/x-www-form-urlencoded"):
        return parameters | dict(
            parse_qsl(body.decode("utf-8", "surrogateescape"), keep_blank_values=True, errors="surrogateescape")
        )
    if content_type.startswith("multipart/form-data"):
        return parameters | _multipart(request.headers["content-type"], body)
    return parameters


def _multipart(content_type: str, body: bytes) -> Json:
    parsed = BytesParser(policy=HTTP).parsebytes(b"Content-Type: " + content_type.encode() + b"\r\n\r\n" + body)
    fields: Json = {}
    for part in parsed.iter_parts():
        name = part.get_param("name", header="content-disposition")
        content = part.get_payload(decode=True)
        if name and isinstance(content, bytes):
            fields[str(name)] = content.decode("utf-8", "surrogateescape")
    return fields


def _offset(parameters: Mapping[str, Any]) -> int | None:
    try:
        return int(parameters["offset"])
    except (KeyError, TypeError, ValueError):
        return None

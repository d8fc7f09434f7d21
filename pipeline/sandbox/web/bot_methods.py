"""The Bot API: /bot<token>/<method>, and the faults that tests script for it."""

import asyncio
from collections.abc import Mapping
from typing import Any

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from pipeline.sandbox.json_types import Json
from pipeline.sandbox.server import EscapedJson, close_connection, disconnected, reset_connection
from pipeline.sandbox.telegram.errors import MethodError
from pipeline.sandbox.telegram.methods.table import MethodAnswer
from pipeline.sandbox.telegram.simulator import Telegram
from pipeline.sandbox.web.call_log import CallLog
from pipeline.sandbox.web.faults import CARRIED_OUT, DELAYED, Faults, ScriptedFault
from pipeline.sandbox.web.request_parameters import read_parameters


class BotMethods:
    """The methods of one simulated Telegram. Lives in the server's event loop, like its faults and its log."""

    def __init__(self, telegram: Telegram, faults: Faults, calls: CallLog) -> None:
        self._telegram = telegram
        self._faults = faults
        self._calls = calls
        self.routes = [Route("/bot{token}/{method}", self._call, methods=["GET", "POST"])]

    async def _call(self, request: Request) -> Response:
        method = request.path_params["method"]
        self._calls.began(method)
        try:
            self._telegram.authorize(request.path_params["token"])
            parameters = await read_parameters(request)
            if method.lower() == "getupdates":
                self._calls.polled(parameters)
            fault = self._faults.strike(method, parameters)
            if fault is not None and fault.kind in DELAYED:
                self._calls.ended(method, "delayed")
                await asyncio.sleep(fault.seconds)
            elif fault is not None and fault.kind not in CARRIED_OUT:
                return await self._fail(request, method, fault)
            answer = await self._carry_out(request, method, parameters)
            if fault is not None and fault.kind in CARRIED_OUT:
                return await self._break_off(request, method, fault)
        except MethodError as error:
            self._calls.ended(method, str(error.error_code))
            return error_response(error)
        self._calls.ended(method, "200")
        body = {"ok": True, "result": answer.result}
        return EscapedJson(body if answer.description is None else body | {"description": answer.description})

    async def _carry_out(self, request: Request, method: str, parameters: Mapping[str, Any]) -> MethodAnswer:
        if method.lower() != "getupdates":
            return self._telegram.answer(method, parameters)
        poll, seconds = self._telegram.start_poll(parameters)
        if not poll.future.done():
            gone = asyncio.create_task(disconnected(request))
            answered = asyncio.wrap_future(poll.future)
            # Its error is raised below; asyncio would print it too if nobody had looked at it here.
            answered.add_done_callback(lambda ended: ended.cancelled() or ended.exception())
            waiting: set[asyncio.Future[Any]] = {gone, answered}
            try:
                await asyncio.wait(waiting, timeout=seconds, return_when=asyncio.FIRST_COMPLETED)
            finally:
                gone.cancel()
                self._telegram.finish_poll(poll)
        return MethodAnswer(poll.future.result())

    async def _fail(self, request: Request, method: str, fault: ScriptedFault) -> Response:
        """Fail a call that is not carried out."""
        if fault.kind == "hang":
            self._calls.ended(method, fault.kind)
            await disconnected(request)
            return Response()
        if fault.kind in ("lost_request", "reset_before"):
            return await self._break_off(request, method, fault)
        if fault.kind in ("html", "garbage"):
            self._calls.ended(method, fault.kind)
            return _page_of_a_proxy(fault)
        raise MethodError(fault.error_code, fault.status_description, fault.response_parameters)

    async def _break_off(self, request: Request, method: str, fault: ScriptedFault) -> Response:
        """End the connection without a response."""
        self._calls.ended(method, fault.kind)
        await (reset_connection if fault.kind.startswith("reset") else close_connection)(request)
        return Response()


def _page_of_a_proxy(fault: ScriptedFault) -> Response:
    if fault.kind == "garbage":
        return Response("<html>this is no JSON</html>", media_type="text/html")
    title = f"{fault.error_code} {fault.phrase}"
    page = f"<html><head><title>{title}</title></head><body><center><h1>{title}</h1></center></body></html>"
    return Response(page, status_code=fault.error_code, media_type="text/html")


def error_response(error: MethodError) -> Response:
    """The Bot API's own form of an error."""
    body: Json = {"ok": False, "error_code": error.error_code, "description": error.description}
    headers = {}
    if error.parameters:
        body["parameters"] = error.parameters
        if "retry_after" in error.parameters:
            headers["Retry-After"] = str(error.parameters["retry_after"])
    return EscapedJson(body, status_code=error.error_code, headers=headers)

"""The web application over one simulated Telegram."""

from pydantic import ValidationError
from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from pipeline.sandbox.server import EscapedJson, in_one_line, refuse_request
from pipeline.sandbox.telegram.errors import MethodError
from pipeline.sandbox.telegram.simulator import Telegram
from pipeline.sandbox.web.bot_methods import BotMethods, error_response
from pipeline.sandbox.web.call_log import CallLog
from pipeline.sandbox.web.chat_page import ChatPage
from pipeline.sandbox.web.control.api import ControlApi
from pipeline.sandbox.web.control.guard import Guard
from pipeline.sandbox.web.control.table import Controlled
from pipeline.sandbox.web.faults import Faults
from pipeline.sandbox.web.files import Downloads
from pipeline.sandbox.web.webhook_sender import Attached, WebhookSender


def create_app(telegram: Telegram, host: str = "127.0.0.1") -> Starlette:
    """The Bot API, the control API and the chat page; hand it to `pipeline.sandbox.server.serve`.

    `host`: the address that it will be served at; others are refused for all but the Bot API.
    """
    faults, calls = Faults(), CallLog()
    return Starlette(
        routes=[
            *ChatPage(telegram).routes,
            *BotMethods(telegram, faults, calls).routes,
            *Downloads(telegram).routes,
            *ControlApi(Controlled(telegram, faults, calls)).routes,
            Route("/{path:path}", _not_found, methods=["GET", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"]),
        ],
        middleware=[
            Middleware(Guard, host=host),
            Middleware(Attached, sender=WebhookSender(telegram, calls)),
        ],
        exception_handlers={
            **dict.fromkeys((ValidationError, ValueError, KeyError), _refuse),
            Exception: _fail,
        },
    )


async def _refuse(request: Request, error: Exception) -> Response:
    """400 for a request to the control API that can't be carried out. A method says MethodError where it can't be."""
    return await (_fail if _is_of_bot(request) else refuse_request)(request, error)


async def _fail(request: Request, error: Exception) -> Response:
    """500 for an error of the simulator itself, in the form that the caller reads."""
    reason = f"{type(error).__name__}: {in_one_line(error)}"
    if _is_of_bot(request):
        return error_response(MethodError(500, f"Internal Server Error: {reason}"))
    return EscapedJson({"detail": f"the sandbox failed: {reason}"}, status_code=500)


def _is_of_bot(request: Request) -> bool:
    return request.url.path.startswith(("/bot", "/file/bot"))


async def _not_found(_: Request) -> Response:
    return error_response(MethodError(404, "Not Found"))

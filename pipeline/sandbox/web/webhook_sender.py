"""Carries updates to the bot's webhook: https://core.telegram.org/bots/api#setwebhook."""

import asyncio
import json
import ssl
from contextlib import suppress

import httpx
from starlette.requests import Request
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from pipeline.sandbox.telegram.delivery.webhook import Delivery, WebhookSettings
from pipeline.sandbox.telegram.errors import MethodError
from pipeline.sandbox.telegram.simulator import Telegram
from pipeline.sandbox.web.call_log import CallLog
from pipeline.sandbox.web.request_parameters import read_parameters

_TIMEOUT = httpx.Timeout(60.0, connect=10.0)
_NOT_IN_A_RESPONSE = frozenset({"setwebhook", "deletewebhook", "close", "logout"})


class WebhookSender:
    """Sends what is due while a webhook is set. Lives in the server's event loop."""

    def __init__(self, telegram: Telegram, calls: CallLog) -> None:
        self._telegram = telegram
        self._calls = calls
        self._loop: asyncio.AbstractEventLoop | None = None
        self._due = asyncio.Event()
        self._task: asyncio.Task[None] | None = None
        telegram.watch_webhook(self._news)

    def attach(self) -> None:
        """Send from the running event loop from now on."""
        loop = asyncio.get_running_loop()
        if loop is not self._loop:
            self._loop, self._due, self._task = loop, asyncio.Event(), None
            self._start_or_wake()

    def _news(self) -> None:
        """From any thread."""
        if self._loop is not None:
            # The loop's server may have stopped.
            with suppress(RuntimeError):
                self._loop.call_soon_threadsafe(self._start_or_wake)

    def _start_or_wake(self) -> None:
        self._due.set()
        if self._telegram.webhook is not None and (self._task is None or self._task.done()):
            self._task = asyncio.create_task(self._run())

    async def _run(self) -> None:
        """Send until no webhook is set."""
        while (settings := self._telegram.webhook) is not None:
            async with _client(settings) as client, asyncio.TaskGroup() as group:
                under_way: set[asyncio.Task[None]] = set()
                while self._telegram.webhook == settings:
                    self._due.clear()
                    deliveries, wait = self._telegram.take_deliveries()
                    for delivery in deliveries:
                        request = group.create_task(self._deliver(client, delivery))
                        under_way.add(request)
                        request.add_done_callback(under_way.discard)
                    with suppress(TimeoutError):
                        await asyncio.wait_for(self._due.wait(), wait)
                # What an earlier webhook answers has no effect, so nobody waits for it.
                for request in under_way:
                    request.cancel()

    async def _deliver(self, client: httpx.AsyncClient, delivery: Delivery) -> None:
        try:
            response = await client.send(_request(client, delivery))
        except (httpx.HTTPError, httpx.InvalidURL, OSError, ValueError) as error:
            self._telegram.delivery_failed(delivery, _reason(error))
            return
        if response.is_success:
            # Nobody is told the result, and nothing in a response may end the deliveries.
            with suppress(Exception):
                await self._carry_out(response)
            self._telegram.delivery_succeeded(delivery)
            return
        error_text = f"Wrong response from the webhook: {response.status_code} {response.reason_phrase}"
        retry_after = response.headers.get("retry-after", "")
        self._telegram.delivery_failed(
            delivery, error_text, response.status_code, float(retry_after) if retry_after.isdecimal() else 0.0
        )

    async def _carry_out(self, response: httpx.Response) -> None:
        """Call the method that the response's body names, if any. Like the server, it tells nobody the result."""
        try:
            parameters = await read_parameters(_as_request(response))
        except MethodError:
            return
        method = str(parameters.pop("method", ""))
        if not method or method.lower() in _NOT_IN_A_RESPONSE or method.lower().startswith("get"):
            return
        self._calls.began(method)
        try:
            self._telegram.call(method, parameters)
        except MethodError as error:
            self._calls.ended(method, str(error.error_code))
        else:
            self._calls.ended(method, "200")


class Attached:
    """Middleware that lets a sender use the event loop that serves the application."""

    def __init__(self, app: ASGIApp, sender: WebhookSender) -> None:
        self._app = app
        self._sender = sender

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        self._sender.attach()
        await self._app(scope, receive, send)


def _client(settings: WebhookSettings) -> httpx.AsyncClient:
    verify: ssl.SSLContext | bool = True
    if settings.certificate:
        verify = ssl.create_default_context(cadata=settings.certificate)
        # The certificate itself is what is trusted; Telegram's guide makes it with a common name alone.
        verify.check_hostname = False
    limits = httpx.Limits(max_connections=settings.max_connections)
    # No proxy of the environment: what is on loopback must not leave the machine.
    return httpx.AsyncClient(verify=verify, timeout=_TIMEOUT, limits=limits, trust_env=False)


def _request(client: httpx.AsyncClient, delivery: Delivery) -> httpx.Request:
    settings = delivery.settings
    url = httpx.URL(settings.url if "://" in settings.url else f"https://{settings.url}")
    headers = {"Content-Type": "application/json", "Host": url.netloc.decode("ascii")}
    extensions = {}
    if settings.secret_token:
        headers["X-Telegram-Bot-Api-Secret-Token"] = settings.secret_token
    if settings.ip_address:
        extensions = {"sni_hostname": url.host}
        url = url.copy_with(host=settings.ip_address)
    body = json.dumps(delivery.update).encode()
    return client.build_request("POST", url, content=body, headers=headers, extensions=extensions)


def _as_request(response: httpx.Response) -> Request:
    """The response as if it were a request to the Bot API: its body may have any of the forms of one."""
    headers = [(b"content-type", response.headers.get("content-type", "").encode("latin-1"))]

    async def receive() -> Message:
        return {"type": "http.request", "body": response.content, "more_body": False}

    return Request({"type": "http", "method": "POST", "path": "/", "query_string": b"", "headers": headers}, receive)


def _reason(error: Exception) -> str:
    """Why a request got no response, in the words of getWebhookInfo."""
    if isinstance(error, httpx.ConnectTimeout):
        return "Connection timed out"
    if isinstance(error, httpx.TimeoutException):
        return "Read timeout expired"
    cause: BaseException | None = error
    while cause is not None:
        if isinstance(cause, ssl.SSLError):
            return f"SSL error {{{cause.reason or cause}}}"
        if isinstance(cause, ConnectionRefusedError):
            return "Connection refused"
        cause = cause.__cause__ or cause.__context__
    if isinstance(error, httpx.ConnectError):
        return f"Can't connect: {error}"
    return "Connection closed"

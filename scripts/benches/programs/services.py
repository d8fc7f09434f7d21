"""The simulated Telegram and the scripted model in one process, until its standard input ends.

It prints one line of JSON with both addresses. Its CPU time is no contender's, but it shares the machine's cores with
each of them alike: the benchmark shows it.
"""

from __future__ import annotations

import json
import sys
import time

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Mount, Route

from pipeline.sandbox.json_types import Json
from pipeline.sandbox.models.rules import ScriptedRule
from pipeline.sandbox.models.scripted import ScriptedModel
from pipeline.sandbox.server import EscapedJson, serve
from pipeline.sandbox.telegram.simulator import Telegram
from pipeline.sandbox.web.app import create_app
from pipeline.terminal import say_json


def main(latency: float, slow_word: str, slow_latency: float) -> None:
    """`latency`: seconds of each answer; `slow_latency`: of those to a text with the word."""
    slow = ScriptedRule(contains=slow_word, latency=slow_latency)
    telegram, model = Telegram(), ScriptedModel([slow], latency=latency)
    received: list[Json] = []

    def record(event: Json) -> None:
        if event["type"] == "message":
            message = event["message"]
            received.append(
                {
                    "at": time.time(),
                    "chat_id": event["chat_id"],
                    "message_id": message["message_id"],
                    "text": message["text"],
                }
            )

    async def list_received(_: Request) -> Response:
        return EscapedJson(received)

    telegram.listen(record)
    app = Starlette(routes=[Route("/bench/received", list_received), Mount("/", create_app(telegram))])
    with serve(app) as bot_api, serve(model.app) as model_server:
        say_json(json.dumps({"token": telegram.token, "telegram": bot_api.url, "model": model_server.url}))
        sys.stdout.flush()
        sys.stdin.read()


if __name__ == "__main__":
    main(float(sys.argv[1]), sys.argv[2], float(sys.argv[3]))

"""A `pulumi` that answers as the test says, and a workspace that answers who the caller is."""

from __future__ import annotations

import json
import sys
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

WHO_AM_I = "/api/2.0/preview/scim/v2/Me"

ENGINE = """#!{python}
import json, os, pathlib, signal, sys, time
here = pathlib.Path(__file__).parent
with (here / "calls.jsonl").open("a") as calls:
    calls.write(json.dumps([sys.argv[1:], sorted(key for key in os.environ if key.startswith("PULUMI"))]) + "\\n")
said = json.loads((here / "answers.json").read_text()).get(sys.argv[1], {{}})
if said.get("waits"):
    signal.signal(signal.SIGINT, lambda *_: (print("engine: stopping in order", flush=True), sys.exit(8)))
    signal.signal(signal.SIGTERM, signal.getsignal(signal.SIGINT))
    print("engine: at work", flush=True)
    time.sleep(60)
print(said.get("out", ""), flush=True)
print(said.get("err", ""), end="", file=sys.stderr)
sys.exit(said.get("code", 0))
"""


class WhoAmI:
    """Answers who the caller is, with the status that the test sets."""

    def __init__(self) -> None:
        self.status = 200
        self.asked: list[str] = []
        who_am_i = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                if "well-known" in self.path:
                    self.send_error(404)
                    return
                who_am_i.asked.append(self.path)
                body: Any = {"userName": "me@example.org"} if self.path == WHO_AM_I else []
                self.send_response(who_am_i.status)
                self.end_headers()
                said = {"error_code": "OOPS", "message": "quota of\nnothing"}
                self.wfile.write(json.dumps(body if who_am_i.status == 200 else said).encode())

            def log_message(self, format: str, *args: Any) -> None:
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.host = f"http://127.0.0.1:{self.server.server_port}"
        threading.Thread(target=self.server.serve_forever, daemon=True).start()


class FakeEngine:
    """A `pulumi` that gives the answers of a test, and records how it was called."""

    def __init__(self, folder: Path, config: dict[str, str]) -> None:
        self.folder = folder
        self.config = config
        self.answers: dict[str, dict[str, Any]] = {
            "version": {"out": "v3.272.0"},
            "whoami": {"out": json.dumps({"user": "me", "url": "https://app.pulumi.com/me"})},
        }
        executable = folder / "pulumi"
        executable.write_text(ENGINE.format(python=sys.executable))
        executable.chmod(0o755)
        self.answer()

    def answer(self, **answers: dict[str, Any]) -> None:
        config = {f"telegram-lakehouse:{key}": {"value": value, "secret": False} for key, value in self.config.items()}
        config["telegram-lakehouse:telegram_token"] = {"secret": True}
        config["pulumi:disable-default-providers"] = {"value": '["aws"]', "secret": False}
        self.answers |= {"config": {"out": json.dumps(config)}, **answers}
        (self.folder / "answers.json").write_text(json.dumps(self.answers))

    @property
    def calls(self) -> list[list[str]]:
        file = self.folder / "calls.jsonl"
        return [json.loads(line)[0] for line in file.read_text().splitlines()] if file.exists() else []

    @property
    def environments(self) -> list[list[str]]:
        return [json.loads(line)[1] for line in (self.folder / "calls.jsonl").read_text().splitlines()]

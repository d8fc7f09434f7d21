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
log = os.environ.get("PULUMI_OPTION_EVENT_LOG")
if log and os.environ.get("PULUMI_DEBUG_COMMANDS") == "true":
    pathlib.Path(log).write_text("".join(json.dumps(event) + "\\n" for event in said.get("events", [])))
print(said.get("err", ""), end="", file=sys.stderr)
sys.exit(said.get("code", 0))
"""


STACK_URN = "urn:pulumi:dev::telegram-lakehouse::pulumi:pulumi:Stack::telegram-lakehouse-dev"

TRACEBACK = """Program failed with an unhandled exception:
Traceback (most recent call last):
  File "/usr/local/bin/pulumi-language-python-exec", line 192, in <module>
    loop.run_until_complete(coro)
  File "/usr/lib/python3.11/asyncio/base_events.py", line 654, in run_until_complete
    return future.result()
           ^^^^^^^^^^^^^^^
  File "/srv/app/.venv/lib/python3.11/site-packages/pulumi/runtime/stack.py", line 155, in run_in_stack
    await run_pulumi_func(run)
  File "/srv/app/.venv/lib/python3.11/site-packages/pulumi/runtime/resource.py", line 1129, in do_register
    raise Exception("invocation failed")
Exception: invocation of databricks:index/getTables failed:
  no such host
"""
"""What the engine shows of a program that ended because a call of the engine failed, much shortened."""


def urn_of(kind: str, name: str) -> str:
    """The address of a resource, as the engine's events have it."""
    return f"urn:pulumi:dev::telegram-lakehouse::lakehouse:catalog:Catalog${kind}::{name}"


def diagnostic(message: str, urn: str, severity: str = "error") -> dict[str, object]:
    """The engine's event for a message about a resource, with its marks of colours."""
    said = {
        "prefix": f"<{{%fg 1%}}>{severity}: <{{%reset%}}>",
        "message": f"<{{%reset%}}>{message}<{{%reset%}}>\n",
        "color": "raw",
        "severity": severity,
    }
    return {"diagnosticEvent": {"urn": urn, **said} if urn else said}


def policy_violation(name: str, message: str, urn: str, level: str = "mandatory") -> dict[str, object]:
    """The engine's event for a resource that a policy refuses."""
    of = {"policyPackName": "telegram-lakehouse", "policyPackVersion": "0.1.0", "policyPackVersionTag": "0.1.0"}
    return {
        "policyEvent": {
            "resourceUrn": urn,
            "message": f"<{{%fg 1%}}>{message}<{{%reset%}}>",
            "color": "raw",
            "policyName": name,
            "enforcementLevel": level,
            **of,
        }
    }


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

"""A bot in a library of others: its process beside a simulated Telegram's, and a person who talks to it."""

from __future__ import annotations

import json
import os
import shutil
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar

import httpx
import pytest

from pipeline.sandbox.json_types import Json
from tests.support.simulated import Sandbox

_Found = TypeVar("_Found")

ROOT = Path(__file__).resolve().parents[2]
_FOLDER = ROOT / "tests" / "e2e" / "clients"
_PYTHON = ROOT / "build" / "clients" / "bin" / "python"
_GRAMMY = _FOLDER / "grammy"

_STARTS_WITHIN, _ANSWERS_WITHIN = 60.0, 20.0
"""Seconds: a library is loaded, and a test may share its processor with others."""
_SECRET = "secret-of-the-webhook"


def python_bot(file: str) -> list[str]:
    """The command of a bot in Python. It can't import this repository: `-I` leaves out its paths."""
    if not _PYTHON.exists():
        pytest.fail("the libraries are not installed: run `make clients`")
    return [str(_PYTHON), "-I", str(_FOLDER / "bots" / file)]


def node_bot() -> list[str]:
    """The command of the bot in grammY; skips the test where there is no Node.js, or nothing to install with."""
    node = shutil.which("node")
    if node is None or shutil.which("npm") is None:
        pytest.skip("grammY needs Node.js with npm, and they are not on the path")
    if not (_GRAMMY / "node_modules" / "grammy").exists():
        pytest.fail("grammY is not installed: run `make clients`")
    return [node, str(_GRAMMY / "bot.mjs")]


COMMANDS: dict[str, Callable[[], list[str]]] = {
    "python-telegram-bot": lambda: python_bot("python_telegram_bot.py"),
    "aiogram": lambda: python_bot("aiogram_bot.py"),
    "pyTelegramBotAPI": lambda: python_bot("pytelegrambotapi_bot.py"),
    "grammY": node_bot,
}
"""The command of each bot, by its library."""


@dataclass
class RunningBot:
    """A bot's process, the simulated Telegram that it talks to, and what happened there."""

    sandbox: Sandbox
    webhook: str
    """The address that updates are delivered to; empty for a bot that polls."""
    process: subprocess.Popen[bytes]
    log: Path
    events: list[Json] = field(default_factory=list)
    """Every event of the simulated Telegram so far."""

    def until(self, find: Callable[[], _Found | None], within: float = _ANSWERS_WITHIN) -> _Found:
        """What `find` finds, as soon as it is something. Fails with the bot's log when that takes too long."""
        end = time.monotonic() + within
        while not (found := find()):
            assert self.process.poll() is None, f"the bot ended:\n{self.log.read_text()}"
            assert time.monotonic() < end, f"this never came; the bot's log:\n{self.log.read_text()}"
            time.sleep(0.02)
        return found

    def seen(self, kind: str, chat_id: int) -> list[Json]:
        """The events of a kind in a chat, in order."""
        return [event for event in list(self.events) if (event["type"], event["chat_id"]) == (kind, chat_id)]

    def ask(self, method: str, **parameters: Any) -> Any:
        """The result of a method of the Bot API, called as the bot."""
        return self.sandbox.bot(method, **parameters).json()["result"]

    def asks_for_updates(self) -> bool:
        """Whether it polls or has set its webhook."""
        if self.webhook:
            return bool(self.ask("getWebhookInfo")["url"])
        return "getupdates" in {name.lower() for name in self.sandbox.control("GET", "requests")["methods"]}

    def press(self, label: str, message: Json) -> Json:
        """A person presses a button of a message: what the person sees of the bot's answer, as soon as it is there."""
        pressed = {"chat_id": message["chat"]["id"], "message_id": message["message_id"], "text": label}
        query = {"callback_query_id": self.sandbox.control("POST", "callbacks", pressed)["callback_query_id"]}

        def answer() -> Json | None:
            seen: Json = self.sandbox.control("POST", "callbacks/answer", query)
            return seen if seen["answered"] else None

        return self.until(answer)

    def sent_by_bot(self, chat_id: int) -> list[Json]:
        """The bot's messages in a chat as they are now, in order."""
        messages = self.sandbox.control("GET", f"chats/{chat_id}/messages")
        return [message for message in messages if message.get("from", {}).get("is_bot")]

    def wait_for_texts(self, chat_id: int, *texts: str) -> None:
        """Return as soon as these are the texts of the bot's messages in a chat."""
        self.until(lambda: tuple(message.get("text") for message in self.sent_by_bot(chat_id)) == texts)

    def answer(self, chat_id: int, number: int = 1) -> Json:
        """The bot's message of this number in a chat, as soon as it is there."""
        return self.until(lambda: self.sent_by_bot(chat_id)[number - 1 : number])[0]


@contextmanager
def running_bot(command: Sequence[str], transport: str, folder: Path) -> Iterator[RunningBot]:
    """A bot that works, by `polling` or by `webhook`, until the block ends."""
    log = folder / "bot.log"
    with _sandbox(folder) as settings, log.open("wb") as output:
        port = _free_port() if transport == "webhook" else 0
        webhook = {"WEBHOOK_PORT": str(port), "WEBHOOK_SECRET": _SECRET} if port else {}
        sandbox = Sandbox(settings["TELEGRAM_API_URL"])
        with _process(command, settings | webhook, stdout=output, stderr=subprocess.STDOUT) as process:
            bot = RunningBot(sandbox, f"http://127.0.0.1:{port}/updates" if port else "", process, log)
            following = threading.Event()
            threading.Thread(target=_follow, args=(sandbox.url, bot.events, following), daemon=True).start()
            bot.until(following.is_set)
            bot.until(bot.asks_for_updates, _STARTS_WITHIN)
            yield bot


@contextmanager
def _sandbox(folder: Path) -> Iterator[dict[str, str]]:
    """A `pipeline sandbox` of its own; the settings that it prints for a bot."""
    command = [sys.executable, "-m", "pipeline", "sandbox", "--model=none", "--port=0"]
    errors = folder / "sandbox.log"
    with errors.open("wb") as log, _process(command, {}, stdout=subprocess.PIPE, stderr=log) as process:
        assert process.stdout is not None
        settings: dict[str, str] = {}
        for line in process.stdout:
            name, found, value = line.decode().strip().removeprefix("export ").partition("=")
            if found:
                settings[name] = value
            if settings.keys() == {"TELEGRAM_BOT_TOKEN", "TELEGRAM_API_URL"}:
                break
        else:
            pytest.fail(f"the sandbox did not start:\n{errors.read_text()}")
        yield settings


@contextmanager
def _process(command: Sequence[str], settings: dict[str, str], **streams: Any) -> Iterator[subprocess.Popen[bytes]]:
    # Nothing of this machine's own settings and proxies reaches it.
    environment = {name: os.environ[name] for name in ("PATH", "HOME") if name in os.environ}
    process = subprocess.Popen(command, cwd=ROOT, env=environment | settings, **streams)
    try:
        yield process
    finally:
        process.terminate()
        try:
            process.wait(5)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
        if process.stdout is not None:
            process.stdout.close()


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def _follow(url: str, events: list[Json], following: threading.Event) -> None:
    """Collect the events until the simulated Telegram ends."""
    # Its stream is never silent for longer than 15 seconds.
    stream = httpx.stream("GET", f"{url}/sandbox/events", timeout=30, trust_env=False)
    with suppress(httpx.HTTPError), stream as response:
        for line in response.iter_lines():
            following.set()
            if line.startswith("data: "):
                event = json.loads(line.removeprefix("data: "))
                events.append(event)

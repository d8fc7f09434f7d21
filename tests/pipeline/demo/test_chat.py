"""The chat in the terminal shows what happens in its chat, and whose it is."""

from __future__ import annotations

import io
import os
import pty
import re
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console

from pipeline.demo import chat
from pipeline.demo.chat import CHAT, Conversation, Line, TerminalChat
from pipeline.sandbox.telegram.people.messages import UserMessage
from pipeline.sandbox.telegram.simulator import Telegram


def _said(message_id: int, text: str, chat_id: int = CHAT) -> dict[str, Any]:
    return {"type": "message", "chat_id": chat_id, "message": {"message_id": message_id, "text": text}}


def _sent(text: str, question: dict[str, Any] | None = None, chat_id: int = CHAT) -> dict[str, Any]:
    reply = {} if question is None else {"reply_to_message": question["message"]}
    return {"type": "sent", "chat_id": chat_id, "message": {"message_id": 99, "text": text, **reply}}


def test_an_answer_to_what_was_written_here_is_ours_and_has_its_seconds() -> None:
    conversation, ours = Conversation(), _said(1, "hi")
    conversation.write(1, now=10.0)
    assert conversation.line(ours, 10.0) is None, "the terminal shows it already"
    assert not conversation.has_answer(1)
    assert conversation.line(_sent("hello", ours), 12.5) == Line("bot", "hello", 2.5)
    assert conversation.has_answer(1)


def test_what_is_said_on_the_page_is_shown_as_said_there_and_its_answer_as_its() -> None:
    conversation, theirs = Conversation(), _said(2, "Is the sky blue?")
    conversation.write(1, now=10.0)
    assert conversation.line(theirs, 11.0) == Line("page", "Is the sky blue?")
    assert conversation.line(_sent("Yes.", theirs), 12.0) == Line("bot to “Is the sky blue?”", "Yes.")
    assert not conversation.has_answer(1)


@pytest.mark.parametrize("event", [_said(2, "hi", chat_id=7), _sent("x", chat_id=7), {"type": "action", "chat_id": 1}])
def test_other_chats_and_other_events_are_not_shown(event: dict[str, Any]) -> None:
    assert Conversation().line(event, 0.0) is None


def test_a_message_without_text_and_an_answer_without_a_question_are_shown_too() -> None:
    photo = {"type": "message", "chat_id": CHAT, "message": {"message_id": 3, "photo": []}}
    assert Conversation().line(photo, 0.0) == Line("page", "(a photo)")
    assert Conversation().line(_sent("I can't see it.", photo), 1.0) == Line("bot to “a photo”", "I can't see it.")
    location = {"type": "message", "chat_id": CHAT, "message": {"message_id": 4, "location": {}}}
    assert Conversation().line(location, 0.0) == Line("page", "(a message without text)")
    assert Conversation().line(_sent("x"), 0.0) == Line("bot", "x")


def test_a_long_question_is_quoted_in_part() -> None:
    line = Conversation().line(_sent("x", _said(2, "why " * 30)), 0.0)
    assert line is not None
    assert len(line.speaker) < 60
    assert line.speaker.endswith("…”")


def test_no_text_of_others_is_markup_or_steers_the_terminal() -> None:
    line = Line("bot to “[red]x[/]”", "[bold]y\x1b[2J")
    console = Console(file=io.StringIO(), width=200)
    console.print(line.markup)
    assert console.file.getvalue() == "bot to “[red]x[/]” > [bold]y\\x1b[2J\n"  # type: ignore[attr-defined]


class _Bot:
    """Answers every message of a simulated Telegram, as the pipeline does."""

    def __init__(self, telegram: Telegram) -> None:
        self._telegram = telegram
        self.silent = False
        threading.Thread(target=self._run, daemon=True).start()

    def _run(self) -> None:
        offset = None
        while True:
            for update in self._telegram.get_updates(offset, timeout=1):
                offset = update["update_id"] + 1
                message = update["message"]
                if not self.silent:
                    self._telegram.call(
                        "sendMessage",
                        {
                            "chat_id": message["chat"]["id"],
                            "text": f"echo: {message['text']}",
                            "reply_parameters": {"message_id": message["message_id"]},
                        },
                    )


@pytest.fixture
def telegram() -> Telegram:
    telegram = Telegram(limits=None)
    telegram.limits = None
    return telegram


def _lines(monkeypatch: pytest.MonkeyPatch, lines: Iterator[str]) -> None:
    def typed(_: str) -> str:
        try:
            return next(lines)
        except StopIteration:
            raise EOFError from None

    monkeypatch.setattr("builtins.input", typed)


def _run(telegram: Telegram) -> tuple[bool, str]:
    console = Console(file=io.StringIO(), width=200, highlight=False)
    stopped = TerminalChat(console, telegram, lambda: True).run(lambda: "3 in silver")
    return stopped, console.file.getvalue()  # type: ignore[attr-defined]


def test_the_terminal_waits_for_its_own_answer_while_the_page_gets_others(
    telegram: Telegram, monkeypatch: pytest.MonkeyPatch
) -> None:
    _Bot(telegram)

    def typed() -> Iterator[str]:
        telegram.receive(UserMessage(chat_id=CHAT, text="from the page"))
        while len(telegram.sent()) < 1:
            time.sleep(0.01)
        yield "from here"

    _lines(monkeypatch, typed())
    stopped, shown = _run(telegram)
    assert stopped
    answers = [line for line in shown.splitlines() if "> echo" in line]
    assert answers[0] == "bot to “from the page” > echo: from the page"
    assert answers[1].startswith("bot > echo: from here  ")
    assert "page > from the page" in shown
    assert "3 in silver" in shown
    assert "you > from here" not in shown


def test_an_answer_that_does_not_come_holds_the_terminal_for_a_while_only(
    telegram: Telegram, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(chat, "_ANSWER_WITHIN", 0.05)
    _lines(monkeypatch, iter(["hi"]))
    stopped, shown = _run(telegram)
    assert stopped
    assert "no answer yet" in shown


def test_a_pipeline_that_has_ended_ends_the_chat(telegram: Telegram) -> None:
    console = Console(file=io.StringIO())
    assert not TerminalChat(console, telegram, lambda: False).run(lambda: "")


PROGRAM = """
import threading
from pipeline.demo.chat import TerminalChat
from pipeline.sandbox.telegram.people.messages import UserMessage
from pipeline.sandbox.telegram.simulator import Telegram
from pipeline.terminal import terminal

telegram = Telegram()
threading.Timer(1.0, lambda: telegram.receive(UserMessage(text="from the page"))).start()
try:
    TerminalChat(terminal(), telegram, lambda: True).run(lambda: "")
except KeyboardInterrupt:
    print("interrupted")
"""


def test_what_is_said_on_the_page_comes_above_a_line_that_is_being_written() -> None:
    ours, theirs = pty.openpty()
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        environment = {**os.environ, "TERM": "xterm-256color", "PYTHONPATH": str(Path(__file__).parents[3])}
        person = subprocess.Popen(
            [sys.executable, "-c", PROGRAM], stdin=theirs, stdout=theirs, stderr=theirs, env=environment
        )
    finally:
        signal.signal(signal.SIGINT, before)
    os.close(theirs)
    os.write(ours, b"half a li")
    shown, until = b"", time.monotonic() + 30
    while b"from the page" not in shown and time.monotonic() < until:
        shown += os.read(ours, 4096)
    while shown.count(b"half a li") < 2 and time.monotonic() < until:
        shown += os.read(ours, 4096)
    person.send_signal(signal.SIGINT)
    assert person.wait(30) == 0
    shown += os.read(ours, 4096)
    os.close(ours)
    text = re.sub(r"\x1b\[[0-9;?]*[a-zA-Z]|\x01|\x02", "", shown.decode())
    assert re.search(r"page > from the page\r\nyou > half a li", text), text
    assert "interrupted" in text

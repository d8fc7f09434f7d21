"""The chat in the terminal. It is the same chat as on the page, so both show what is said in the other."""

from __future__ import annotations

import contextlib
import queue
import sys
import threading
import time
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

from rich.console import Console

from pipeline.sandbox.telegram.people.messages import UserMessage
from pipeline.sandbox.telegram.simulator import Telegram
from pipeline.terminal import plain

try:
    import readline
except ImportError:  # not on Windows
    readline = None  # type: ignore[assignment]

CHAT = 1
_ANSWER_WITHIN = 90.0
"""Seconds after which the next message may be written, though there is no answer yet."""
_MOST_QUOTED = 40
_LOOK_EVERY = 0.1
_WITHOUT_WORDS = {
    "photo": "a photo",
    "voice": "a voice message",
    "audio": "an audio file",
    "video": "a video",
    "animation": "an animation",
    "document": "a file",
    "sticker": "a sticker",
}
"""What stands for a message without words, by the field of the Bot API that it has. An animation has `document` too."""


class Line(NamedTuple):
    """A line of the chat. `seconds`: from the message to its answer, for messages written here."""

    speaker: str
    text: str
    seconds: float | None = None

    @property
    def markup(self) -> str:
        colour = "green" if self.speaker.startswith("bot") else "magenta"
        after = "" if self.seconds is None else f"  [dim]{self.seconds:.1f} s[/]"
        return f"[bold {colour}]{plain(self.speaker)}[/] > {plain(self.text)}{after}"


class Conversation:
    """What of a chat's events is shown in the terminal, and which of its messages are answered. For one thread."""

    def __init__(self) -> None:
        self._written_here: dict[int, float] = {}
        self._answered: set[int] = set()

    def write(self, message_id: int, now: float) -> None:
        """A message was written here."""
        self._written_here[message_id] = now

    def has_answer(self, message_id: int) -> bool:
        return message_id in self._answered

    def line(self, event: dict[str, Any], now: float) -> Line | None:
        """The line that shows an event; None for one that the terminal shows already, or that is no message."""
        message = event.get("message") or {}
        if event["chat_id"] != CHAT or event["type"] not in ("message", "sent"):
            return None
        text = message.get("text") or message.get("caption") or f"({_without_words(message)})"
        if event["type"] == "message":
            return None if message["message_id"] in self._written_here else Line("page", text)
        question = message.get("reply_to_message") or {}
        asked = question.get("message_id")
        if asked in self._written_here:
            self._answered.add(asked)
            return Line("bot", text, now - self._written_here[asked])
        if not question:
            return Line("bot", text)
        quoted = " ".join(str(question.get("text") or question.get("caption") or _without_words(question)).split())
        shown = quoted if len(quoted) <= _MOST_QUOTED else f"{quoted[:_MOST_QUOTED]}…"
        return Line(f"bot to “{shown}”", text)


class TerminalChat:
    """A person's terminal in the chat.

    Threads: `run` is for the main thread. The thread "chat" shows what happens meanwhile; `_lock` guards the
    conversation and the prompt, which both use.
    """

    def __init__(self, console: Console, telegram: Telegram, running: Callable[[], bool]) -> None:
        """`running`: whether the pipeline still runs."""
        self._console = console
        self._telegram = telegram
        self._running = running
        self._conversation = Conversation()
        self._events: queue.SimpleQueue[dict[str, Any] | None] = queue.SimpleQueue()
        self._lock = threading.Lock()
        self._prompting = False

    def run(self, summary: Callable[[], str]) -> bool:
        """Chat until an empty line or the end of the input. Returns False if the pipeline ended before.

        `summary` is shown after each answer. Ctrl-C raises KeyboardInterrupt.
        """
        end = self._telegram.listen(self._events.put)
        shower = threading.Thread(target=self._show_events, name="chat", daemon=True)
        shower.start()
        try:
            while self._running():
                text = self._ask()
                if not text:
                    return True
                if self._answered_in_time(self._write(text)):
                    self._console.print(f"[dim]{summary()}[/]")
                elif self._running():
                    self._console.print("[dim]no answer yet: it is shown when it comes[/]")
            return False
        finally:
            end()
            self._events.put(None)
            shower.join(1.0)

    def _ask(self) -> str:
        # The marks tell readline which characters take no place.
        prompt = "\x01\x1b[1;36m\x02you\x01\x1b[0m\x02 > " if readline and _is_typed() else "you > "
        with self._lock:
            self._prompting = True
        try:
            return input(prompt).strip()
        except EOFError:
            self._console.print()
            return ""
        finally:
            with self._lock:
                self._prompting = False

    def _write(self, text: str) -> int:
        # An event of this message waits for the lock, and so finds that it was written here.
        with self._lock:
            written = self._telegram.receive(UserMessage(chat_id=CHAT, text=text))
            self._conversation.write(written.message_id, time.monotonic())
            return written.message_id

    def _answered_in_time(self, message_id: int) -> bool:
        until = time.monotonic() + _ANSWER_WITHIN
        with self._console.status("typing …"):
            while self._running() and time.monotonic() < until:
                with self._lock:
                    if self._conversation.has_answer(message_id):
                        return True
                time.sleep(_LOOK_EVERY / 4)
        return False

    def _show_events(self) -> None:
        while (event := self._events.get()) is not None:
            with self._lock:
                line = self._conversation.line(event, time.monotonic())
                if line is not None:
                    with self._above_the_prompt():
                        self._console.print(line.markup, soft_wrap=True)

    @contextlib.contextmanager
    def _above_the_prompt(self) -> Iterator[None]:
        """Print above the line that is being written, and show that again."""
        if not (self._prompting and _is_typed()):
            yield
            return
        sys.stdout.write("\r\x1b[2K")
        sys.stdout.flush()
        yield
        begun = readline.get_line_buffer() if readline else ""
        sys.stdout.write(f"\x1b[1;36myou\x1b[0m > {begun}")
        sys.stdout.flush()


def _without_words(message: dict[str, Any]) -> str:
    return next((name for kind, name in _WITHOUT_WORDS.items() if kind in message), "a message without text")


def _is_typed() -> bool:
    """Whether a person types at a terminal that also shows what is printed."""
    return sys.stdin.isatty() and sys.stdout.isatty()

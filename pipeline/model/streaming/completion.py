"""A completion that comes piece by piece, as server-sent events, put together as if it had come at once.

https://platform.openai.com/docs/api-reference/chat-streaming
"""

from __future__ import annotations

import contextlib
import json
import time
from collections.abc import Callable, Iterable, Iterator
from itertools import chain
from typing import Any

import httpx

from pipeline.model.request import Listener
from pipeline.model.streaming.partial import PartialAnswer, paired
from pipeline.peers.bounds import current_bounds

_LAST_EVENT = b"[DONE]"
_EVENT_FIELDS = (b"data:", b"event:", b"id:", b"retry:", b":")
_END_WITHIN = 0.1
"""Seconds that the end of a response may take after its last event; then its connection is closed."""


class StreamBroken(OSError):
    """The response ended before the completion did."""


class StreamFailed(Exception):
    """The server says within the stream that it failed."""

    def __init__(self, status: int | None, message: str) -> None:
        super().__init__(message)
        self.status = status
        """The status that the response would have had."""


class Writing:
    """An answer while it is written, in one attempt. For the thread that asks."""

    def __init__(self, listener: Listener, clock: Callable[[], float] = time.monotonic) -> None:
        """The attempt begins now."""
        self.first_words: float | None = None
        """After how many seconds the first words came."""
        self._listener = listener
        self._clock = clock
        self._began = clock()
        self._answer = PartialAnswer()
        self._completion = _Completion()

    @property
    def stopped(self) -> bool:
        """Whether nobody wants the answer to go on."""
        return self._listener.stopped

    @property
    def begun(self) -> bool:
        """Whether the model has begun to answer, with a word or without."""
        return self._completion.has_choice

    @property
    def text(self) -> str:
        """The answer, as far as it has come."""
        return self._answer.text

    @property
    def model(self) -> object:
        """The name by which the model calls itself, as it gave it."""
        return self._completion.model

    def read(self, response: httpx.Response) -> object:
        """The completion of a response that is still to be read, whether it is streamed or not; closes the response.

        Raises StreamBroken, StreamFailed, ValueError or RecursionError for what is no JSON, and what reading raises.
        """
        with contextlib.closing(response):
            pieces = response.iter_raw()
            # Blanks before a response's content say nothing, in either form.
            head = next((begun for piece in pieces if (begun := piece.lstrip())), b"")
            whole = chain((head,), pieces)
            if not _is_stream(response, head):
                return json.loads(b"".join(whole))
            for data in events(whole):
                if data.strip() == _LAST_EVENT:
                    _read_end(pieces)
                    return self._completion.whole()
                self._take(json.loads(data))
        if self._completion.finish_reason is None:
            raise StreamBroken("the stream ended before the completion did")
        return self._completion.whole()

    def _take(self, chunk: object) -> None:
        for words in self._completion.add(chunk):
            self._answer.add(words)
            if self._answer.begun and self.first_words is None:
                self.first_words = self._clock() - self._began
            self._listener.words(lambda: self._answer.text)


def events(pieces: Iterable[bytes]) -> Iterator[bytes]:
    """The data of each server-sent event: https://html.spec.whatwg.org/multipage/server-sent-events.html.

    The last one may lack its end.
    """
    rest, data = bytearray(), list[bytes]()
    for piece in chain(pieces, (b"\n\n",)):
        rest += piece
        # A line is put together once, however small its pieces are.
        if b"\n" not in piece:
            continue
        *lines, last = bytes(rest).split(b"\n")
        rest = bytearray(last)
        for line in lines:
            if line.startswith(b"data:"):
                data.append(line[5:].removesuffix(b"\r").removeprefix(b" "))
            elif line in (b"", b"\r") and data:
                yield b"\n".join(data)
                data = []


def _is_stream(response: httpx.Response, head: bytes) -> bool:
    if head.startswith(b"{"):
        return False
    return response.headers.get("Content-Type", "").startswith("text/event-stream") or head.startswith(_EVENT_FIELDS)


def _read_end(pieces: Iterator[bytes]) -> None:
    """Read what follows the last event, so that the connection can be used again."""
    current_bounds().shorten(_END_WITHIN)
    with contextlib.suppress(Exception):  # the completion is there
        for _ in pieces:
            pass


class _Completion:
    """The chunks of a completion, put together."""

    def __init__(self) -> None:
        self.model: object = None
        self.finish_reason: object = None
        self._usage: object = None
        self.has_choice = False
        self._texts: list[str] = []
        self._blocks: list[object] | None = None
        """Where the content comes as content blocks: these, with what came as texts among them."""
        self._refusal: list[str] = []

    def add(self, chunk: object) -> list[str]:
        """Take a chunk. Returns what it has of the answer's content. Raises StreamFailed."""
        if not isinstance(chunk, dict):
            return []
        if chunk.get("error"):
            raise _failure(chunk["error"])
        self.model = self.model or chunk.get("model")
        self._usage = chunk.get("usage") or self._usage
        choices = chunk.get("choices")
        choice = choices[0] if isinstance(choices, list) and choices else None
        if not isinstance(choice, dict):
            return []
        self.finish_reason = choice.get("finish_reason") or self.finish_reason
        delta = choice.get("delta")
        if not isinstance(delta, dict):
            return []
        self.has_choice = True
        if isinstance(refusal := delta.get("refusal"), str):
            self._refusal.append(refusal)
        return self._take_content(delta.get("content"))

    def _take_content(self, content: object) -> list[str]:
        if isinstance(content, str) and content:
            if self._blocks is None:
                self._texts.append(content)
            else:
                self._blocks.append({"type": "text", "text": content})
            return [content]
        if not isinstance(content, list):
            return []
        if self._blocks is None:
            self._blocks = [{"type": "text", "text": text} for text in self._texts]
        self._blocks += content
        return [
            block["text"]
            for block in content
            if isinstance(block, dict) and block.get("type") == "text" and isinstance(block.get("text"), str)
        ]

    def whole(self) -> dict[str, Any]:
        """The completion as a server sends it that does not stream."""
        message = {
            "content": paired("".join(self._texts)) if self._blocks is None else self._blocks,
            "refusal": "".join(self._refusal) or None,
        }
        choice = {"message": message, "finish_reason": self.finish_reason}
        return {"model": self.model, "usage": self._usage, "choices": [choice] if self.has_choice else []}


def _failure(error: object) -> StreamFailed:
    fields = error if isinstance(error, dict) else {"message": error}
    code = fields.get("code")
    status = code if type(code) is int and 400 <= code <= 599 else None
    return StreamFailed(status, str(fields.get("message") or "no reason given"))

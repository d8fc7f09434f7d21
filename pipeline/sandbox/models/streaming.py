"""A completion as OpenAI streams it: https://platform.openai.com/docs/api-reference/chat-streaming."""

import asyncio
import json
from collections.abc import AsyncIterator, Iterator

from pipeline.sandbox.json_types import Json
from pipeline.sandbox.models.rules import ScriptedRule


def chunks(completion: Json, rule: ScriptedRule, *, with_usage: bool) -> Iterator[Json]:
    """The chunks of a completion: the role, the content in pieces, the reason of its end, and what it cost."""
    common = {name: completion[name] for name in ("id", "created", "model")} | {"object": "chat.completion.chunk"}

    def chunk(delta: Json, finish_reason: str | None = None) -> Json:
        return {**common, "choices": [{"index": 0, "delta": delta, "finish_reason": finish_reason}]}

    for choice in completion["choices"]:
        message = choice["message"]
        yield chunk({"role": "assistant", "content": ""})
        if message["refusal"] is not None:
            yield chunk({"refusal": message["refusal"]})
        for piece in _pieces(message["content"], rule.stream_piece):
            yield chunk({"content": piece})
        yield chunk({}, choice["finish_reason"])
    if with_usage:
        yield {**common, "choices": [], "usage": completion["usage"]}


def _pieces(content: str | list[Json] | None, length: int) -> Iterator[str | list[Json]]:
    """The pieces of a content; those of a text block are text blocks."""
    for block in content if isinstance(content, list) else [{"type": "text", "text": content or ""}]:
        text = block.get("text")
        if not isinstance(text, str):
            yield [block]
            continue
        for start in range(0, len(text), length):
            piece = text[start : start + length]
            yield [{**block, "text": piece}] if isinstance(content, list) else piece


async def events(completion: Json, rule: ScriptedRule, *, with_usage: bool) -> AsyncIterator[bytes]:
    """The body of the response. It ends early where the rule cuts it; without a pause it comes all at once."""
    sent, body = 0, b""
    for chunk in chunks(completion, rule, with_usage=with_usage):
        piece = any(choice["delta"].get("content") for choice in chunk["choices"])
        if piece and rule.stream_cut is not None and sent >= rule.stream_cut:
            if body:
                yield body
            return
        if piece and rule.stream_pause and sent:
            yield body
            body = b""
            await asyncio.sleep(rule.stream_pause)
        sent += piece
        body += b"data: " + json.dumps(chunk).encode() + b"\n\n"
    yield body + b"data: [DONE]\n\n"

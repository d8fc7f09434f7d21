"""OpenAI's API, as far as the scripted model speaks it: reading requests, building completions and errors."""

import json
import time
from typing import Any

from pipeline.sandbox.json_types import Json
from pipeline.sandbox.models.rules import ScriptedRule


class ModelApiError(Exception):
    """An unsuccessful answer: the status and the body."""

    def __init__(self, status: int, message: str, code: str | None, kind: str = "invalid_request_error") -> None:
        super().__init__(message)
        self.status = status
        self.body = {"error": {"message": message, "type": kind, "param": None, "code": code}}


_ERROR_CODES = {
    400: ("invalid_request_error", None),
    401: ("invalid_request_error", "invalid_api_key"),
    403: ("invalid_request_error", "permission_denied"),
    404: ("invalid_request_error", "model_not_found"),
    429: ("requests", "rate_limit_exceeded"),
}
"""Type and code by status."""


def scripted_error(rule: ScriptedRule, status: int) -> ModelApiError:
    """The error of a rule; what the rule leaves open is as OpenAI has it for the status."""
    kind, code = _ERROR_CODES.get(status, ("server_error", None))
    message = rule.message or f"scripted error {status}"
    return ModelApiError(status, message, rule.code or code, rule.error_type or kind)


def message_of(rule: ScriptedRule, text: str, schema: bool) -> Json:
    """The assistant's message for a user's text; without an effect of the rule it is an echo."""
    content: str | list[Json] | None
    if rule.refusal is not None:
        return {"role": "assistant", "content": None, "refusal": rule.refusal}
    if rule.blocks is not None:
        content = rule.blocks
    elif rule.content is not None:
        content = rule.content
    else:
        answer = rule.answer if rule.answer is not None else f"echo: {text}"
        content = json.dumps({"answer": answer}) if schema else answer
    return {"role": "assistant", "content": content, "refusal": None}


def completion(model: str, message: Json, rule: ScriptedRule, body: Json, number: int) -> Json:
    """The whole response. Tokens are estimated at four characters each."""
    prompt_tokens = len(json.dumps(body["messages"])) // 4 + 1
    completion_tokens = len(json.dumps(message["content"])) // 4 + 1
    choice = {"index": 0, "message": message, "logprobs": None, "finish_reason": rule.finish_reason}
    return {
        "id": f"chatcmpl-scripted-{number}",
        "object": "chat.completion",
        "created": int(time.time()),
        "model": model,
        "choices": [] if rule.empty_choices else [choice],
        "usage": {
            "prompt_tokens": prompt_tokens,
            "completion_tokens": completion_tokens,
            "total_tokens": prompt_tokens + completion_tokens,
        },
    }


def model_object(name: str) -> Json:
    return {"id": name, "object": "model", "created": 0, "owned_by": "sandbox"}


def asks_for_schema(body: Json) -> bool:
    """Whether a request asks for an answer in a JSON schema."""
    response_format = body.get("response_format")
    return isinstance(response_format, dict) and response_format.get("type") == "json_schema"


def user_text(messages: Any) -> str:
    """The text of the user's last message; empty when there is none."""
    for message in reversed(messages if isinstance(messages, list) else []):
        if isinstance(message, dict) and message.get("role") == "user":
            content = message.get("content")
            if isinstance(content, list):
                return "".join(str(block.get("text", "")) for block in content if isinstance(block, dict))
            return str(content)
    return ""

"""A client of the scripted model: what the openai client makes of its answers."""

from __future__ import annotations

from typing import Any

import openai
from openai.types.chat import ChatCompletion

from pipeline.sandbox.models.scripted import ScriptedModel

_SCHEMA: Any = {
    "type": "json_schema",
    "json_schema": {
        "name": "answer",
        "schema": {"type": "object", "properties": {"answer": {"type": "string"}}},
    },
}


class ModelClient:
    """Asks the model at `url`; `script` is what it follows."""

    def __init__(self, script: ScriptedModel, url: str) -> None:
        self.script = script
        self.url = url

    def ask(self, text: str = "hi", *, schema: bool = False, model: str = "m", key: str = "k") -> ChatCompletion:
        client = openai.OpenAI(base_url=f"{self.url}/v1", api_key=key, max_retries=0, timeout=5)
        more: Any = {"response_format": _SCHEMA} if schema else {}
        with client:
            completion: ChatCompletion = client.chat.completions.create(
                model=model,
                messages=[{"role": "system", "content": "be kind"}, {"role": "user", "content": text}],
                **more,
            )
            return completion

    def content(self, text: str = "hi", *, schema: bool = False) -> Any:
        """The content of the only choice."""
        return self.ask(text, schema=schema).choices[0].message.content

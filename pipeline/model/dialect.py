"""The form of request that a server takes: OpenAI's chat completions have dialects. Plain decisions, no calls."""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from typing import Any

import openai

_LIMITS = ("max_tokens", "max_completion_tokens")
"""Names of the limit of an answer's length, the older one first."""
_ABOUT_A_NAME = re.compile(
    r"not (?:be )?(?:permitted|supported|allowed|recogni[sz]ed|expected|accepted|available)|unsupported|unrecogni[sz]ed"
    r"|unknown|unexpected|extra|does not support|no longer|deprecated|instead"
)
"""What servers say of a parameter that they don't take. Of a limit that is too large they say something else."""
_STREAM = re.compile(r"\bstream(?:ing|ed)?\b")


@dataclass(frozen=True)
class Dialect:
    """What to leave out of a request, or to name otherwise. Each refusal changes one thing, so few requests find it."""

    schema: bool = True
    limit: str | None = _LIMITS[0]
    """The name of the limit of an answer's length; None: the server takes none."""
    temperature: bool = True
    stream: bool = True
    usage: bool = True
    """Whether it says at the end of a stream what that cost, if it is asked to."""

    def options(
        self, tokens: int, temperature: float | None, schema: Any | None, *, stream: bool = False
    ) -> dict[str, Any]:
        """The optional parts of a request, as far as the server takes them; None or false: not asked for."""
        options: dict[str, Any] = {}
        if self.limit is not None:
            options[self.limit] = tokens
        if self.schema and schema is not None:
            options["response_format"] = schema
        if self.temperature and temperature is not None:
            options["temperature"] = temperature
        if self.stream and stream:
            options["stream"] = True
            if self.usage:
                options["stream_options"] = {"include_usage": True}
        return options

    def alternative(self, error: openai.APIError, asked: str, *, stream: bool = False) -> Dialect | None:
        """The form to use after a refusal of this one. None where the refusal is not about the form.

        `stream`: whether the answer was asked for as a stream.

        A server may quote the message, `asked`, which says nothing about the form.
        """
        if not isinstance(error, (openai.BadRequestError, openai.UnprocessableEntityError)):
            return None
        text = f"{error.param} {error}".lower()
        # A shorter message can't hold the name of a parameter, and might be a part of one.
        if len(asked) >= len(_LIMITS[0]):
            text = text.replace(asked.lower(), "")
        if self.temperature and "temperature" in text:
            return replace(self, temperature=False)
        if self.limit == _LIMITS[0] and _LIMITS[1] in text:
            return replace(self, limit=_LIMITS[1])
        if self.limit is not None and self.limit in text and _ABOUT_A_NAME.search(text):
            return replace(self, limit=_LIMITS[1] if self.limit == _LIMITS[0] else None)
        if self.schema and any(name in text for name in ("response_format", "json_schema", "structured output")):
            return replace(self, schema=False)
        if stream and self.stream:
            if self.usage and any(name in text for name in ("stream_options", "include_usage")):
                return replace(self, usage=False)
            # OpenAI lets only verified organizations stream some models, and names the parameter beside the text.
            if error.param == "stream" or (_STREAM.search(text) and _ABOUT_A_NAME.search(text)):
                return replace(self, stream=False)
        return None

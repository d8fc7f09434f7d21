"""Rules of the scripted model: to which requests they apply, how often, and with what effect."""

import re
from collections.abc import Container
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, field_validator

from pipeline.sandbox.json_types import Json


class ScriptedRule(BaseModel):
    """Which requests it is about, and what to do with them. A rule without an effect gives the default answer."""

    model_config = ConfigDict(extra="forbid")

    contains: str | None = Field(default=None, description="A substring of the user's text.")
    pattern: str | None = Field(default=None, description="A regular expression found in the user's text.")
    times: int = Field(default=0, ge=0, description="How often it applies; 0: always.")
    every: int = Field(default=1, ge=1, description="It applies only to each n-th request that matches.")
    after: int = Field(default=0, ge=0, description="It does not apply to the first n requests that match.")

    latency: float = Field(default=0.0, ge=0, description="Seconds before the effect, whichever it is.")
    status: Annotated[int, Field(ge=400, le=599)] | None = None
    code: str | None = None
    message: str | None = None
    error_type: str | None = None
    retry_after: float | None = Field(
        default=None, description="The Retry-After header, in seconds; without a status it is a 429."
    )
    body: str | None = Field(default=None, description="The whole response body, verbatim.")
    answer: str | None = Field(default=None, description="An answer, in the schema's form when one is asked for.")
    content: str | None = Field(default=None, description="The message's content, verbatim.")
    blocks: list[Json] | None = Field(default=None, description="The message's content as a list of blocks.")
    finish_reason: Literal["stop", "length", "content_filter"] = "stop"
    refusal: str | None = None
    empty_choices: bool = False
    refuse_response_format: bool = Field(
        default=False, description="400 about response_format; it matches only requests that have one."
    )
    refuse_stream: bool = Field(default=False, description="400 about stream; it matches only requests that have it.")
    refuse_stream_options: bool = Field(
        default=False, description="400 about stream_options; it matches only requests that have it."
    )
    ignore_stream: bool = Field(default=False, description="A plain completion, also where a stream is asked for.")
    stream_piece: int = Field(default=4, ge=1, description="Characters in each piece of a streamed content.")
    stream_pause: float = Field(default=0.0, ge=0, description="Seconds between two pieces of a streamed content.")
    stream_cut: int | None = Field(
        default=None, ge=0, description="After how many pieces of its content a stream's connection breaks."
    )
    stream_usage: bool = Field(default=True, description="Whether a stream says what it cost, where that is asked for.")
    drop: bool = Field(default=False, description="Close the connection with no response.")
    hang: bool = Field(default=False, description="Never answer.")

    @field_validator("pattern")
    @classmethod
    def _compiles(cls, pattern: str | None) -> str | None:
        if pattern is not None:
            try:
                re.compile(pattern)
            except re.error as error:
                raise ValueError(f"not a regular expression: {error}") from None
        return pattern

    def matches(self, text: str, options: Container[str]) -> bool:
        """Whether the rule is about such a request, however often it was used. `options`: the fields that it has."""
        return (
            (self.contains is None or self.contains in text)
            and (self.pattern is None or re.search(self.pattern, text) is not None)
            and ("response_format" in options or not self.refuse_response_format)
            and ("stream" in options or not self.refuse_stream)
            and ("stream_options" in options or not self.refuse_stream_options)
        )


class ActiveRule:
    """A rule with its counts."""

    def __init__(self, rule: ScriptedRule) -> None:
        self.rule = rule
        self.matched = 0
        self.applied = 0

    def applies(self, text: str, options: Container[str]) -> bool:
        """Whether the rule decides about this request; counts it."""
        rule = self.rule
        if (rule.times and self.applied >= rule.times) or not rule.matches(text, options):
            return False
        self.matched += 1
        past = self.matched - rule.after
        if past <= 0 or past % rule.every:
            return False
        self.applied += 1
        return True

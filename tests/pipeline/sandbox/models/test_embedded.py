"""The real embedded model: llama.cpp and SmolLM2 in this process."""

from concurrent.futures import ThreadPoolExecutor
from importlib.metadata import PackageNotFoundError
from typing import Any

import openai
import pytest

from pipeline.sandbox.models import embedded
from pipeline.sandbox.models.embedded import EmbeddedModel

pytestmark = pytest.mark.e2e

SCHEMA: Any = {
    "type": "json_schema",
    "json_schema": {
        "name": "answer",
        "strict": True,
        "schema": {
            "type": "object",
            "properties": {"answer": {"type": "string"}},
            "required": ["answer"],
            "additionalProperties": False,
        },
    },
}


def test_it_answers_in_plain_text_alike_each_time_and_refuses_a_schema(capfd: pytest.CaptureFixture[str]) -> None:
    pytest.importorskip("xllamacpp")
    with (
        EmbeddedModel(own_instructions=True) as model,
        openai.OpenAI(base_url=model.base_url, api_key="none", max_retries=0, timeout=60) as client,
    ):

        def answer(question: str, before: list[Any] | None = None, **more: Any) -> str:
            said = [*(before or []), {"role": "user", "content": question}]
            completion = client.chat.completions.create(model=model.model, messages=said, max_tokens=60, **more)
            return completion.choices[0].message.content or ""

        with pytest.raises(openai.BadRequestError, match="response_format is not supported"):
            answer("What is the capital of France?", response_format=SCHEMA)
        first = answer("What is the capital of France?")
        assert "Paris" in first
        # Others are asked in between and at the same time: neither leaves a trace.
        with ThreadPoolExecutor(3) as pool:
            assert set(pool.map(answer, ["What is the capital of France?"] * 3)) == {first}
        assert "SmolLM2" in answer("Who are you?")
        assert answer("And of Italy?", [{"role": "user", "content": "What is the capital of France?"},
                                        {"role": "assistant", "content": first}])  # fmt: skip
        long = "The quick brown fox jumps over the lazy dog. " * 134
        assert len(long) > 6000
        assert answer(f"What does the fox do? {long}")
        pieces = client.chat.completions.create(
            model=model.model, messages=[{"role": "user", "content": "Hello!"}], max_tokens=20, stream=True
        )
        assert sum(bool(piece.choices and piece.choices[0].delta.content) for piece in pieces) > 1
        assert [listed.id for listed in client.models.list()] == [model.model]
    with pytest.raises(RuntimeError):
        _ = model.base_url
    assert capfd.readouterr() == ("", "")


def test_a_missing_model_says_in_one_line_how_to_get_one(monkeypatch: pytest.MonkeyPatch) -> None:
    def missing(_: str) -> None:
        raise PackageNotFoundError

    monkeypatch.setattr(embedded, "distribution", missing)
    with pytest.raises(ImportError, match="run `make setup`") as raised:
        EmbeddedModel().__enter__()
    assert "\n" not in str(raised.value)

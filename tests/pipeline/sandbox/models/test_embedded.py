"""The real embedded model: llama.cpp and SmolLM2 in this process."""

import json
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


def test_it_answers_by_the_schema_and_takes_a_long_question(capfd: pytest.CaptureFixture[str]) -> None:
    pytest.importorskip("xllamacpp")
    with (
        EmbeddedModel() as model,
        openai.OpenAI(base_url=model.base_url, api_key="none", max_retries=0, timeout=60) as client,
    ):

        def answer(question: str) -> str:
            completion = client.chat.completions.create(
                model=model.model,
                messages=[{"role": "user", "content": question}],
                response_format=SCHEMA,
                max_tokens=200,
            )
            text = json.loads(completion.choices[0].message.content or "")["answer"]
            assert isinstance(text, str)
            return text

        assert "Paris" in answer("What is the capital of France?")
        long = "The quick brown fox jumps over the lazy dog. " * 134
        assert len(long) > 6000
        assert answer(f"What does the fox do? {long}")
        assert [listed.id for listed in client.models.list()] == [model.model]
    with pytest.raises(RuntimeError):
        _ = model.base_url
    assert capfd.readouterr() == ("", "")


def test_a_missing_extra_is_named_in_one_line(monkeypatch: pytest.MonkeyPatch) -> None:
    def missing(_: str) -> None:
        raise PackageNotFoundError

    monkeypatch.setattr(embedded, "distribution", missing)
    with pytest.raises(ImportError, match=r"telegram-lakehouse\[sandbox\]") as raised:
        EmbeddedModel().__enter__()
    assert "\n" not in str(raised.value)

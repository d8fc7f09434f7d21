"""A server of one's own needs its address alone."""

from __future__ import annotations

import pytest

from pipeline.demo.failure import DemoError
from pipeline.demo.own_model import own_model
from pipeline.sandbox.models.scripted import ScriptedModel
from pipeline.sandbox.server import serve


@pytest.fixture(autouse=True)
def _no_key(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("OPENAI_API_KEY", "OPENAI_API_KEY_FILE", "OPENAI_BASE_URL"):
        monkeypatch.delenv(name, raising=False)


def test_the_first_model_that_the_server_lists_is_asked() -> None:
    with serve(ScriptedModel(models=["llama", "qwen"]).app) as server:
        url = f"{server.url}/v1"
        assert own_model(f"{url}/", None) == {
            "OPENAI_BASE_URL": url,
            "PIPELINE_MODEL": "llama",
            "OPENAI_API_KEY": "none",
        }
        assert own_model(url, "qwen")["PIPELINE_MODEL"] == "qwen"


def test_an_address_without_v1_is_completed() -> None:
    with serve(ScriptedModel(models=["llama"]).app) as server:
        found = own_model(server.url, None)
    assert (found["OPENAI_BASE_URL"], found["PIPELINE_MODEL"]) == (f"{server.url}/v1", "llama")


def test_the_key_of_the_environment_is_used_and_not_replaced(monkeypatch: pytest.MonkeyPatch) -> None:
    with serve(ScriptedModel(models=["llama"], api_key="key-of-the-server").app) as server:
        with pytest.raises(DemoError, match=r"refuses the key: set OPENAI_API_KEY$"):
            own_model(f"{server.url}/v1", None)
        monkeypatch.setenv("OPENAI_API_KEY", "key-of-the-server")
        assert "OPENAI_API_KEY" not in own_model(f"{server.url}/v1", None)


def test_a_server_that_lists_none_needs_a_name() -> None:
    async def empty(scope: object, receive: object, send: object) -> None:
        await send({"type": "http.response.start", "status": 404, "headers": []})  # type: ignore[operator]
        await send({"type": "http.response.body", "body": b"{}"})  # type: ignore[operator]

    with serve(empty) as server:
        with pytest.raises(DemoError, match=r"lists no model: name one, as with make demo MODEL="):
            own_model(server.url, None)
        assert own_model(server.url, "mine")["PIPELINE_MODEL"] == "mine"


def test_a_server_that_is_not_there_is_one_line() -> None:
    with pytest.raises(
        DemoError, match=r"^no server answers at http://127\.0\.0\.1:9/v1: start it, or check MODEL_URL$"
    ):
        own_model("http://127.0.0.1:9/v1", None)


def test_an_address_of_the_wrong_form_is_named_by_the_option() -> None:
    with pytest.raises(DemoError, match=r"^--model-url is 'localhost:8000': http:// or https:// is missing: give "):
        own_model("localhost:8000", None)

"""A model of one's own: any server that speaks OpenAI's chat completions, and the name of a model that it serves."""

from __future__ import annotations

import os

import openai

from pipeline.demo.failure import DemoError
from pipeline.errors import SettingsError
from pipeline.model.client import Model, ModelSettings
from pipeline.platform.address import shown_address
from pipeline.settings import model_access, read_run_settings


def own_model(url: str, name: str | None) -> dict[str, str]:
    """The variables of a run that asks the server at `url`; without a name, for the first model that it lists.

    An address without the usual /v1 is completed where the server answers there only. Raises DemoError.
    """
    base = url.rstrip("/")
    listed = _listed(base)
    if not listed and not base.endswith("/v1") and (below := _listed(f"{base}/v1")):
        base, listed = f"{base}/v1", below
    chosen = name or (listed[0] if listed else None)
    if chosen is None:
        raise DemoError(f"the server at {shown_address(base)} lists no model: name one, as with make demo MODEL=…")
    return {"OPENAI_BASE_URL": base, "PIPELINE_MODEL": chosen} | _placeholder()


def _placeholder() -> dict[str, str]:
    """A key where there is none: some clients beside the demo insist on one."""
    given = os.environ.get("OPENAI_API_KEY") or os.environ.get("OPENAI_API_KEY_FILE")
    return {} if given else {"OPENAI_API_KEY": "none"}


def _listed(base: str) -> list[str] | None:
    """The models that a server lists; None where it keeps no list."""
    try:
        settings = read_run_settings({"openai_base_url": base})
    except SettingsError as error:
        raise DemoError(str(error).replace("OPENAI_BASE_URL", "--model-url", 1)) from None
    client = Model(ModelSettings(""))
    try:
        return client.served(model_access(settings))
    except openai.APIStatusError as error:
        if error.status_code in (401, 403):
            raise DemoError(f"the server at {shown_address(base)} refuses the key: set OPENAI_API_KEY") from None
        return None
    except openai.APIError:
        raise DemoError(f"no server answers at {shown_address(base)}: start it, or check MODEL_URL") from None
    finally:
        client.close()

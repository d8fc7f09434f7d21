"""A model that is down or slow, whatever application it is."""

from __future__ import annotations

import time

import httpx

from pipeline.demo.faults.model_faults import ModelFaults
from pipeline.sandbox.models.scripted import ScriptedModel
from pipeline.sandbox.server import serve

_ASKED = {"model": "scripted", "messages": [{"role": "user", "content": "hi"}]}


def test_a_model_is_down_slow_and_well_again() -> None:
    model, faults = ScriptedModel(), ModelFaults()
    with serve(faults.around(model.app)) as served, httpx.Client(base_url=served.url, timeout=10) as client:
        faults.down = True
        assert client.post("/v1/chat/completions", json=_ASKED).status_code == 503
        assert client.get("/v1/models").status_code == 200
        assert model.calls == []
        faults.down, faults.seconds = False, 0.3
        began = time.monotonic()
        assert client.post("/v1/chat/completions", json=_ASKED).status_code == 200
        assert time.monotonic() - began >= 0.3
        faults.end()
        assert not faults.seconds
        assert client.post("/v1/chat/completions", json=_ASKED).status_code == 200

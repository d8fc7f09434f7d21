"""Faults that a test scripts."""

import time

import httpx
import pytest

from pipeline.sandbox.telegram.account import DEFAULT_TOKEN
from tests.support.simulated import Sandbox


@pytest.mark.parametrize(("kind", "carried_out"), [("lost_response", True), ("lost_request", False)])
def test_a_connection_may_end_without_a_response(sandbox: Sandbox, kind: str, carried_out: bool) -> None:
    """Making requests: the network may fail on either way."""
    sandbox.says()
    sandbox.fault(kind)
    with pytest.raises((httpx.RemoteProtocolError, httpx.ReadError)):
        sandbox.bot("sendMessage", chat_id=1, text="lost?")
    assert [sent["text"] for sent in sandbox.control("GET", "sent")] == (["lost?"] if carried_out else [])
    assert sandbox.bot("sendMessage", chat_id=1, text="next").status_code == 200
    outcomes = sandbox.control("GET", "requests")["outcomes"]["sendMessage"]
    assert outcomes == {kind: 1, "200": 1}


def test_a_fault_may_be_a_status_with_parameters(sandbox: Sandbox) -> None:
    """ResponseParameters: retry_after; and errors of the server itself."""
    sandbox.says()
    sandbox.fault("status", status=429, parameters={"retry_after": 3})
    sandbox.fault("status", status=502, description="Bad Gateway, said by a test")
    first, second = (sandbox.bot("sendMessage", chat_id=1, text="x") for _ in range(2))
    assert first.json()["description"] == "Too Many Requests: retry after 3"
    assert first.headers["Retry-After"] == "3"
    assert (second.status_code, second.json()["description"]) == (502, "Bad Gateway, said by a test")
    assert sandbox.control("GET", "sent") == []
    assert sandbox.control("GET", "requests")["statuses"] == {"429": 1, "502": 1}


def test_a_fault_may_be_a_response_that_is_not_json(sandbox: Sandbox) -> None:
    """Making requests: the response contains a JSON object; what stands between may answer otherwise."""
    sandbox.says()
    sandbox.fault("garbage")
    with pytest.raises(ValueError, match="Expecting value"):
        sandbox.bot("sendMessage", chat_id=1, text="x").json()


def test_a_fault_may_be_a_delay_or_no_answer_at_all(sandbox: Sandbox) -> None:
    """Making requests: a client needs time-outs of its own."""
    sandbox.says()
    sandbox.fault("delay", seconds=0.3)
    sandbox.fault("hang")
    started = time.monotonic()
    assert sandbox.bot("sendMessage", chat_id=1, text="late").status_code == 200
    assert time.monotonic() - started >= 0.3
    with pytest.raises(httpx.ReadTimeout):
        httpx.get(
            f"{sandbox.url}/bot{DEFAULT_TOKEN}/sendMessage",
            params={"chat_id": 1, "text": "never"},
            timeout=0.3,
        )
    assert [sent["text"] for sent in sandbox.control("GET", "sent")] == ["late"]


def test_a_fault_strikes_where_and_as_often_as_it_says(sandbox: Sandbox) -> None:
    """No rule of the Bot API: chat_id, after, times, *, and clearing."""
    for chat_id in (1, 2):
        sandbox.says(chat_id=chat_id)
    sandbox.fault("status", chat_id=2, after=1, times=2)

    def statuses(chat_id: int) -> list[int]:
        return [sandbox.bot("sendMessage", chat_id=chat_id, text="x").status_code for _ in range(4)]

    assert statuses(1) == [200] * 4
    assert statuses(2) == [200, 500, 500, 200]
    sandbox.fault("status", "*", status=503, times=0)
    assert statuses(1) == [503] * 4
    assert sandbox.bot("getMe").status_code == 503
    assert sandbox.control("DELETE", "faults") == {"faults": []}
    assert sandbox.bot("getMe").status_code == 200

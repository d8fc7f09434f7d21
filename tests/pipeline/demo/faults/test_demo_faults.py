"""One fault at a time, told as it happens, and counted at its end."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from pipeline.demo.faults import demo_faults
from pipeline.demo.faults.demo_faults import DemoFaults
from pipeline.demo.faults.scenarios import SCENARIOS, DemoScene, FaultScenario
from pipeline.sandbox.server import serve
from pipeline.sandbox.telegram.account import DEFAULT_TOKEN
from pipeline.sandbox.telegram.simulator import Telegram
from pipeline.sandbox.web.app import create_app
from pipeline.settings import StorageSettings
from pipeline.watch.hub import Hub
from tests.support.simulated import says, send
from tests.support.world import wait_until


class Played:
    """Faults with one scenario that a test holds in its hand."""

    def __init__(self, tmp_path: Path, telegram: Telegram, url: str) -> None:
        self.telegram, self.url = telegram, url
        self.go_on = threading.Event()
        self.hub = Hub()
        (tmp_path / "lake").mkdir()
        self.faults = DemoFaults(StorageSettings(storage=tmp_path / "lake").places, telegram, url)
        self.faults._offered = {"test": FaultScenario("test", "A test", "It will happen.", self._play)}
        self.faults.attach(self.hub)
        self.fails: type[Exception] | None = None

    def _play(self, stage: DemoScene) -> None:
        stage.ask("Is it on?")
        if self.fails is not None:
            raise self.fails("secret")
        stage.wait_until(self.go_on.is_set, 20.0)

    def answer(self) -> None:
        for chat in self.telegram.chats():
            for message in self.telegram.transcript(chat["id"]):
                send(self.telegram, chat["id"], "yes", reply_parameters={"message_id": message["message_id"]})

    @property
    def shown(self) -> dict[str, Any]:
        section = next(event for event in self.hub.listen(lambda _: None)[0] if event.type == "faults")
        found: dict[str, Any] = json.loads(section.data)
        return found

    def until_idle(self) -> dict[str, Any]:
        wait_until(lambda: self.shown["running"] is None, 20.0)
        return self.shown


@pytest.fixture
def played(tmp_path: Path) -> Iterator[Played]:
    telegram = Telegram()
    with serve(create_app(telegram)) as served:
        made = Played(tmp_path, telegram, served.url)
        yield made
        made.faults.end()


def test_a_fault_says_what_will_happen_what_happened_and_what_was_lost(played: Played) -> None:
    assert played.faults.cause("test") is None
    wait_until(lambda: len(played.telegram.chats()) == 1, 5.0)
    assert played.shown["running"] == "test"
    assert played.faults.cause("test") == "another fault is under way: wait until it has ended"
    played.answer()
    played.go_on.set()
    shown = played.until_idle()
    assert [line["kind"] for line in shown["story"]] == ["will", "did", "good"]
    assert shown["story"][1]["text"] == "Mary asks “Is it on?”."
    assert (
        shown["story"][2]["text"]
        == "By Telegram's own record, since the demo began: asked 1, answered 1, lost 0, twice 0."
    )
    assert shown["offered"][0]["result"] == {"good": True, "text": "asked 1, answered 1, lost 0, twice 0"}


def test_a_lost_message_is_said(played: Played, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(demo_faults, "_SETTLED_WITHIN", 0.3)
    played.go_on.set()
    played.faults.cause("test")
    wait_until(lambda: played.shown["offered"][0]["result"] is not None, 20.0)
    assert played.until_idle()["offered"][0]["result"] == {
        "good": False,
        "text": "asked 1, answered 0, lost 1, twice 0",
    }


def test_a_fault_that_fails_says_so_without_its_text_and_the_next_can_be_caused(played: Played) -> None:
    played.fails = RuntimeError
    played.faults.cause("test")
    wait_until(lambda: played.shown["offered"][0]["result"] is not None, 20.0)
    assert "secret" not in json.dumps(played.until_idle())
    assert played.faults.cause("test") is None


def test_a_fault_of_telegram_has_come_once_a_reply_met_it(played: Played) -> None:
    played.faults.telegram_fault("too_many_requests")
    assert not played.faults.telegram_fault_came()
    says(played.telegram)
    refused = httpx.post(f"{played.url}/bot{DEFAULT_TOKEN}/sendMessage", json={"chat_id": 1, "text": "yes"})
    assert refused.status_code == 429
    assert played.faults.telegram_fault_came()


def test_the_end_of_the_demo_ends_a_fault(played: Played) -> None:
    played.faults.cause("test")
    wait_until(lambda: len(played.telegram.chats()) == 1, 5.0)
    played.faults.end()
    assert played.until_idle()["offered"][0]["result"] is None
    assert played.faults.cause("test") == "the demo ends"


def test_only_faults_of_what_is_there_are_offered(tmp_path: Path) -> None:
    faults = DemoFaults(StorageSettings(storage=tmp_path).places, Telegram(), "http://127.0.0.1:1")
    assert set(faults._offered) == {s.name for s in SCENARIOS if not s.needs_model and not s.needs_run}
    assert faults.cause("killed") == "this fault is not offered here"

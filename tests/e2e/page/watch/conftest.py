"""The live page in a real browser: of a storage that a test fills, and of a real run that a test breaks."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from pipeline.demo.faults.demo_faults import DemoFaults
from pipeline.demo.faults.model_faults import ModelFaults
from pipeline.demo.faults.run_process import RunProcess
from pipeline.sandbox.models.scripted import ScriptedModel
from pipeline.sandbox.server import serve
from pipeline.sandbox.telegram.simulator import Telegram
from pipeline.sandbox.web.app import create_app
from pipeline.settings import StorageSettings
from pipeline.watch.served import watching
from tests.support.simulated import says
from tests.support.world import TOKEN, World, wait_until

WIDE, NARROW = {"width": 1440, "height": 900}, {"width": 390, "height": 844}


@dataclass
class Page:
    """The live page in a browser."""

    page: Any
    url: str
    errors: list[str] = field(default_factory=list)
    """What the browser complained about: errors of scripts, and of the Content-Security-Policy."""
    requests: list[str] = field(default_factory=list)

    def open(self) -> None:
        self.page.goto(self.url)
        self.page.locator("#app[data-live=true]").wait_for()

    def message(self, text: str) -> Any:
        return self.page.get_by_role("option").filter(has_text=text)

    def stage(self, name: str) -> Any:
        return self.page.locator(f"[data-stage={name}]")

    def step(self, name: str) -> Any:
        return self.page.locator(f"[data-step={name}]")


@contextmanager
def opened(browser: Any, url: str, size: dict[str, int] = WIDE, **options: Any) -> Iterator[Page]:
    """The page in a new window. At the end no script may have failed, and no request may have left the machine."""
    context = browser.new_context(viewport=size, locale="en-GB", reduced_motion="reduce", **options)
    made = Page(context.new_page(), url)
    made.page.set_default_timeout(10_000)
    made.page.on("pageerror", lambda error: made.errors.append(str(error)))
    made.page.on("console", lambda said: made.errors.append(said.text) if said.type == "error" else None)
    made.page.on("request", lambda request: made.requests.append(request.url))
    yield made
    context.close()
    assert made.errors == []
    assert [url for url in made.requests if not url.startswith("http://127.0.0.1:")] == []


@dataclass
class Demo:
    """A run as the demo has it, with its live page and the faults."""

    url: str
    telegram: Telegram
    telegram_url: str
    storage: Path
    run: RunProcess
    model: ScriptedModel

    def says(self, text: str, **more: Any) -> int:
        return says(self.telegram, text, **more)


# One run for all tests that need one, which are in one group: it starts in many seconds. It ends with them.
@pytest.fixture(scope="package")
def demo(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Demo]:
    storage = tmp_path_factory.mktemp("demo") / "lake"
    telegram, model, faults = Telegram(TOKEN), ScriptedModel(latency=0.2), ModelFaults()
    with ExitStack() as running:
        telegram_url = running.enter_context(serve(create_app(telegram))).url
        model_url = running.enter_context(serve(faults.around(model.app))).url
        environment = World(storage, telegram, telegram_url, model, model_url).environment
        run = running.enter_context(RunProcess(environment, storage, token=TOKEN))
        places = StorageSettings(storage=storage).places
        panel = DemoFaults(places, telegram, telegram_url, model=faults, run=run)
        served = running.enter_context(watching(places, chat=telegram_url, faults=panel))
        wait_until(lambda: run.is_serving, 150, lambda: run.log.read_text(errors="replace"))
        yield Demo(f"{served.url}/", telegram, telegram_url, storage, run, model)

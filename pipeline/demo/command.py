"""Runs the demo: starts its parts one after another, chats or answers a file, and stops everything in order.

If TELEGRAM_BOT_TOKEN is set, it serves that bot instead; if OPENAI_BASE_URL is set, it asks that model.
"""

from __future__ import annotations

import os
import signal
import time
from contextlib import AbstractContextManager, ExitStack
from dataclasses import dataclass, field
from pathlib import Path

from rich.console import Console

from pipeline.demo import signposts
from pipeline.demo.chat import TerminalChat
from pipeline.demo.demo_run import DemoRun
from pipeline.demo.failure import DemoError
from pipeline.demo.faults.demo_faults import DemoFaults
from pipeline.demo.faults.model_faults import ModelFaults
from pipeline.demo.folder import demo_root, held_folder
from pipeline.demo.messages import answer_all, read_messages
from pipeline.demo.own_model import own_model
from pipeline.demo.progress import Progress
from pipeline.demo.summary import summary
from pipeline.sandbox.models.embedded import LONGEST_ANSWER, EmbeddedModel
from pipeline.sandbox.server import Served, serve
from pipeline.sandbox.telegram.account import DEFAULT_TOKEN
from pipeline.sandbox.telegram.simulator import Telegram
from pipeline.sandbox.web.app import create_app
from pipeline.settings import StorageSettings, bot_id_of, bot_token, read_run_settings
from pipeline.storage.record import read_record
from pipeline.terminal import plain, terminal
from pipeline.watch.served import watching

_EPOCH = 1_767_225_600
"""2026-01-01, from which the simulated Telegram counts."""
_NUMBERS_A_SECOND = 5
"""Far more messages than anybody sends the demo; in ten years the numbers still have 32 bits."""
_TURNS_REMEMBERED = "3"
"""What the small model is given of a conversation, unless the environment says otherwise. With ten turns it took seven
seconds for an answer, and repeated an earlier one."""


@dataclass(frozen=True)
class Choices:
    """What the command line says. `model_url` and `model_name`: a model of one's own, in place of the small one."""

    messages: Path | None = None
    storage: Path | None = None
    fresh: bool = False
    model_url: str | None = None
    model_name: str | None = None
    timeout: float = 300.0


@dataclass
class _Services:
    """What the pipeline talks to. `telegram` is None where a real bot is served."""

    telegram: Telegram | None = None
    page: str = ""
    live: str = ""
    """The address of the live page."""
    model_faults: ModelFaults | None = None
    """None where the model is not the demo's."""
    own: dict[str, str] = field(default_factory=dict)
    """The variables that the demo sets itself."""


def run_demo(choices: Choices) -> int:
    """Run the demo. Returns the exit code: 0 once every message is in its final state, else 1. Raises DemoError."""
    console = terminal()
    lines = read_messages(choices.messages) if choices.messages is not None else None
    if _serves_real_bot() and lines is not None:
        raise DemoError("TELEGRAM_BOT_TOKEN is set, so people write the messages: unset it, or leave --messages out")
    if choices.fresh and choices.storage is not None:
        raise DemoError("--fresh empties the demo's own folder: leave --storage out, or remove that folder yourself")
    # Ctrl-C and SIGTERM both stop the demo in order, so that no process is left running.
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    # A file's result is the table alone: what is said on the way is for people at a terminal.
    progress = Progress(console if lines is None else terminal(stderr=True))
    try:
        return _run(console, progress, choices, lines)
    except KeyboardInterrupt:
        return 0 if lines is None else 1


def _serves_real_bot() -> bool:
    return bool(os.environ.get("TELEGRAM_BOT_TOKEN") or os.environ.get("TELEGRAM_BOT_TOKEN_FILE"))


def _run(console: Console, progress: Progress, choices: Choices, lines: list[str] | None) -> int:
    with ExitStack() as running:
        services = _start_services(running, progress, choices)
        environment = {**os.environ, **services.own}
        folder = _folder(running, choices)
        with ExitStack() as working:
            with progress.phase("pipeline: Spark, its tables and the first micro-batch"):
                token = DEFAULT_TOKEN if services.telegram is not None else None
                started = working.enter_context(DemoRun(environment, folder, token=token))
                if lines is None:
                    services.live = working.enter_context(_live_page(started, services)).url
                started.wait_until_serving()
            progress.print_total()
            if services.telegram is not None and lines is not None:
                return 0 if answer_all(console, started, services.telegram, lines, choices.timeout) else 1
            try:
                code = _talk(console, started, services)
            except KeyboardInterrupt:
                console.print()
                code = 0
            with console.status("Stopping: what is under way is finished first …"):
                working.close()
        console.print(f"{summary(folder)}", style="dim")
        _print(console, [*signposts.places(folder), signposts.afresh(folder, is_default=choices.storage is None)])
        return code


def _start_services(running: ExitStack, progress: Progress, choices: Choices) -> _Services:
    services = _Services()
    url = choices.model_url or os.environ.get("OPENAI_BASE_URL")
    if url is not None:
        with progress.phase("model: asking your server what it serves"):
            services.own |= own_model(url, choices.model_name or os.environ.get("PIPELINE_MODEL"))
    else:
        with progress.phase("model: loading the small one"):
            services.model_faults = ModelFaults()
            model = _small_model(running, services.model_faults)
        # It answers one question after another, and the longer, the worse.
        services.own |= {"OPENAI_BASE_URL": model.base_url, "OPENAI_API_KEY": "none", "PIPELINE_MODEL": model.model}
        services.own |= {"PIPELINE_CONCURRENCY": "1", "PIPELINE_MAX_TOKENS": str(LONGEST_ANSWER)}
        services.own |= {"PIPELINE_CONTEXT_TURNS": os.environ.get("PIPELINE_CONTEXT_TURNS", _TURNS_REMEMBERED)}
    if not _serves_real_bot():
        with progress.phase("Telegram: the simulated one, with its chat page"):
            services.telegram = Telegram(DEFAULT_TOKEN)
            # The tables of earlier demos have lower numbers: a number that comes again is a message that was delivered.
            number = int((time.time() - _EPOCH) * _NUMBERS_A_SECOND)
            services.telegram.skip_update_ids(number)
            services.telegram.skip_message_ids(number)
            services.page = running.enter_context(serve(create_app(services.telegram))).url
        services.own |= {"TELEGRAM_BOT_TOKEN": DEFAULT_TOKEN, "TELEGRAM_API_URL": services.page}
    return services


def _small_model(running: ExitStack, faults: ModelFaults) -> EmbeddedModel:
    try:
        return running.enter_context(EmbeddedModel(own_instructions=True, around=faults.around))
    except ImportError as error:
        raise DemoError(f"{error}, or ask a server of your own: make demo MODEL_URL=http://…") from None


def _live_page(started: DemoRun, services: _Services) -> AbstractContextManager[Served]:
    """The page with the pipeline, the chat beside it, and what can be broken."""
    places = StorageSettings(storage=started.folder).places
    if services.telegram is None:
        return watching(places)
    faults = DemoFaults(places, services.telegram, services.page, model=services.model_faults, run=started)
    return watching(places, chat=services.page, faults=faults)


def _folder(running: ExitStack, choices: Choices) -> Path:
    """The folder for everything durable. It is kept, so that the tables can be read later."""
    if choices.storage is not None:
        return choices.storage.absolute()
    token = bot_token(read_run_settings()) if _serves_real_bot() else None
    bot_id = bot_id_of(token) if token is not None else int(DEFAULT_TOKEN.partition(":")[0])
    return running.enter_context(held_folder(demo_root(), bot_id, fresh=choices.fresh))


def _talk(console: Console, started: DemoRun, services: _Services) -> int:
    _announce(console, started, services)
    if services.telegram is None:
        return _serve(console, started)
    chat = TerminalChat(console, services.telegram, lambda: started.running)
    if chat.run(lambda: summary(started.folder)):
        return 0
    started.require_running()
    return 1


def _announce(console: Console, started: DemoRun, services: _Services) -> None:
    """Where everything is, once all of it runs."""
    _print(console, ["", *signposts.places(started.folder), "", *signposts.beside(started.folder, services.own), ""])
    live = f"Live pipeline: [bold]{services.live}/[/]"
    if services.telegram is None:
        console.print(live, soft_wrap=True)
        record = read_record(started.folder)
        bot = record.bot_username if record and record.bot_username else "?"
        console.print(f"Write to @{plain(bot)} on Telegram. Press Ctrl-C to stop.")
        return
    # The addresses of pages stand here, one a line, last: they are what a person needs next.
    console.print(f"Chat page: [bold]{services.page}/[/]", soft_wrap=True)
    console.print(f"{live}  (the chat beside it, and what you can break)", soft_wrap=True)
    console.print("It is the same chat as here. An empty line or Ctrl-C ends the demo.")


def _serve(console: Console, started: DemoRun) -> int:
    with console.status(summary(started.folder)) as shown:
        while (code := started.wait(2.0)) is None:
            shown.update(summary(started.folder))
    if code != 0:
        started.require_running()
    return code


def _print(console: Console, lines: list[str]) -> None:
    """Lines to be copied: without line breaks of the terminal's."""
    for line in lines:
        console.print(line, markup=False, soft_wrap=True)

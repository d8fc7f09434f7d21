"""`pipeline sandbox`: serves the simulated Telegram and a model until it is interrupted."""

import signal
import threading
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from enum import StrEnum
from types import FrameType
from typing import Annotated

import typer
from rich.table import Table

from pipeline.sandbox.models.embedded import EmbeddedModel
from pipeline.sandbox.models.scripted import DEFAULT_MODEL, ScriptedModel
from pipeline.sandbox.server import serve
from pipeline.sandbox.telegram.account import DEFAULT_TOKEN
from pipeline.sandbox.telegram.simulator import Telegram
from pipeline.sandbox.web.app import create_app
from pipeline.terminal import Terminal, say, terminal


class SandboxModel(StrEnum):
    """The model server that is started with the simulated Telegram."""

    EMBEDDED = "embedded"
    SCRIPTED = "scripted"
    NONE = "none"


def sandbox(
    port: Annotated[
        int, typer.Option(min=0, max=65535, help="Port of the simulated Telegram; 0 for a free one.")
    ] = 8081,
    host: Annotated[str, typer.Option(help="Address of the simulated Telegram.")] = "127.0.0.1",
    token: Annotated[str, typer.Option(help="Token of the simulated bot; never give a real one.")] = DEFAULT_TOKEN,
    model: Annotated[
        SandboxModel, typer.Option(help="Model server: a small real model, one that follows a script, or none.")
    ] = SandboxModel.EMBEDDED,
    model_port: Annotated[int, typer.Option(min=0, max=65535, help="Port of the model server; 0 for a free one.")] = 0,
) -> None:
    """Serve a simulated Telegram with a chat page, and a model: develop a bot without any account."""
    with ExitStack() as running, _stop_signal() as stopped:
        try:
            url = running.enter_context(serve(create_app(Telegram(token), host), host, port)).url
            settings = {"TELEGRAM_BOT_TOKEN": token, "TELEGRAM_API_URL": url}
            settings |= _start_model(running, model, model_port)
        except (ImportError, OSError, RuntimeError, ValueError) as error:
            # Each of these the user can fix: a taken port, a missing extra, a token of the wrong form.
            say(f"sandbox: {_in_one_line(error)}", error=True)
            raise typer.Exit(2) from None
        _show(terminal(), url, settings)
        stopped.wait()


def main() -> None:
    """The entry point of `python -m pipeline.sandbox`."""
    typer.run(sandbox)


def _start_model(running: ExitStack, model: SandboxModel, port: int) -> dict[str, str]:
    if model is SandboxModel.EMBEDDED:
        embedded = running.enter_context(EmbeddedModel(port))
        return _model_settings(embedded.base_url, embedded.model)
    if model is SandboxModel.SCRIPTED:
        url = running.enter_context(serve(ScriptedModel().app, port=port)).url
        return _model_settings(f"{url}/v1", DEFAULT_MODEL)
    return {}


def _model_settings(base_url: str, name: str) -> dict[str, str]:
    return {"OPENAI_BASE_URL": base_url, "OPENAI_API_KEY": "sandbox", "PIPELINE_MODEL": name}


def _in_one_line(error: Exception) -> str:
    return " ".join((error.strerror or str(error) if isinstance(error, OSError) else str(error)).split())


def _show(console: Terminal, url: str, settings: dict[str, str]) -> None:
    table = Table.grid(padding=(0, 2))
    table.add_row("Chat page", f"{url}/", style="bold")
    table.add_row("Bot API", f"{url}/bot<token>/<method>")
    table.add_row("Control API", f"{url}/sandbox/")
    console.print(table)
    console.print("\nSet in the bot's environment:", style="dim")
    for name, value in settings.items():
        # Without line breaks, to be copied.
        console.print(f"export {name}={value}", soft_wrap=True, markup=False)
    console.print("\nCtrl-C stops it.", style="dim")


@contextmanager
def _stop_signal() -> Iterator[threading.Event]:
    """An event that SIGINT and SIGTERM set. Outside the main thread, where no handler can be set, it stays unset."""
    stopped = threading.Event()
    if threading.current_thread() is not threading.main_thread():
        yield stopped
        return

    def stop(_: int, __: FrameType | None) -> None:
        stopped.set()

    before = {number: signal.signal(number, stop) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield stopped
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)

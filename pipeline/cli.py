"""The command line: `pipeline run | status | explain | watch | demo | sandbox`."""

from __future__ import annotations

import os
import traceback
from pathlib import Path
from typing import Annotated

import structlog
import typer

from pipeline import __version__
from pipeline.command import ending, run_command
from pipeline.errors import OperatorError, RunFailed
from pipeline.options import with_settings
from pipeline.platform.databricks import on_databricks
from pipeline.redaction import scrub
from pipeline.settings import RunSettings, StorageSettings, unknown_variables
from pipeline.storage.paths import check_folder
from pipeline.terminal import say

_LOG_LEVELS = ("debug", "info", "warning", "error")

app = typer.Typer(
    name="pipeline",
    help="An AI assistant on Telegram that runs as a lakehouse pipeline.",
    no_args_is_help=True,
    add_completion=False,
    # A traceback with local variables would show secrets, and rich's exception hook has hidden failures on Databricks.
    pretty_exceptions_enable=False,
)


def _version(wanted: bool) -> None:
    if wanted:
        say(__version__)
        raise typer.Exit


@app.callback()
def _pipeline(
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Show the version.")
    ] = False,
) -> None:
    """An AI assistant on Telegram that runs as a lakehouse pipeline."""


@app.command()
@with_settings
def run(
    settings: RunSettings,
    once: Annotated[bool, typer.Option("--once", help="Take what Telegram holds, process it, and exit.")] = False,
    deadline: Annotated[
        float | None,
        typer.Option(help="With --once: stop after this many seconds; the next run continues (exit code 1).", min=0),
    ] = None,
    log_level: Annotated[
        str, typer.Option(help="The least important events to log.", metavar=f"<{'|'.join(_LOG_LEVELS)}>")
    ] = "info",
) -> None:
    """Serve a bot until it is stopped.

    The secrets come from TELEGRAM_BOT_TOKEN and OPENAI_API_KEY, from the files that TELEGRAM_BOT_TOKEN_FILE and
    OPENAI_API_KEY_FILE name, or from the Databricks secret scope that PIPELINE_SECRET_SCOPE names.

    Exit code 0: done; 1: failed, or cut short by --deadline; 2: you must fix something first.
    """
    from pipeline.log import configure_logs
    from pipeline.run.run import Run
    from pipeline.run.signals import stopping_on_signals

    if deadline is not None and not once:
        raise OperatorError("--deadline is given without --once: add --once, or leave --deadline out to serve")
    if log_level.lower() not in _LOG_LEVELS:
        raise OperatorError(f"--log-level is {log_level!r}: it should be debug, info, warning or error")
    configure_logs(log_level)
    for variable in unknown_variables(os.environ):
        structlog.get_logger().warning("ignored a variable that is no setting", variable=variable)
    this_run = Run(settings, once=once, deadline=deadline)
    # A server that is stopped has done its work; a run with --once has not.
    with stopping_on_signals(this_run.stop, code_if_forced=int(once)):
        if not this_run.run():
            raise RunFailed("the deadline came first: the next run continues with what is left")


@app.command()
@with_settings
def status(
    settings: StorageSettings,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
    watch: Annotated[bool, typer.Option("--watch", help="Show it again every two seconds, until Ctrl-C.")] = False,
) -> None:
    """Show what each stage holds, how far it lags, the last error, and the replies whose outcome is unknown.

    Exit code 0: shown; 1: failed; 2: you must fix something first.
    """
    from pipeline.view.status import print_status, status_of

    if watch:
        from pipeline.view.watched_status import watch_status

        watch_status(settings.places, as_json=as_json)
        return
    print_status(status_of(settings.places), as_json=as_json)


# The id of a group begins with a minus sign, as an option does.
@app.command(context_settings={"ignore_unknown_options": True})
@with_settings
def explain(
    settings: StorageSettings,
    message: Annotated[str, typer.Argument(help="A question that was answered.", metavar="CHAT/MESSAGE")],
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Show the request that the model was given for a message, made again from the tables, and check its hash.

    Exit code 0: the same request; 1: not the same, or failed; 2: you must fix something first.
    """
    from pipeline.view.explanation import explained, named, print_explanation
    from pipeline.view.local import LocalView

    explanation = explained(LocalView(settings.places), *named(message))
    print_explanation(explanation, as_json=as_json)
    if not explanation.reproduced:
        raise typer.Exit(1)


@app.command()
@with_settings
def watch(
    settings: StorageSettings,
    port: Annotated[int, typer.Option(min=0, max=65535, help="Port of the page; 0 for a free one.")] = 8082,
    log: Annotated[
        Path | None,
        typer.Option(help="The run's log, for its warnings.", show_default="pipeline.log in the storage"),
    ] = None,
) -> None:
    """Show a run on this machine live in a browser: its stages, and the way of each message. It only reads.

    The page is on loopback only. Exit code 0: stopped; 1: failed; 2: you must fix something first.
    """
    # An optional extra, loaded by this command alone.
    try:
        from pipeline.watch.command import watch_storage
    except ImportError as error:
        raise OperatorError(
            f'the live page is an optional extra, and {error.name} is missing: install "telegram-lakehouse[local]"'
        ) from None
    watch_storage(settings.places, port=port, log=log)


@app.command()
def demo(
    messages: Annotated[
        Path | None,
        typer.Option(
            help="A text file: each line is one user's message (an empty line: a photo with an empty caption)."
        ),
    ] = None,
    storage: Annotated[
        Path | None,
        typer.Option(
            help="Folder for everything durable.", show_default="one in your state folder, which demos use again"
        ),
    ] = None,
    fresh: Annotated[bool, typer.Option("--fresh", help="Empty the demo's own folder first.")] = False,
    model_url: Annotated[
        str | None,
        typer.Option(
            help="Ask the model server at this address, which implements OpenAI's chat completions.",
            show_default="OPENAI_BASE_URL, else a small model in this process",
        ),
    ] = None,
    model: Annotated[
        str | None,
        typer.Option(help="Name of the model there.", show_default="PIPELINE_MODEL, else the first that it lists"),
    ] = None,
    timeout: Annotated[float, typer.Option(help="Seconds to wait for all messages of the file.", min=1)] = 300.0,
) -> None:
    """Run everything on this machine: Spark, Delta, a small language model, a simulated Telegram. Needs no account.

    Exit code 0: stopped, or all messages are done; 1: messages are left; 2: you must fix something first.
    """
    if storage is not None:
        try:
            check_folder(str(storage))
        except ValueError as fault:
            raise OperatorError(f"--storage is {str(storage)!r}: {fault}") from None
    try:
        from pipeline.demo.command import Choices, run_demo
    except ImportError as error:
        raise OperatorError(f"the demo is an optional extra, and {error.name} is missing: run `make setup`") from None
    choices = Choices(messages, storage, fresh, model_url, model, timeout)
    raise typer.Exit(run_demo(choices))


@app.command(
    context_settings={"allow_extra_args": True, "ignore_unknown_options": True},
    add_help_option=False,
    help="Serve a simulated Telegram with a chat page, and a small language model, for developing any bot.",
)
def sandbox(context: typer.Context) -> None:
    # An optional extra, loaded by this command alone; the options are declared there.
    try:
        from pipeline.sandbox.command import sandbox as serve
    except ImportError as error:
        raise OperatorError(
            f'the sandbox is an optional extra, and {error.name} is missing: run `make setup` or install ".[simulator]"'
        ) from None
    command = typer.Typer(add_completion=False, pretty_exceptions_enable=False)
    command.command()(serve)
    command(args=context.args, prog_name="pipeline sandbox")


def main() -> None:
    """The console script. An error becomes one line and an exit code, never a traceback.

    On Databricks a wheel task calls this. There it returns or raises: an exit can count as success or as a crash.
    """
    if on_databricks():
        _task()
    else:
        run_command("pipeline", app)


def _task() -> None:
    """The command line as a task: returns on success, and raises RunFailed with one line that holds no secret."""
    try:
        # Not `app()`: that installs an exception hook, and the process is the cluster's.
        code = typer.main.get_command(app)(standalone_mode=False)
        line = f"the command ended with {code}" if code else ""
    except Exception as error:
        line = ending(error, _in_words)
    if line:
        raise RunFailed(line)


def _in_words(error: Exception) -> str:
    if hasattr(error, "format_message"):  # the command line has a mistake
        return str(error.format_message())
    # Nobody but the cluster's own log can show where it came from.
    say(scrub("".join(traceback.format_exception(error))), error=True)
    return f"{type(error).__name__}: {' '.join(str(error).split())[:300]}"


if __name__ == "__main__":
    main()

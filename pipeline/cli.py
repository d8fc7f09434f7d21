"""The command line: `pipeline run | status | demo | sandbox`."""

from __future__ import annotations

import sys
import traceback
from pathlib import Path
from typing import Annotated

import typer

from pipeline import __version__
from pipeline.errors import OperatorError, RunFailed
from pipeline.options import with_settings
from pipeline.platform.databricks import on_databricks
from pipeline.redaction import scrub
from pipeline.settings import RunSettings

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
        print(__version__)
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
    log_level: Annotated[str, typer.Option(help="debug, info, warning or error.")] = "info",
) -> None:
    """Serve a bot until it is stopped.

    The secrets come from TELEGRAM_BOT_TOKEN and OPENAI_API_KEY, from the files that TELEGRAM_BOT_TOKEN_FILE and
    OPENAI_API_KEY_FILE name, or from the Databricks secret scope that PIPELINE_SECRET_SCOPE names. Exit code 0: done;
    1: failed, or cut short by --deadline; 2: you must fix something first.
    """
    from pipeline.log import configure_logs
    from pipeline.run.composition import Run
    from pipeline.run.signals import stopping_on_signals

    if log_level.upper() not in ("DEBUG", "INFO", "WARNING", "ERROR"):
        raise OperatorError(f"--log-level is {log_level!r}: it should be debug, info, warning or error")
    configure_logs(log_level)
    this_run = Run(settings, once=once, deadline=deadline)
    with stopping_on_signals(this_run.stop):
        if not this_run.run():
            raise RunFailed("the deadline came first: the next run continues with what is left")


@app.command()
@with_settings
def status(
    settings: RunSettings,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Show what each stage holds, how far it lags, the last error, and the replies whose outcome is unknown."""
    from pipeline.view.status import print_status, status_of

    print_status(status_of(settings.places), as_json=as_json)


@app.command()
def demo(
    messages: Annotated[
        Path | None,
        typer.Option(
            help="A text file: each line is one user's message (an empty line: a photo with an empty caption)."
        ),
    ] = None,
    storage: Annotated[Path | None, typer.Option(help="Folder for the tables.  [a new folder]")] = None,
    timeout: Annotated[float, typer.Option(help="Seconds to wait for all messages of the file.", min=1)] = 300.0,
) -> None:
    """Run everything on this machine: Spark, Delta, a small language model, a simulated Telegram. Needs no account."""
    try:
        from pipeline.demo import run_demo
    except ImportError as error:
        raise OperatorError(f"the demo is an optional extra, and {error.name} is missing: run `make setup`") from None
    raise typer.Exit(run_demo(messages, storage, timeout))


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
            f'the sandbox is an optional extra, and {error.name} is missing: install "telegram-lakehouse[sandbox]"'
        ) from None
    command = typer.Typer(add_completion=False, pretty_exceptions_enable=False)
    command.command()(serve)
    command(args=context.args, prog_name="pipeline sandbox")


def main() -> None:
    """The console script. An error that is known becomes one line and an exit code, never a traceback.

    On Databricks a wheel task calls this. There it returns or raises: an exit can count as success or as a crash.
    """
    if on_databricks():
        _task()
        return
    try:
        app()
    except (OperatorError, RunFailed) as error:
        print(f"pipeline: {scrub(str(error))}", file=sys.stderr)
        raise SystemExit(2 if isinstance(error, OperatorError) else 1) from None


def _task() -> None:
    """The command line as a task: returns on success, and raises RunFailed with one line that holds no secret."""
    try:
        # Not `app()`: that installs an exception hook, and the process is the cluster's.
        code = typer.main.get_command(app)(standalone_mode=False)
    except (OperatorError, RunFailed) as error:
        line = str(error)
    except Exception as error:
        if hasattr(error, "format_message"):  # the command line has a mistake
            line = str(error.format_message())
        else:
            print(scrub(traceback.format_exc()), file=sys.stderr)
            line = f"{type(error).__name__}: {' '.join(str(error).split())[:300]}"
    else:
        if not code:
            return
        line = f"the command ended with {code}"
    raise RunFailed(scrub(line))


if __name__ == "__main__":
    main()

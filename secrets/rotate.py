"""Rotate a secret of a deployment: `rotate.py telegram-token --stack prod`. README.md has a section about it."""

from __future__ import annotations

import getpass
import os
import select
import signal
import sys
import time
import traceback
from enum import StrEnum
from pathlib import Path
from typing import Annotated, NoReturn

import typer
from pydantic import SecretStr
from rotation.audit import Audit, default_file
from rotation.deployment import Deployment
from rotation.lock import LASTS, Holder, Lock, caller, holder_of
from rotation.standing_table import as_json, show
from rotation.steps import MEANING, Found, Rotation, RotationFailed, Step, StoreError, plan, rollback_plan

from infra.outputs import read_outputs
from pipeline.errors import OperatorError
from pipeline.platform.scope import LLM_API_KEY, TELEGRAM_TOKEN
from pipeline.redaction import scrub

_LONGEST = 8192
_STDIN_PATIENCE = 10.0
_LOCK_PATIENCE = LASTS + 30.0
_TAKEN_UP = "the running job takes the value up by itself, once the one before is refused"

app = typer.Typer(add_completion=False, pretty_exceptions_enable=False)


class What(StrEnum):
    TELEGRAM_TOKEN = TELEGRAM_TOKEN
    LLM_API_KEY = LLM_API_KEY
    STATUS = "status"


@app.command()
def rotate(
    what: Annotated[What, typer.Argument(help="The secret to rotate, or `status` of all.", show_default=False)],
    stack: Annotated[str, typer.Option(help="The environment, as dev, staging or prod.", show_default=False)],
    outputs: Annotated[
        Path | None, typer.Option(help="Its outputs, from `pulumi stack output --json`.  \\[asked of the engine]")
    ] = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Show what would be done; change nothing.")] = False,
    rollback: Annotated[
        bool, typer.Option("--rollback", help="Undo an unfinished rotation, or go back to the previous version.")
    ] = False,
    audit: Annotated[
        Path | None, typer.Option(help="File that the audit log is appended to.  \\[in the user's state folder]")
    ] = None,
    json_: Annotated[bool, typer.Option("--json", help="With status: print JSON.")] = False,
) -> None:
    """Rotate a secret without stopping the job, or show how the secrets stand.

    The new value comes from a hidden prompt, from standard input, or from the version that is pending in AWS; never
    from the command line. It is proved before the job can read it. A call that was interrupted is gone on with by the
    same command.

    Exit code 0: done; 1: refused or failed, and nothing is lost; 2: something must be set right first.
    """
    if what is What.STATUS and (dry_run or rollback):
        raise OperatorError("status changes nothing: leave --dry-run and --rollback out")
    if json_ and what is not What.STATUS:
        raise OperatorError("--json goes with status: leave it out")
    try:
        deployment = Deployment(read_outputs(stack, outputs))
        if what is What.STATUS:
            _status(deployment, json_)
            return
        deployment.require(what)
        if dry_run:
            _plan(deployment, what, rollback)
        else:
            _rotate(deployment, what, rollback, audit or default_file())
    except RotationFailed as error:
        print(f"rotate: {scrub(str(error))}", file=sys.stderr)
        raise typer.Exit(1) from None
    except KeyboardInterrupt:
        print("rotate: interrupted; run the same command again to go on, or with --rollback to undo", file=sys.stderr)
        raise typer.Exit(1) from None


def _rotate(deployment: Deployment, secret: str, rollback: bool, log: Path) -> None:
    store = deployment.store(secret)
    found = store.read()
    print(f"{secret} of {deployment.outputs.environment}: {store.name}", flush=True)
    given = None if rollback else _new_value(secret, found)
    if given is None and not rollback and not found.unfinished:
        raise OperatorError(f"no new {secret} was given: write it to standard input, or run this at a terminal")
    audit = Audit(log, caller(), deployment.outputs.environment, secret)
    lock = Lock(deployment.scope, secret, _waiting)

    def say(step: str, outcome: str, detail: str) -> None:
        audit.write(step, outcome, detail)
        if outcome != "begun":
            print(f"  {step:<8} {outcome:<9} {scrub(detail)}", flush=True)

    rotation = Rotation(store, deployment.proof(secret, found), still_ours=lock.still_ours, say=say)
    audit.write("call", "begun", "rollback" if rollback else "rotation")
    try:
        if given is not None:
            rotation.check(given)
        with lock.held(_LOCK_PATIENCE):
            said = _under_lock(rotation, given, rollback)
        audit.write("call", "done", said)
        print(said)
    except BaseException as error:
        audit.write("call", "failed", str(error) if isinstance(error, (RotationFailed, OperatorError)) else "cut off")
        raise
    finally:
        shared = audit.share(deployment.workspace, deployment.outputs.storage)
        audit.close()
        print(f"audit log: {log}" + (f", {shared}" if shared else "; the state volume could not be written"))


def _under_lock(rotation: Rotation, given: SecretStr | None, rollback: bool) -> str:
    """What was done, in a sentence."""
    try:
        if rollback:
            rotation.roll_back()
            if Step.CREATE not in rotation.taken:
                return "undone: the value of the unfinished rotation was dropped"
            return f"rolled back; {_TAKEN_UP}"
        found = rotation.run(given)
        if not rotation.taken and given is None:
            return "nothing is left to do: another call has finished it"
        if not rotation.taken:
            rotation.note_again(found)
            return "this value is the current one already: it was proved again, and nothing was changed"
    except StoreError as error:
        raise RotationFailed(f"{error}; run the same command again to go on, or with --rollback to undo") from None
    return f"done; {_TAKEN_UP}"


def _plan(deployment: Deployment, secret: str, rollback: bool) -> None:
    """Show what a rotation, or a rollback, would do now. A new value is looked at only where it comes by a pipe."""
    store = deployment.store(secret)
    found = store.read()
    given = None if rollback else _piped()
    print(f"{secret} of {deployment.outputs.environment}: {store.name}")
    for name, version in (("current", found.current), ("pending", found.pending), ("previous", found.previous)):
        known = (version.id or "of unknown id")[:8] if version else "none"
        print(f"  {name:<8} {known}")
    if found.lags:
        print("  the job does not read the current version yet")
    if rollback:
        steps, wanted = rollback_plan(found)
    else:
        wanted = given or (None if found.unfinished else SecretStr("a value that is given later"))
        steps = plan(found, wanted)
    tested = given or (wanted if rollback else None)
    print("plan, of which nothing is done now:")
    if wanted is not None:
        print(f"  {'check':<8} {MEANING[Step.TEST]}; where it fails, nothing is written")
    for step in steps:
        print(f"  {step:<8} {MEANING[step]}")
        if step is Step.CREATE:
            print(f"  {'set':<8} nothing: its issuer has made it valid already")
    if tested is not None:
        rotation = Rotation(store, deployment.proof(secret, found), still_ours=lambda: None, say=lambda *_: None)
        rotation.check(tested)
        print("the value passes its test")


def _new_value(secret: str, found: Found) -> SecretStr | None:
    """The new value; None where none is given, which goes on with what is unfinished."""
    if not _at_a_terminal():
        return _piped()
    if found.staged is not None:
        print("  a rotation is unfinished: going on with it")
        return None
    # The current version may be dead before the job ever read it: then only another one helps.
    hint = "; none goes on with the unfinished rotation" if found.unfinished else ""
    try:
        value = getpass.getpass(f"new {secret} (it is not shown{hint}): ").strip()
    except EOFError:
        return None
    return SecretStr(value) if value else None


def _at_a_terminal() -> bool:
    return sys.stdin is not None and sys.stdin.isatty()


def _piped() -> SecretStr | None:
    """The first line of standard input, where that is no terminal. A pipe that stays silent is taken for empty."""
    if sys.stdin is None or _at_a_terminal():
        return None
    held, until = b"", time.monotonic() + _STDIN_PATIENCE
    while b"\n" not in held and len(held) <= _LONGEST:
        ready, _, _ = select.select([0], [], [], max(0.0, until - time.monotonic()))
        piece = os.read(0, _LONGEST) if ready else b""
        if not piece:
            break
        held += piece
    try:
        value = held.partition(b"\n")[0].decode().strip()
    except UnicodeDecodeError:
        raise OperatorError("standard input is not text: write the new value as one line") from None
    return SecretStr(value) if value else None


def _waiting(holder: Holder) -> None:
    until = f"{holder.expires_at:%H:%M:%S} UTC"
    print(f"  waiting  {holder.owner} is rotating {holder.secret}, until {until} at the latest", flush=True)


def _status(deployment: Deployment, in_json: bool) -> None:
    standings = {secret: deployment.store(secret).standing() for secret in deployment.secrets}
    holder = holder_of(deployment.scope)
    if in_json:
        print(as_json(deployment.outputs.environment, standings, holder))
    else:
        show(deployment.outputs.environment, standings, holder)


def _interrupt(_number: int, _frame: object) -> NoReturn:
    raise KeyboardInterrupt


def main() -> None:
    """The script. What goes wrong is one line, never a traceback: an error's text may hold what it was about."""
    signal.signal(signal.SIGTERM, _interrupt)
    try:
        app(prog_name="rotate.py")
    except OperatorError as error:
        print(f"rotate: {scrub(str(error))}", file=sys.stderr)
        raise SystemExit(2) from None
    except Exception as error:
        where = traceback.extract_tb(error.__traceback__)[-1]
        print(
            f"rotate: {type(error).__name__} in {Path(where.filename).name}:{where.lineno}, which was not foreseen; "
            "run the same command again to go on, or with --rollback to undo",
            file=sys.stderr,
        )
        raise SystemExit(1) from None


if __name__ == "__main__":
    main()

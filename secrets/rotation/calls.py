"""What a call of the script does: rotate a secret or roll it back, show the plan of that, or show all secrets."""

from __future__ import annotations

from pathlib import Path

from pydantic import SecretStr

from pipeline.errors import OperatorError
from pipeline.redaction import scrub
from pipeline.terminal import say, say_json
from rotation.audit import Audit
from rotation.deployment import Deployment
from rotation.lock import LIFETIME, Holder, Lock, caller, holder_of
from rotation.new_value import new_value, piped_value
from rotation.standing_table import as_json, show
from rotation.steps import MEANING, Rotation, RotationFailed, Step, StoreError, plan, rollback_plan

CONTINUE_OR_UNDO = "run the same command again to continue, or with --rollback to undo"

_LOCK_PATIENCE = LIFETIME + 30.0
_JOB_FOLLOWS = "the running job uses the new value as soon as the old one is refused"


def rotate(deployment: Deployment, secret: str, rollback: bool, log: Path) -> None:
    """Rotate a secret, or roll it back. Raises RotationFailed and OperatorError."""
    store = deployment.store(secret)
    found = store.read()
    say(f"{secret} of {deployment.outputs.environment}: {store.name}")
    given = None if rollback else new_value(secret, found)
    if given is None and not rollback and not found.unfinished:
        raise OperatorError(f"no new {secret} was given: write it to standard input, or run this at a terminal")
    audit = Audit(log, caller(), deployment.outputs.environment, secret)
    lock = Lock(deployment.scope, secret, _waiting)

    def record(step: str, outcome: str, detail: str) -> None:
        audit.write(step, outcome, detail)
        if outcome != "begun":
            say(f"  {step:<8} {outcome:<9} {scrub(detail)}")

    rotation = Rotation(store, deployment.proof(secret, found), check_lock=lock.check, record=record)
    audit.write("call", "begun", "rollback" if rollback else "rotation")
    try:
        if given is not None:
            rotation.check(given)
        with lock.held(_LOCK_PATIENCE):
            result = _under_lock(rotation, given, rollback)
        audit.write("call", "done", result)
        say(result)
    except BaseException as error:
        known = isinstance(error, (RotationFailed, OperatorError))
        audit.write("call", "failed", str(error) if known else "cut off")
        raise
    finally:
        shared = audit.share(deployment.workspace, deployment.outputs.storage)
        audit.close()
        say(f"audit log: {log}" + (f", {shared}" if shared else "; the state volume could not be written"))


def _under_lock(rotation: Rotation, given: SecretStr | None, rollback: bool) -> str:
    """What was done, as a sentence."""
    try:
        if rollback:
            rotation.roll_back()
            if Step.CREATE not in rotation.taken:
                return "undone: the value of the unfinished rotation was dropped"
            return f"rolled back; {_JOB_FOLLOWS}"
        found = rotation.run(given)
        if not rotation.taken and given is None:
            return "nothing is left to do: another call has finished it"
        if not rotation.taken:
            rotation.note_again(found)
            return "this value is the current one already: it was proved again, and nothing was changed"
    except StoreError as error:
        raise RotationFailed(f"{error}; {CONTINUE_OR_UNDO}") from None
    return f"done; {_JOB_FOLLOWS}"


def dry_run(deployment: Deployment, secret: str, rollback: bool) -> None:
    """Show what a rotation, or a rollback, would do now. A new value is tested only if it comes by a pipe."""
    store = deployment.store(secret)
    found = store.read()
    given = None if rollback else piped_value()
    say(f"{secret} of {deployment.outputs.environment}: {store.name}")
    for name, version in (("current", found.current), ("pending", found.pending), ("previous", found.previous)):
        known = (version.id or "of unknown id")[:8] if version else "none"
        say(f"  {name:<8} {known}")
    if found.lags:
        say("  the job does not read the current version yet")
    if rollback:
        steps, wanted = rollback_plan(found)
    else:
        wanted = given or (None if found.unfinished else SecretStr("a value that is given later"))
        steps = plan(found, wanted)
    tested = given or (wanted if rollback else None)
    say("plan, of which nothing is done now:")
    if wanted is not None:
        say(f"  {'check':<8} {MEANING[Step.TEST]}; if that fails, nothing is written")
    for step in steps:
        say(f"  {step:<8} {MEANING[step]}")
        if step is Step.CREATE:
            say(f"  {'set':<8} nothing: its issuer has made it valid already")
    if tested is not None:
        rotation = Rotation(store, deployment.proof(secret, found), check_lock=lambda: None, record=lambda *_: None)
        rotation.check(tested)
        say("the value passes its test")


def status(deployment: Deployment, in_json: bool) -> None:
    """Show the state of each secret, and who holds the lock."""
    standings = {secret: deployment.store(secret).standing() for secret in deployment.secrets}
    holder = holder_of(deployment.scope)
    if in_json:
        say_json(as_json(deployment.outputs.environment, standings, holder))
    else:
        show(deployment.outputs.environment, standings, holder)


def _waiting(holder: Holder) -> None:
    until = f"{holder.expires_at:%H:%M:%S} UTC"
    say(f"  waiting  {holder.owner} is rotating {holder.secret}, until {until} at the latest")

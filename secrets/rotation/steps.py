"""A rotation as a state machine. Its state is what the stores hold, and nothing else.

The stores are read again before each step, and `next_step` decides from what they hold. So the next call continues a
call that was interrupted, wherever that was. The steps are those of AWS Secrets Manager: create, set, test, finish.
There is nothing to set here: a token or key is valid from the moment its issuer shows it.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from enum import StrEnum
from typing import Protocol

from pydantic import SecretStr

from pipeline.errors import OperatorError

_MOST_STEPS = 12


class RotationFailed(Exception):
    """A rotation that did not finish. The text is one line that says what is in effect now, without a secret."""


class StoreError(OperatorError):
    """A store can't be read or written."""


class ValueRefused(Exception):
    """The service that a value is for does not accept it. The text never contains the value."""


class ValueUndecided(Exception):
    """Whether a value is valid can't be decided now. The text never contains the value."""


Prove = Callable[[SecretStr], str]
"""Uses a value as the job will, and returns a text about who accepted it. Raises ValueRefused or ValueUndecided."""


@dataclass(frozen=True)
class Version:
    """A value that a store keeps, and what is known about it."""

    value: SecretStr
    id: str | None = None
    created_at: datetime | None = None


@dataclass(frozen=True)
class Found:
    """What the stores hold for one secret."""

    pending: Version | None = None
    current: Version | None = None
    previous: Version | None = None
    published: SecretStr | None = None
    """The value that the job reads, if it is a copy."""
    apart: bool = False
    """Whether the job reads a copy, which is stored apart from the versions."""

    @property
    def staged(self) -> Version | None:
        """A pending version that is not current yet."""
        return None if _same(self.pending, self.current) else self.pending

    @property
    def candidate(self) -> Version | None:
        """The version that the job is to read next."""
        return self.staged or self.current

    @property
    def lags(self) -> bool:
        """Whether the job does not read the current version yet."""
        return self.apart and self.current is not None and self.published != self.current.value

    @property
    def unfinished(self) -> bool:
        return self.pending is not None or self.lags


class Step(StrEnum):
    CREATE = "create"
    TEST = "test"
    FINISH = "finish"
    PUBLISH = "publish"
    CLEAR = "clear"
    DISCARD = "discard"


MEANING = {
    Step.CREATE: "store the new value as pending",
    Step.TEST: "use it as the job will",
    Step.FINISH: "make it current and keep the old one as previous",
    Step.PUBLISH: "put it where the job reads it",
    Step.CLEAR: "remove the mark `pending`",
    Step.DISCARD: "drop the pending value of an unfinished rotation",
}


class Store(Protocol):
    """Keeps the versions of a secret. Each method but `read` is one step, and may be repeated. All raise StoreError."""

    def read(self) -> Found: ...

    def create(self, value: SecretStr, again: Version | None, /) -> None:
        """Store a pending value. `again`: the earlier version that has this value, if there is one."""

    def note_proof(self, version: Version, at: datetime, /) -> None: ...

    def finish(self, pending: Version, current: Version | None, /) -> None: ...

    def publish(self, current: Version, /) -> None: ...

    def clear(self, pending: Version, /) -> None: ...

    def discard(self, pending: Version, /) -> None: ...


def next_step(found: Found, wanted: SecretStr | None, proved: SecretStr | None) -> Step | None:
    """The next step; None when everything is done.

    `wanted`: the value that is to become current, if one was given. `proved`: the value that has passed its test.
    """
    current, staged = found.current, found.staged
    is_current = wanted is not None and current is not None and wanted == current.value
    if staged is not None:
        if wanted is not None and wanted != staged.value:
            return Step.DISCARD if is_current else Step.CREATE
        return Step.FINISH if proved == staged.value else Step.TEST
    if wanted is None or is_current:
        if found.lags and current is not None:
            return Step.PUBLISH if proved == current.value else Step.TEST
        return Step.CLEAR if found.pending is not None else None
    return Step.CLEAR if found.pending is not None else Step.CREATE


def plan(found: Found, wanted: SecretStr | None) -> list[Step]:
    """The steps that a rotation takes if nothing fails."""
    steps: list[Step] = []
    proved: SecretStr | None = None
    while (step := next_step(found, wanted, proved)) is not None and len(steps) < _MOST_STEPS:
        steps.append(step)
        match step:
            case Step.CREATE if wanted is not None:
                found = replace(found, pending=Version(wanted))
            case Step.TEST if found.candidate is not None:
                proved = found.candidate.value
            case Step.FINISH:
                found = replace(found, current=found.pending, previous=found.current)
            case Step.PUBLISH if found.current is not None:
                found = replace(found, published=found.current.value)
            case Step.CLEAR | Step.DISCARD:
                found = replace(found, pending=None)
    return steps


def rollback_plan(found: Found) -> tuple[list[Step], SecretStr | None]:
    """The steps of a rollback, and the value that would become current again. Raises RotationFailed."""
    if found.staged is not None:
        undone = replace(found, pending=None)
        return [Step.DISCARD, *plan(undone, None)], None
    if found.previous is None:
        raise RotationFailed("there is no previous version to go back to; nothing was changed")
    return plan(found, found.previous.value), found.previous.value


class Rotation:
    """One call's work on one secret. The caller takes the lock before and releases it afterwards."""

    def __init__(
        self,
        store: Store,
        prove: Prove,
        *,
        check_lock: Callable[[], None],
        record: Callable[[str, str, str], None],
    ) -> None:
        """`check_lock` raises if the lock is lost; it is called before each write.

        `record` is called for every step with its name, its outcome (begun, done, refused, undecided, failed) and
        details.
        """
        self._store = store
        self._prove = prove
        self._check_lock = check_lock
        self._record = record
        self.taken: list[Step] = []
        """The steps that were taken so far."""

    def check(self, value: SecretStr) -> None:
        """Prove a value before anything is written. Raises RotationFailed."""
        try:
            self._proved("check", value)
        except ValueRefused as error:
            raise RotationFailed(f"refused: {error}; nothing was changed") from None
        except ValueUndecided as error:
            raise RotationFailed(f"the new value can't be tested: {error}; nothing was changed") from None

    def run(self, wanted: SecretStr | None, again: Version | None = None) -> Found:
        """Finish what is unfinished, and make `wanted` current. Raises RotationFailed."""
        proved: SecretStr | None = None
        for _ in range(_MOST_STEPS):
            found = self._store.read()
            step = next_step(found, wanted, proved)
            if step is None:
                return found
            self.taken.append(step)
            self._check_lock()
            if step is Step.TEST and found.candidate is not None:
                proved = self._test(found, found.candidate)
            else:
                self._write(step, found, wanted, again)
        raise RotationFailed("the store does not keep what is written to it, or another writes too: look at its log")

    def note_again(self, found: Found) -> None:
        """Note that the current value was given again, and has passed its test again."""
        if found.current is not None:
            self._check_lock()
            self._store.note_proof(found.current, datetime.now(UTC))

    def roll_back(self) -> Found:
        """Undo an unfinished rotation; if there is none, make the previous version current again."""
        found = self._store.read()
        _, value = rollback_plan(found)
        if value is None:
            self._check_lock()
            self._write(Step.DISCARD, found, None, None)
            return self.run(None)
        self.check(value)
        return self.run(value, found.previous)

    def _test(self, found: Found, version: Version) -> SecretStr:
        try:
            self._proved(Step.TEST, version.value)
        except ValueUndecided as error:
            raise RotationFailed(
                f"the pending value can't be tested now: {error}; the job still reads the previous one; "
                "run the same command again to continue, or with --rollback to undo"
            ) from None
        except ValueRefused as error:
            if found.staged is None:
                raise RotationFailed(
                    f"the current version is refused: {error}; the job still reads the previous one; give a new value"
                ) from None
            self._check_lock()
            self._write(Step.DISCARD, found, None, None)
            raise RotationFailed(f"refused: {error}; the pending value was dropped, nothing else has changed") from None
        self._check_lock()
        self._store.note_proof(version, datetime.now(UTC))
        return version.value

    def _proved(self, step: str, value: SecretStr) -> None:
        self._record(step, "begun", "")
        try:
            proof = self._prove(value)
        except (ValueRefused, ValueUndecided) as error:
            self._record(step, "refused" if isinstance(error, ValueRefused) else "undecided", str(error))
            raise
        self._record(step, "done", proof)

    def _write(self, step: Step, found: Found, wanted: SecretStr | None, again: Version | None) -> None:
        self._record(step, "begun", "")
        try:
            match step:
                case Step.CREATE if wanted is not None:
                    self._store.create(wanted, again)
                case Step.FINISH if found.pending is not None:
                    self._store.finish(found.pending, found.current)
                case Step.PUBLISH if found.current is not None:
                    self._store.publish(found.current)
                case Step.CLEAR if found.pending is not None:
                    self._store.clear(found.pending)
                case Step.DISCARD if found.pending is not None:
                    self._store.discard(found.pending)
        except StoreError as error:
            self._record(step, "failed", str(error))
            raise
        about = found.pending or found.current
        version = f" (version {about.id[:8]})" if about and about.id and step is not Step.CREATE else ""
        self._record(step, "done", f"{MEANING[step]}{version}")


def _same(one: Version | None, other: Version | None) -> bool:
    return one is not None and other is not None and one.value == other.value

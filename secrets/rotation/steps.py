"""A rotation as a state machine. Its state is what the stores hold and nothing else.

Before each step the stores are read anew, and `next_step` says what comes next; so a call that was interrupted anywhere
is gone on with by the next one. The steps are those of AWS Secrets Manager: create, set, test, finish. There is nothing
to set here: a token or key is valid from the moment its issuer shows it.
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
    """A rotation that did not take place, or not wholly. The text is one line that says what holds now; no secret."""


class StoreError(OperatorError):
    """A store can't be read or written."""


class Refused(Exception):
    """A value is no good: whoever it is for says so. The text never holds it."""


class Undecided(Exception):
    """Whether a value is good can't be told now. The text never holds it."""


Prove = Callable[[SecretStr], str]
"""Uses a value as the job will, and says as whom or with what it was accepted. Raises Refused or Undecided."""


@dataclass(frozen=True)
class Version:
    """A value that a store keeps, and what is known of it."""

    value: SecretStr
    id: str | None = None
    created_at: datetime | None = None


@dataclass(frozen=True)
class Found:
    """What the stores hold of one secret."""

    pending: Version | None = None
    current: Version | None = None
    previous: Version | None = None
    published: SecretStr | None = None
    """What the job reads."""
    apart: bool = False
    """Whether that is a copy, kept apart from the versions."""

    @property
    def staged(self) -> Version | None:
        """A pending version that is not current yet."""
        return None if _same(self.pending, self.current) else self.pending

    @property
    def candidate(self) -> Version | None:
        """The version that is next to be read by the job."""
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
    Step.FINISH: "make it current and keep the one before as previous",
    Step.PUBLISH: "put it where the job reads it",
    Step.CLEAR: "take the mark `pending` away",
    Step.DISCARD: "drop the pending value of an unfinished rotation",
}


class Store(Protocol):
    """What keeps the versions. Each method but `read` is one step, and may be repeated. All raise StoreError."""

    def read(self) -> Found: ...

    def create(self, value: SecretStr, again: Version | None, /) -> None:
        """`again`: the earlier version that this value is, if it is one."""

    def note_proof(self, version: Version, at: datetime, /) -> None: ...

    def finish(self, pending: Version, current: Version | None, /) -> None: ...

    def publish(self, current: Version, /) -> None: ...

    def clear(self, pending: Version, /) -> None: ...

    def discard(self, pending: Version, /) -> None: ...


def next_step(found: Found, wanted: SecretStr | None, proved: SecretStr | None) -> Step | None:
    """What comes next; None when all is done.

    `wanted`: the value that is to become current, where one was given; `proved`: the one that has passed its test.
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
    """The steps that a rotation would take if nothing stood in its way."""
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
    """One call's work on one secret, under a lock that somebody else takes and releases."""

    def __init__(
        self,
        store: Store,
        prove: Prove,
        *,
        still_ours: Callable[[], None],
        say: Callable[[str, str, str], None],
    ) -> None:
        """`still_ours` raises where the lock is lost; it is asked before each write.

        `say` is told every step: its name, its outcome (begun, done, refused, undecided, failed), and details.
        """
        self._store = store
        self._prove = prove
        self._still_ours = still_ours
        self._say = say
        self.taken: list[Step] = []
        """The steps that were taken."""

    def check(self, value: SecretStr) -> None:
        """Prove a value before anything is written. Raises RotationFailed."""
        try:
            self._proved("check", value)
        except Refused as error:
            raise RotationFailed(f"refused: {error}; nothing was changed") from None
        except Undecided as error:
            raise RotationFailed(f"the new value can't be tested: {error}; nothing was changed") from None

    def run(self, wanted: SecretStr | None, again: Version | None = None) -> Found:
        """Bring the stores to rest: finish what is unfinished, and make `wanted` current. Raises RotationFailed."""
        proved: SecretStr | None = None
        for _ in range(_MOST_STEPS):
            found = self._store.read()
            step = next_step(found, wanted, proved)
            if step is None:
                return found
            self.taken.append(step)
            self._still_ours()
            if step is Step.TEST and found.candidate is not None:
                proved = self._test(found, found.candidate)
            else:
                self._write(step, found, wanted, again)
        raise RotationFailed("the store does not keep what is written into it, or another writes too: look at its log")

    def note_again(self, found: Found) -> None:
        """The current value was given once more and has been proved once more."""
        if found.current is not None:
            self._still_ours()
            self._store.note_proof(found.current, datetime.now(UTC))

    def roll_back(self) -> Found:
        """Undo an unfinished rotation; where there is none, make the previous version current again."""
        found = self._store.read()
        _, value = rollback_plan(found)
        if value is None:
            self._still_ours()
            self._write(Step.DISCARD, found, None, None)
            return self.run(None)
        self.check(value)
        return self.run(value, found.previous)

    def _test(self, found: Found, version: Version) -> SecretStr:
        try:
            self._proved(Step.TEST, version.value)
        except Undecided as error:
            raise RotationFailed(
                f"the pending value can't be tested now: {error}; the job still reads the one before; "
                "run the same command again to go on, or with --rollback to undo"
            ) from None
        except Refused as error:
            if found.staged is None:
                raise RotationFailed(
                    f"the current version is refused: {error}; the job still reads the one before; give a new value"
                ) from None
            self._still_ours()
            self._write(Step.DISCARD, found, None, None)
            raise RotationFailed(f"refused: {error}; the pending value was dropped, nothing else has changed") from None
        self._still_ours()
        self._store.note_proof(version, datetime.now(UTC))
        return version.value

    def _proved(self, step: str, value: SecretStr) -> None:
        self._say(step, "begun", "")
        try:
            proof = self._prove(value)
        except (Refused, Undecided) as error:
            self._say(step, "refused" if isinstance(error, Refused) else "undecided", str(error))
            raise
        self._say(step, "done", proof)

    def _write(self, step: Step, found: Found, wanted: SecretStr | None, again: Version | None) -> None:
        self._say(step, "begun", "")
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
            self._say(step, "failed", str(error))
            raise
        about = found.pending or found.current
        version = f" (version {about.id[:8]})" if about and about.id and step is not Step.CREATE else ""
        self._say(step, "done", f"{MEANING[step]}{version}")


def _same(one: Version | None, other: Version | None) -> bool:
    return one is not None and other is not None and one.value == other.value

"""The state machine by itself: from every state, towards every wish."""

from __future__ import annotations

import itertools
from dataclasses import replace
from datetime import datetime

import pytest
from pydantic import SecretStr
from rotation.steps import (
    Found,
    Rotation,
    RotationFailed,
    Step,
    ValueRefused,
    ValueUndecided,
    Version,
    next_step,
    plan,
    rollback_plan,
)

_VALUES = (None, "one", "two", "three")


def version(value: str | None) -> Version | None:
    return Version(SecretStr(value)) if value else None


_STATES = [
    Found(version(pending), version(current), version(previous), SecretStr(published) if published else None, apart)
    for pending, current, previous, published, apart in itertools.product(
        _VALUES, _VALUES, _VALUES, _VALUES, (False, True)
    )
    if apart or published == current
]


class MemoryStore:
    """A store as the protocol has it, in memory."""

    def __init__(self, found: Found) -> None:
        self.found = found
        self.proofs: list[SecretStr] = []

    def read(self) -> Found:
        return self.found

    def create(self, value: SecretStr, _again: Version | None) -> None:
        self.found = replace(self.found, pending=Version(value))

    def note_proof(self, version: Version, _at: datetime) -> None:
        self.proofs.append(version.value)

    def finish(self, pending: Version, current: Version | None) -> None:
        published = self.found.published if self.found.apart else pending.value
        self.found = replace(self.found, current=pending, previous=current, published=published)

    def publish(self, current: Version) -> None:
        self.found = replace(self.found, published=current.value)

    def clear(self, _pending: Version) -> None:
        self.found = replace(self.found, pending=None)

    def discard(self, _pending: Version) -> None:
        self.found = replace(self.found, pending=None)


class ForgetfulStore(MemoryStore):
    def create(self, value: SecretStr, _again: Version | None) -> None:
        """Keeps something else."""
        self.found = replace(self.found, pending=Version(SecretStr(f"{value.get_secret_value()} cut")))


def rotation(store: MemoryStore, refused: str = "", undecided: str = "") -> Rotation:
    def prove(value: SecretStr) -> str:
        if value.get_secret_value() == refused:
            raise ValueRefused("it is refused")
        if value.get_secret_value() == undecided:
            raise ValueUndecided("nobody answers")
        return "accepted"

    return Rotation(store, prove, check_lock=lambda: None, record=lambda *_: None)


@pytest.mark.parametrize("wanted", [None, "two", "new"])
def test_from_every_state_what_is_wanted_becomes_current_proved_and_read_by_the_job(wanted: str | None) -> None:
    for state in _STATES:
        store = MemoryStore(state)
        value = SecretStr(wanted) if wanted else None
        after = rotation(store).run(value)
        expected = value or (state.candidate.value if state.candidate else None)
        assert (after.current.value if after.current else None) == expected, state
        assert not after.unfinished, state
        changed = after.current is not None and (state.current is None or after.current.value != state.current.value)
        if changed or state.lags:
            assert store.proofs[-1] == expected, state


@pytest.mark.parametrize("wanted", [None, "two", "new"])
def test_the_plan_is_what_is_then_done(wanted: str | None) -> None:
    value = SecretStr(wanted) if wanted else None
    for state in _STATES:
        done = rotation(MemoryStore(state))
        done.run(value)
        assert plan(state, value) == done.taken, state


def test_no_value_becomes_current_or_is_published_before_it_has_passed_its_test() -> None:
    for state, wanted, proved in itertools.product(_STATES, _VALUES, _VALUES):
        step = next_step(state, SecretStr(wanted) if wanted else None, SecretStr(proved) if proved else None)
        candidate = state.candidate.value.get_secret_value() if state.candidate else None
        if step in (Step.FINISH, Step.PUBLISH):
            assert proved == candidate, state


def test_a_pending_value_that_is_refused_is_dropped_and_the_current_one_stays() -> None:
    store = MemoryStore(Found(pending=Version(SecretStr("bad")), current=Version(SecretStr("good"))))
    with pytest.raises(RotationFailed, match="refused: it is refused; the pending value was dropped"):
        rotation(store, refused="bad").run(None)
    assert store.found == Found(current=Version(SecretStr("good")))


def test_a_pending_value_of_which_nobody_can_tell_stays_pending() -> None:
    before = Found(pending=Version(SecretStr("new")), current=Version(SecretStr("good")))
    store = MemoryStore(before)
    with pytest.raises(RotationFailed, match="can't be tested now: nobody answers"):
        rotation(store, undecided="new").run(None)
    assert store.found == before


def test_a_current_version_that_is_refused_is_not_published() -> None:
    before = Found(current=Version(SecretStr("bad")), published=SecretStr("good"), apart=True)
    store = MemoryStore(before)
    with pytest.raises(RotationFailed, match="the current version is refused"):
        rotation(store, refused="bad").run(None)
    assert store.found == before


def test_a_store_that_does_not_keep_what_is_written_is_found_out() -> None:
    store = ForgetfulStore(Found(current=Version(SecretStr("good"))))
    with pytest.raises(RotationFailed, match="does not keep what is written"):
        rotation(store).run(SecretStr("new"))
    assert store.found.current == Version(SecretStr("good"))


def test_nothing_is_written_once_the_lock_is_lost() -> None:
    def lost() -> None:
        raise RotationFailed("lost")

    before = Found(current=Version(SecretStr("good")))
    store = MemoryStore(before)
    done = Rotation(store, lambda value: "accepted", check_lock=lost, record=lambda *_: None)
    with pytest.raises(RotationFailed, match="lost"):
        done.run(SecretStr("new"))
    assert store.found == before
    assert not store.proofs


def test_a_rollback_goes_to_the_previous_version_or_only_drops_what_is_staged() -> None:
    previous, current, staged = (Version(SecretStr(name)) for name in ("previous", "current", "staged"))
    store = MemoryStore(Found(current=current, previous=previous))
    assert rotation(store).roll_back().current == previous
    store = MemoryStore(Found(pending=staged, current=current, previous=previous))
    assert rotation(store).roll_back() == Found(current=current, previous=previous)
    with pytest.raises(RotationFailed, match="no previous version"):
        rollback_plan(Found(current=current))


def test_a_rollback_to_a_value_that_is_refused_writes_nothing() -> None:
    before = Found(current=Version(SecretStr("good")), previous=Version(SecretStr("dead")))
    store = MemoryStore(before)
    with pytest.raises(RotationFailed, match="nothing was changed"):
        rotation(store, refused="dead").roll_back()
    assert store.found == before

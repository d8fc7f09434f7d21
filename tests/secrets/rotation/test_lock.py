"""The lock: held by one, given back, run out, left behind by the dead, and lost."""

from __future__ import annotations

import contextlib
import threading
from datetime import UTC, datetime, timedelta

import pytest
from pydantic import SecretStr
from rotation import lock as rotation_lock
from rotation.lock import KEY, Holder, Lock, holder_of
from rotation.scope_store import Scope, signed_in
from rotation.steps import RotationFailed

from tests.support.rotating import Rotating
from tests.support.workspace.server import Call as Asked

_NOBODY = 2**22 + 7
"""No process has such an id."""


@pytest.fixture(name="scope")
def _scope(deployment: Rotating, monkeypatch: pytest.MonkeyPatch) -> Scope:
    monkeypatch.setattr(rotation_lock, "_SETTLE_SECONDS", 0.2)
    monkeypatch.setattr(rotation_lock, "_POLL_SECONDS", 0.02)
    for name, value in deployment.environment.items():
        monkeypatch.setenv(name, value)
    return Scope(signed_in(deployment.workspace.url), "bot-prod")


def lock(scope: Scope, holders: list[Holder] | None = None) -> Lock:
    return Lock(scope, "telegram-token", (holders if holders is not None else []).append)


def leave(scope: Scope, **changes: object) -> Holder:
    """A lock that another machine's caller holds."""
    now = datetime.now(UTC)
    holder = Holder(
        id="theirs",
        owner="ann@elsewhere",
        host="elsewhere",
        pid=1,
        machine="another boot/another container",
        secret="llm-api-key",
        taken_at=now,
        expires_at=now + timedelta(seconds=60),
    ).model_copy(update=changes)
    scope.put(KEY, SecretStr(holder.model_dump_json()))
    return holder


def test_a_lock_is_held_in_its_block_and_given_back_after_it(scope: Scope) -> None:
    taken = lock(scope)
    with taken.held(1.0):
        taken.check()
        holder = holder_of(scope)
        assert holder is not None
        assert holder.secret == "telegram-token"
    assert holder_of(scope) is None


def test_a_lock_is_given_back_after_an_error_too(scope: Scope) -> None:
    with pytest.raises(KeyError), lock(scope).held(1.0):
        raise KeyError
    assert holder_of(scope) is None


def test_whoever_finds_it_taken_is_told_by_whom_waits_and_gives_up(scope: Scope) -> None:
    theirs = leave(scope)
    holders: list[Holder] = []
    with pytest.raises(RotationFailed, match="ann@elsewhere is rotating llm-api-key"), lock(scope, holders).held(0.1):
        pass
    assert holders == [theirs]
    assert holder_of(scope) == theirs


def test_whoever_waits_gets_it_once_it_is_given_back(scope: Scope) -> None:
    leave(scope)
    threading.Timer(0.2, scope.delete, [KEY]).start()
    with lock(scope).held(10.0):
        assert holder_of(scope) is not None


@pytest.mark.parametrize(
    "left",
    [
        {"expires_at": datetime(2020, 1, 1, tzinfo=UTC)},
        {"machine": rotation_lock._machine(), "pid": _NOBODY},
    ],
    ids=["run out", "of a process of this machine that is gone"],
)
def test_a_lock_that_was_left_behind_is_taken_at_once(left: dict[str, object], scope: Scope) -> None:
    leave(scope, **left)
    holders: list[Holder] = []
    with lock(scope, holders).held(1.0):
        pass
    assert not holders


def test_a_lock_that_can_not_be_read_is_taken(scope: Scope) -> None:
    scope.put(KEY, SecretStr("{"))
    with lock(scope).held(1.0):
        pass


def test_a_holder_whose_lock_another_has_taken_stops_and_leaves_it_to_them(scope: Scope) -> None:
    taken = lock(scope)
    with taken.held(1.0):
        theirs = leave(scope)
        with pytest.raises(RotationFailed, match="has lost its lock"):
            taken.check()
    assert holder_of(scope) == theirs


def test_a_holder_begins_nothing_more_when_its_time_is_nearly_up(scope: Scope, monkeypatch: pytest.MonkeyPatch) -> None:
    taken = lock(scope)
    with taken.held(1.0):
        monkeypatch.setattr(rotation_lock, "_MARGIN", rotation_lock.LIFETIME + 1)
        with pytest.raises(RotationFailed, match="or took too long"):
            taken.check()


def test_of_two_that_find_it_free_at_once_the_last_to_write_has_it(scope: Scope, deployment: Rotating) -> None:
    def overwrite(asked: Asked) -> None:
        """Another has looked at the same moment, and writes a little later."""
        if asked.path.endswith("/put") and b"theirs" not in asked.body:
            deployment.workspace.after.clear()
            threading.Timer(0.05, leave, [scope]).start()

    deployment.workspace.after.append(overwrite)
    with pytest.raises(RotationFailed, match="ann@elsewhere"), lock(scope).held(0.5):
        pass


def test_whoever_takes_too_long_to_write_it_begins_again(
    scope: Scope, deployment: Rotating, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(rotation_lock, "_SETTLE_SECONDS", 0.0)
    with pytest.raises(RotationFailed, match="the workspace is too slow"), lock(scope).held(0.3):
        pass
    assert holder_of(scope) is None


def test_of_many_that_want_it_each_has_it_alone(scope: Scope) -> None:
    inside: list[int] = []
    most: list[int] = []

    def want(number: int) -> None:
        taken = lock(scope)
        with contextlib.suppress(RotationFailed), taken.held(20.0):
            taken.check()
            inside.append(number)
            most.append(len(inside))
            inside.remove(number)

    threads = [threading.Thread(target=want, args=[number]) for number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert most == [1] * 4

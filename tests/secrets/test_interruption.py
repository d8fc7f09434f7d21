"""A rotation that dies before any one of its writes: what the job reads then, and what the next call makes of it."""

from __future__ import annotations

import itertools
import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from botocore.client import BaseClient
from databricks.sdk.core import ApiClient
from rotation import lock as rotation_lock

from tests.secrets.conftest import Call
from tests.support.rotating import Rotating

# No process of its own, but a minute of whole calls.
pytestmark = pytest.mark.e2e

_SECRET = "llm-api-key"
_OLDER, _OLD, _NEW = ("key-of-the-scripted-model-" + age for age in ("older", "old", "new"))
_AWS_WRITES = ("CreateSecret", "PutSecretValue", "UpdateSecretVersionStage")

Begin = Callable[[], None]


class Death(BaseException):
    """The process is gone: nothing catches this, and nothing leaves it any more."""


@contextmanager
def dying(before_write: int) -> Iterator[list[str]]:
    """Death comes before the n-th write to a store. Gives the writes that were made."""
    made: list[str] = []
    dead = False

    def at(what: str, writes: bool) -> None:
        nonlocal dead
        if writes and len(made) + 1 == before_write:
            dead = True
        if dead:
            raise Death
        if writes:
            made.append(what)

    ask_workspace, ask_aws = ApiClient.do, BaseClient._make_api_call  # type: ignore[attr-defined]

    def do(self: ApiClient, method: str, path: Any = None, *more: Any, **named: Any) -> Any:
        at(str(path), method != "GET" and "/secrets/" in str(path))
        return ask_workspace(self, method, path, *more, **named)

    def make_api_call(self: Any, operation: str, parameters: Any) -> Any:
        at(operation, operation in _AWS_WRITES)
        return ask_aws(self, operation, parameters)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(ApiClient, "do", do)
        patch.setattr(BaseClient, "_make_api_call", make_api_call)
        yield made


@pytest.fixture(params=["scope", "aws"], name="begin")
def _begin(request: pytest.FixtureRequest, deployment: Rotating, call: Call, aws_url: str) -> Begin:
    """Puts the deployment where the old key is current and the older one previous. The model takes any key."""
    deployment.model.api_key = None
    counter = itertools.count()

    def begin() -> None:
        deployment.workspace.secrets.scopes["bot-prod"].secrets.clear()
        if request.param == "aws":
            deployment.use_aws(aws_url, f"{request.node.name}-{next(counter)}")
        for key in (_OLDER, _OLD):
            assert call(_SECRET, given=key)[0] == 0

    return begin


def versions(deployment: Rotating) -> dict[str, str]:
    """What the job reads, and the versions by their stage."""
    held = deployment.held()
    if "aws_secrets" in deployment.changes:
        staged = deployment.staged_in_aws(_SECRET)
        names = {"AWSCURRENT": "current", "AWSPENDING": "pending", "AWSPREVIOUS": "previous"}
        return {"read": held[_SECRET], **{names[stage]: value for stage, value in staged.items()}}
    found = {"current": held[_SECRET], "read": held[_SECRET]}
    for name in ("pending", "previous"):
        if (value := held.get(f"{_SECRET}.{name}")) is not None:
            found[name] = value
    return found


def at_rest(deployment: Rotating, call: Call) -> bool:
    """Whether nothing is unfinished, and the ledger knows what is current."""
    status = json.loads(call("status", "--json")[1])
    standing = status["secrets"][_SECRET]
    return not standing["unfinished"] and standing["current"]["version"] != "by hand" and status["lock"] is None


def die_before_each_write(
    deployment: Rotating, call: Call, begin: Begin, words: tuple[str, ...], given: str, resume: Callable[[], None]
) -> int:
    """Run a call until it dies, before its first write, its second, and so on; after each death, `resume`.

    The number of writes of a whole call.
    """
    for number in itertools.count(1):
        begin()
        visible = {_OLDER, _OLD, given} if given else {_OLDER, _OLD}
        try:
            with dying(number) as made:
                code, said = call(_SECRET, *words, given=given)
        except Death:
            assert len(made) == number - 1
            assert versions(deployment)["read"] in visible
            _bury(deployment)
            resume()
            continue
        assert code == 0, said
        return number - 1
    raise AssertionError


def _bury(deployment: Rotating) -> None:
    """Make the lock one of a process that is gone; the one that died is this one, which lives."""
    lock = deployment.workspace.secrets.scopes["bot-prod"].secrets.get(rotation_lock.KEY)
    if lock is not None:
        holder = rotation_lock.Holder.model_validate_json(lock.value)
        lock.value = holder.model_copy(update={"pid": 2**22 + 7}).model_dump_json().encode()


def test_the_same_call_again_finishes_a_rotation_that_died_anywhere(
    deployment: Rotating, call: Call, begin: Begin
) -> None:
    def resume() -> None:
        code, said = call(_SECRET, given=_NEW)
        assert code == 0, said
        assert versions(deployment) == {"read": _NEW, "current": _NEW, "previous": _OLD}
        assert at_rest(deployment, call)

    assert die_before_each_write(deployment, call, begin, (), _NEW, resume) >= 8


def test_a_call_without_the_value_finishes_what_was_staged_and_changes_nothing_else(
    deployment: Rotating, call: Call, begin: Begin
) -> None:
    untouched = {"read": _OLD, "current": _OLD, "previous": _OLDER}
    finished = {"read": _NEW, "current": _NEW, "previous": _OLD}

    def resume() -> None:
        code, said = call(_SECRET)
        found = versions(deployment)
        if code == 2:
            # It died before anything was staged, or when all was done.
            assert "no new llm-api-key was given" in said
            assert found in (untouched, finished)
        else:
            assert code == 0, said
            assert found == finished
        assert at_rest(deployment, call)

    die_before_each_write(deployment, call, begin, (), _NEW, resume)


def test_a_rollback_undoes_a_rotation_that_died_anywhere(deployment: Rotating, call: Call, begin: Begin) -> None:
    def resume() -> None:
        staged = versions(deployment).get("pending") == _NEW != versions(deployment)["current"]
        begun = staged or versions(deployment)["current"] == _NEW
        code, said = call(_SECRET, "--rollback")
        assert code == 0, said
        found = versions(deployment)
        # One that had staged nothing yet leaves nothing to undo: the version before comes back.
        assert found["read"] == found["current"] == (_OLD if begun else _OLDER)
        assert "pending" not in found
        assert at_rest(deployment, call)

    die_before_each_write(deployment, call, begin, (), _NEW, resume)


def test_a_rollback_that_died_anywhere_is_finished_by_the_same_call(
    deployment: Rotating, call: Call, begin: Begin
) -> None:
    def resume() -> None:
        # Once the older key is staged, a rollback would undo that: what was begun is finished without a word.
        staged = versions(deployment).get("pending") == _OLDER or versions(deployment)["current"] == _OLDER
        code, said = call(_SECRET) if staged else call(_SECRET, "--rollback")
        assert code in ((0, 2) if staged else (0,)), said
        assert versions(deployment) == {"read": _OLDER, "current": _OLDER, "previous": _OLD}
        assert at_rest(deployment, call)

    die_before_each_write(deployment, call, begin, ("--rollback",), "", resume)

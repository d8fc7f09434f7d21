"""The rotation script as a process: under a running pipeline's traffic, killed at any write, and beside another."""

from __future__ import annotations

import fcntl
import json
import os
import pty
import signal
import subprocess
import termios
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.support.files import contents
from tests.support.rotating import NEW, NEW_KEY, OLD, OLD_KEY, Rotating, moto_aws, rotating
from tests.support.workspace.server import Call, Workspace, workspace
from tests.support.world import KEY, TOKEN, World, repeated, wait_until

pytestmark = pytest.mark.e2e

_JOB = "dapi-of-the-job-0123456789abcdef"
_PRINCIPAL = "7d1c3b1e-0000-4000-8000-000000000001"


@pytest.fixture(name="workspace")
def _workspace() -> Iterator[Workspace]:
    with workspace() as made:
        yield made


@pytest.fixture(name="deployment")
def _deployment(tmp_path: Path, workspace: Workspace) -> Iterator[Rotating]:
    with rotating(tmp_path, workspace) as made:
        yield made


@pytest.fixture(scope="module", name="aws_url")
def _aws_url() -> Iterator[str]:
    with moto_aws() as url:
        yield url


def test_tokens_and_keys_rotated_under_traffic_lose_no_message_and_answer_none_twice(
    world: World, workspace: Workspace, tmp_path: Path
) -> None:
    scope = workspace.secrets.give("bot-prod", _PRINCIPAL, telegram_token=TOKEN, llm_api_key=KEY)
    scope.acls |= {_PRINCIPAL: "READ", "deployer@example.org": "MANAGE"}
    workspace.callers[_JOB] = _PRINCIPAL
    model_url = world.environment["OPENAI_BASE_URL"].removesuffix("/v1")
    deployment = Rotating(tmp_path, workspace, world.telegram, world.telegram_url, world.model, model_url)
    for name in ("TELEGRAM_BOT_TOKEN", "OPENAI_API_KEY"):
        world.environment.pop(name)
    job = world.serving(world.run(PIPELINE_SECRET_SCOPE="bot-prod", **workspace.environment(_JOB)))

    texts: list[str] = []
    over = threading.Event()

    def talk() -> None:
        while not over.wait(0.1):
            texts.append(f"message {len(texts)}")
            world.say(texts[-1], chat_id=1 + len(texts) % 50)

    traffic = threading.Thread(target=talk)
    traffic.start()
    try:
        wait_until(lambda: len(world.sent()) > 20, 60, lambda: job.log)
        new_token, new_key = f"{TOKEN[:-1]}2", "another-key-of-the-scripted-model"
        # From this moment on the old token is refused, and the pipeline does not know.
        world.telegram.rotate_token(new_token)
        wait_until(lambda: "401" in job.log, 60, lambda: job.log)
        code, said = deployment.run("telegram-token", given=new_token)
        assert code == 0, said
        before = len(world.sent())
        wait_until(lambda: len(world.sent()) > before + 20, 60, lambda: job.log)

        world.model.api_key = new_key
        code, more = deployment.run("llm-api-key", given=new_key)
        assert code == 0, more
        before = len(world.sent())
        wait_until(lambda: len(world.sent()) > before + 20, 60, lambda: job.log)
    finally:
        over.set()
        traffic.join()

    wait_until(lambda: len(world.sent()) >= len(texts), 90, lambda: job.log)
    wait_until(lambda: len(world.table("silver")) >= len(texts), 60, lambda: job.log)
    assert job.running
    assert job.terminate() < 15
    replies = [sent["text"].removeprefix("echo: ") for sent in world.sent()]
    assert not repeated(replies)
    assert sorted(replies) == sorted(texts)
    silver = world.table("silver")
    assert sorted(row["user_message"] for row in silver) == sorted(texts)
    assert {(row["answer_status"], row["delivery_status"]) for row in silver} == {("answered", "sent")}
    for secret in (TOKEN, new_token, KEY, new_key):
        assert secret not in job.log + said + more
        for path, content in contents(tmp_path):
            assert secret.encode() not in content, path


@pytest.mark.parametrize(
    ("written", "use_aws"),
    [
        ("telegram-token.pending", False),
        ("telegram-token", False),
        ("telegram-token", True),
    ],
)
def test_a_rotation_that_was_killed_at_a_write_is_finished_by_the_next_call(
    written: str, use_aws: bool, deployment: Rotating, aws_url: str
) -> None:
    if use_aws:
        deployment.use_aws(aws_url, f"killed-{written}")
        assert deployment.run("telegram-token", given=OLD)[0] == 0
    deployment.telegram.rotate_token(NEW)
    killed = threading.Event()

    def kill(call: Call) -> None:
        if not killed.is_set() and call.path.endswith("/put") and json.loads(call.body).get("key") == written:
            os.kill(process.pid, signal.SIGKILL)
            killed.set()

    deployment.workspace.after.append(kill)
    process = deployment.start("telegram-token")
    process.communicate(NEW, timeout=60)
    assert process.returncode == -signal.SIGKILL
    assert deployment.held()["telegram-token"] in (OLD, NEW)
    assert "rotation.lock" in deployment.held()

    code, said = deployment.run("telegram-token", given=NEW)
    assert code == 0, said
    held = deployment.held()
    assert held.pop("llm-api-key") == OLD_KEY
    if use_aws:
        assert held == {"telegram-token": NEW}
        assert deployment.staged_in_aws() == {"AWSCURRENT": NEW, "AWSPREVIOUS": OLD}
    else:
        assert held == {"telegram-token": NEW, "telegram-token.previous": OLD}


def test_of_two_rotations_at_once_one_waits_for_the_other(deployment: Rotating) -> None:
    deployment.model.api_key = None  # takes any
    keys = (NEW_KEY, f"{NEW_KEY}-of-another-operator")
    processes = [deployment.start("llm-api-key") for _ in keys]
    said: dict[str, str] = {}

    def call(process: subprocess.Popen[str], key: str) -> None:
        said[key] = process.communicate(key, timeout=120)[0]

    threads = [threading.Thread(target=call, args=pair) for pair in zip(processes, keys, strict=True)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert [process.returncode for process in processes] == [0, 0], said
    held = deployment.held()
    assert {held["llm-api-key"], held["llm-api-key.previous"]} == set(keys)
    assert "rotation.lock" not in held
    lines = [json.loads(line) for line in deployment.audit.read_text().splitlines()]
    written = [line["call"] for line in lines if line["step"] in ("create", "test", "finish", "clear")]
    assert len(set(written)) == 2
    assert written == sorted(written, key=written.index), "the steps of the two calls are mixed"


def test_a_value_typed_at_a_terminal_is_not_shown(deployment: Rotating) -> None:
    deployment.telegram.rotate_token(NEW)
    ours, theirs = pty.openpty()
    process = deployment.start(
        "telegram-token",
        stdin=theirs,
        stdout=theirs,
        stderr=theirs,
        start_new_session=True,
        preexec_fn=lambda: fcntl.ioctl(0, termios.TIOCSCTTY, 0),
    )
    os.close(theirs)
    shown = _until(ours, lambda said: "not shown" in said)
    assert NEW not in Path(f"/proc/{process.pid}/cmdline").read_text()
    os.write(ours, f"{NEW}\n".encode())
    shown += _until(ours, lambda said: False)
    os.close(ours)
    assert process.wait(30) == 0, shown
    assert "done" in shown
    assert NEW not in shown
    assert deployment.held()["telegram-token"] == NEW


def test_a_rotation_that_is_interrupted_says_how_to_go_on_and_gives_its_lock_back(deployment: Rotating) -> None:
    deployment.telegram.rotate_token(NEW)

    def interrupt(call: Call) -> None:
        if call.path.endswith("/put") and b'"telegram-token.pending"' in call.body:
            process.terminate()
            time.sleep(0.5)

    deployment.workspace.after.append(interrupt)
    process = deployment.start("telegram-token")
    said, _ = process.communicate(NEW, timeout=60)
    assert process.returncode == 1
    assert "interrupted; run the same command again to continue, or with --rollback to undo" in said
    assert "Traceback" not in said
    assert "rotation.lock" not in deployment.held()
    code, said = deployment.run("telegram-token", "--rollback")
    assert code == 0, said
    assert deployment.held() == {"telegram-token": OLD, "llm-api-key": OLD_KEY}


def _until(terminal: int, seen: Callable[[str], bool], within: float = 30.0) -> str:
    """What a terminal shows until something is seen, or it is closed."""
    said, until = "", time.monotonic() + within
    while not seen(said):
        assert time.monotonic() < until, said
        try:
            piece = os.read(terminal, 4096)
        except OSError:  # the other end is closed
            break
        if not piece:
            break
        said += piece.decode()
    return said

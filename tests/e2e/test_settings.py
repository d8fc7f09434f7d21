"""Settings that can't work: one line that names the fix, and exit code 2, before anything is done."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest

from tests.support.world import TOKEN, World

pytestmark = pytest.mark.e2e


def _refusal(world: World, *options: str, **environment: str) -> str:
    job = world.run(*options, **environment)
    assert job.wait(60) == 2, job.log
    lines = [line for line in job.log.splitlines() if not line.startswith("{")]
    assert len(lines) == 1, job.log
    assert TOKEN.partition(":")[2] not in job.log
    assert not world.sent()
    return lines[0]


def test_no_token(world: World) -> None:
    assert "TELEGRAM_BOT_TOKEN is not set" in _refusal(world, TELEGRAM_BOT_TOKEN="")


def test_a_token_that_telegram_rejects(world: World) -> None:
    line = _refusal(world, TELEGRAM_BOT_TOKEN="42:" + "w" * 35)
    assert "TELEGRAM_BOT_TOKEN was rejected" in line
    assert "w" * 35 not in line


@pytest.mark.parametrize("url", ["not a url", "ftp://example.org"])
def test_an_address_that_is_none(world: World, url: str) -> None:
    assert f"--telegram-api-url is {url!r}" in _refusal(world, "--telegram-api-url", url)


def test_a_bot_api_that_can_not_be_reached(world: World) -> None:
    line = _refusal(world, "--telegram-api-url", "http://127.0.0.1:9", "--startup-patience", "1")
    assert "--telegram-api-url http://127.0.0.1:9/ can't be used (connection refused" in line


def test_a_storage_that_is_not_writable(world: World, tmp_path: Path) -> None:
    file = tmp_path / "file"
    file.write_text("")
    assert f"--storage {file}/in/it is not writable" in _refusal(world, "--storage", f"{file}/in/it")


@pytest.mark.parametrize(
    ("description", "fix"),
    [
        ("terminated by other getUpdates request", "another poller of this bot is active"),
        ("can't use getUpdates method while webhook is active", "call deleteWebhook first"),
    ],
    ids=["another poller", "a webhook"],
)
def test_a_conflict_that_lasts(world: World, description: str, fix: str) -> None:
    world.fault("getUpdates", "status", status=409, times=0, description=f"Conflict: {description}")
    assert fix in _refusal(world, "--conflict-patience", "1")


def test_a_model_that_its_server_does_not_know(world: World) -> None:
    world.model.models = ["scripted", "other"]
    line = _refusal(world, "--model", "unheard-of")
    assert "--model 'unheard-of' is not known" in line
    assert "other, scripted" in line


def test_a_key_that_the_model_rejects(world: World) -> None:
    line = _refusal(world, OPENAI_API_KEY="a-wrong-key-of-mine")
    assert "OPENAI_API_KEY was rejected" in line
    assert "a-wrong-key-of-mine" not in line


def test_a_storage_of_another_bot(world: World) -> None:
    world.storage.mkdir()
    (world.storage / "bot.json").write_text(json.dumps({"bot_id": 43}))
    assert "belongs to bot 43" in _refusal(world)


def test_a_storage_in_use(world: World) -> None:
    world.rule(hang=True)
    first = world.run()
    while not (world.storage / "lease.json").exists():
        assert first.running, first.log
    assert f"is in use by process {first.pid} on {os.uname().nodename}" in _refusal(world)
    assert first.running

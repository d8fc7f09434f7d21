"""Services that fail while a run continues: messages wait, nothing is lost or repeated, and the run fixes itself."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.support.files import contents
from tests.support.world import KEY, TOKEN, World, repeated, wait_until

pytestmark = pytest.mark.e2e


def test_outages_of_model_and_telegram_and_lost_responses_lose_and_repeat_nothing(world: World, tmp_path: Path) -> None:
    token_file, key_file = tmp_path / "token", tmp_path / "key"
    token_file.write_text(f"{TOKEN}\n")
    key_file.write_text(KEY)
    world.environment.pop("TELEGRAM_BOT_TOKEN")
    world.environment.pop("OPENAI_API_KEY")
    job = world.serving(world.run(TELEGRAM_BOT_TOKEN_FILE=str(token_file), OPENAI_API_KEY_FILE=str(key_file)))

    # The model is out, then back: everything waits, nothing falls back.
    world.rule(status=503, times=6)
    texts = world.burst(20, chats=20, text="model out")
    wait_until(lambda: len(world.sent()) == 20, 60, lambda: job.log)

    # Both secrets are rotated in the middle of traffic; the old ones are refused from that moment on.
    texts += world.burst(20, chats=20, text="rotation")
    world.telegram.rotate_token(new_token := f"{TOKEN[:-1]}2")
    world.model.api_key = "another-key-of-the-model"
    token_file.write_text(new_token)
    key_file.write_text("another-key-of-the-model")
    texts += world.burst(20, chats=20, text="rotated")
    wait_until(lambda: len(world.sent()) == 60, 60, lambda: job.log)

    # A response is lost: nobody can know, so it is recorded and not sent again; the others wait until Telegram answers.
    world.fault("sendMessage", "lost_response", times=1)
    world.fault("sendMessage", "status", status=429, parameters={"retry_after": 1}, times=3)
    texts += world.burst(20, chats=20, text="lost")
    wait_until(lambda: len(world.table("silver")) == 80, 60, lambda: job.log)
    assert job.running
    assert job.terminate() < 15

    silver = world.table("silver")
    assert sorted(row["user_message"] for row in silver) == sorted(texts)
    assert {row["answer_status"] for row in silver} == {"answered"}
    replies = [sent["text"].removeprefix("echo: ") for sent in world.sent()]
    assert sorted(replies) == sorted(texts)
    assert not repeated(replies)
    assert [row["delivery_status"] for row in silver].count("unknown") == 1
    status = world.command("status", "--json")
    assert json.loads(status)["unknown_count"] == 1
    assert json.loads(status)["silver"] == {"sent": 79, "unknown": 1}
    for secret in (TOKEN, new_token, KEY, "another-key-of-the-model"):
        assert secret not in job.log + status
        for path, content in contents(world.storage):
            assert secret.encode() not in content, path

"""A run as on a cluster: the session is there before it, tables have names, and a workspace holds the secrets."""

from __future__ import annotations

import shutil

import pytest

from tests.support.files import contents
from tests.support.serving import serving
from tests.support.workspace.errors import ApiError
from tests.support.workspace.server import CALLER, Call
from tests.support.workspace.server import TOKEN as BEARER
from tests.support.world import TOKEN, World, repeated, wait_until

pytestmark = pytest.mark.e2e

# What a cluster and a deployment bring: a session, and its catalog's tables.
DEPLOYED = """
import sys
from pathlib import Path
from pipeline.platform.local_spark import session
from pipeline.tables import TABLES
spark, lake = session("local[2]", Path({lake!r}) / "logs"), {lake!r}
spark.sql("CREATE SCHEMA bot")
for table in TABLES:
    name, place = f"spark_catalog.bot.{{table.name}}", f"{{lake}}/{{table.name}}"
    spark.sql(f"CREATE TABLE {{name}} ({{table.ddl}}) USING delta LOCATION '{{place}}'")
"""
OPTIONS = {"bronze": "bronze", "silver": "silver", "quarantine": "quarantine", "feedback-table": "feedback"}
NAMED = tuple(f"--{option}=spark_catalog.bot.{name}" for option, name in OPTIONS.items())


def _deployed(world: World) -> str:
    return DEPLOYED.format(lake=str(world.storage))


def test_named_tables_get_each_message_once_over_runs_and_a_lost_checkpoint(world: World) -> None:
    first = world.say("first")
    job = world.run("--once", *NAMED, prelude=_deployed(world))
    assert job.wait(150) == 0, job.log
    shutil.rmtree(world.storage / "checkpoints")
    for landed in (world.storage / "landing" / "_done").rglob("*.jsonl"):
        landed.rename(world.storage / "landing" / landed.name)
    second = world.say("second")
    job = world.run("--once", *NAMED, prelude=_deployed(world))
    assert job.wait(150) == 0, job.log
    assert sorted(row["update_id"] for row in world.table("bronze")) == [first, second]
    assert sorted(row["update_id"] for row in world.table("silver")) == [first, second]
    assert sorted(sent["text"] for sent in world.sent()) == ["echo: first", "echo: second"]


def test_a_table_that_was_not_deployed_is_named(world: World) -> None:
    job = world.run("--once", *NAMED)
    assert job.wait(60) == 2, job.log
    assert "table spark_catalog.bot.bronze does not exist or may not be read: deploy it" in job.log


def test_a_token_rotated_in_the_scope_is_taken_up_in_the_middle_of_traffic_even_if_the_scope_is_out_just_then(
    world: World,
) -> None:
    world.model.api_key = BEARER
    for name in ("TELEGRAM_BOT_TOKEN", "OPENAI_API_KEY", "OPENAI_BASE_URL"):
        world.environment.pop(name)
    # The session outlives the run: on a cluster it is not the run's to stop.
    after = "import atexit; atexit.register(lambda: print('rows', spark.table('spark_catalog.bot.silver').count()))"
    with serving(world.model) as workspace:
        workspace.secrets.give("bot", CALLER, telegram_token=TOKEN)
        job = world.run(
            "--secret-scope=bot",
            "--model-source=databricks",
            *NAMED,
            prelude=f"{_deployed(world)}\n{after}",
            DATABRICKS_RUNTIME_VERSION="17.3",
            **workspace.environment(),
        )
        world.serving(job)
        texts = world.burst(20, chats=20, text="before")
        wait_until(lambda: len(world.sent()) >= 5, 60, lambda: job.log)

        refused: list[Call] = []

        def refuse(call: Call) -> None:
            refused.append(call)
            raise ApiError(503, "TEMPORARILY_UNAVAILABLE", "try again later")

        workspace.before.append(refuse)
        world.telegram.rotate_token(new_token := f"{TOKEN[:-1]}2")
        texts += world.burst(20, chats=20, text="after")
        wait_until(lambda: bool(refused), 30, lambda: job.log)
        workspace.secrets.give("bot", CALLER, telegram_token=new_token)
        workspace.before.clear()
        wait_until(lambda: len(world.table("silver")) == 40, 90, lambda: job.log)
        assert job.terminate() < 15
        assert job.wait() == 0, job.log

    assert "rows 40" in job.log
    replies = [sent["text"].removeprefix("echo: ") for sent in world.sent()]
    assert sorted(replies) == sorted(texts)
    assert not repeated(replies)
    for secret in (TOKEN, new_token, BEARER):
        assert secret not in job.log
        for path, content in contents(world.storage):
            assert secret.encode() not in content, path

"""How a run ends: in time, with its work kept, and with the right exit code."""

from __future__ import annotations

import pytest

from tests.support.world import World, wait_until

pytestmark = pytest.mark.e2e


def test_sigterm_ends_a_run_in_time_while_the_model_hangs_and_the_next_run_answers(world: World) -> None:
    world.rule(contains="hang", hang=True, times=5)
    job = world.serving(world.run())
    for number in range(5):
        world.say(f"hang {number}", chat_id=number + 1)
    world.say("quick", chat_id=50)
    wait_until(lambda: len(world.sent()) == 1 and len(world.model.calls) >= 6, 30, lambda: job.log)
    assert job.terminate() < 15
    assert job.wait() == 0
    world.run_once()
    assert sorted(row["user_message"] for row in world.table("silver")) == [*(f"hang {n}" for n in range(5)), "quick"]
    assert len(world.sent()) == 6


def test_a_deadline_leaves_the_rest_to_the_next_run(world: World) -> None:
    world.rule(contains="slow", latency=60.0, times=1)
    world.say("slow", chat_id=1)
    world.say("quick", chat_id=2)
    job = world.run("--once", "--deadline", "25")
    assert job.wait(60) == 1
    assert [sent["text"] for sent in world.sent()] == ["echo: quick"]
    world.run_once()
    assert sorted(row["user_message"] for row in world.table("silver")) == ["quick", "slow"]
    assert len(world.sent()) == 2

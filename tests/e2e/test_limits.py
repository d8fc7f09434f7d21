"""Ceilings on the real process, which is killed again and again: the model's own count never passes them."""

from __future__ import annotations

import json
import random
from collections import Counter

import pytest

from pipeline.messages.phrases import phrases
from tests.support.world import World, wait_until

pytestmark = pytest.mark.e2e

_CHATS, _KILLS = 1000, 4
_OF_A_USER, _OF_ALL = 1400, 700_000
"""Tokens a day. A call here costs some 200, and may cost some 900: two or three of a user fit, and five do not."""


def _spent(world: World) -> Counter[str]:
    """Tokens of all requests that reached the model, whoever learned of the answer: by user, and of all."""
    spent: Counter[str] = Counter()
    for call in world.model.calls:
        content = json.dumps({"answer": f"echo: {call['user_text']}"})
        # As the scripted model counts.
        cost = len(json.dumps(call["messages"])) // 4 + 1 + len(json.dumps(content)) // 4 + 1
        spent[call["user_text"].split()[-1]] += cost
        spent["all"] += cost
    return spent


@pytest.mark.timeout(600)  # a run after each kill
def test_no_ceiling_is_passed_by_a_thousand_chats_while_runs_are_killed_at_random(world: World) -> None:
    chance = random.Random(13)
    world.rule(latency=0.2)
    options = ("--user-tokens-a-day", str(_OF_A_USER), "--tokens-a-day", str(_OF_ALL), "--max-tokens", "40")
    for kill in range(_KILLS + 1):
        world.burst(_CHATS, _CHATS, f"round {kill} message")
        if kill == _KILLS:
            break
        job = world.run(*options)
        asked = len(world.model.calls) + chance.randrange(20, 250)
        wait_until(lambda until=asked: len(world.model.calls) >= until, 100, lambda of=job: of.log)  # type: ignore[misc]
        job.kill()
    world.run_once(*options)

    spent = _spent(world)
    assert spent.pop("all") <= _OF_ALL
    assert max(spent.values()) <= _OF_A_USER
    assert len(spent) > _CHATS / 2
    silver = world.table("silver")
    assert len({(row["channel_id"], row["message_id"]) for row in silver}) == len(silver) == _CHATS * (_KILLS + 1)
    refused = [row for row in silver if row["answer_status"] == "fallback"]
    assert refused
    assert all(row["error"].startswith("ceiling: ") for row in refused if row["delivery_status"] != "unknown")
    told = Counter(
        sent["chat_id"] for sent in world.sent() if sent["text"].startswith(phrases("en").limit_user.partition("{")[0])
    )
    assert told
    assert max(told.values()) == 1
    charged = sum(row["charged_prompt_tokens"] or 0 for row in silver)
    charged += sum(row["charged_completion_tokens"] or 0 for row in silver)
    assert sum(spent.values()) <= charged <= _OF_ALL, "what is charged is what was spent, or more where nobody knows"

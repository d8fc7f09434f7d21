from __future__ import annotations

from itertools import pairwise

from scripts.benches.contenders import AIOGRAM, CONTENDERS, LOOP, OURS
from scripts.benches.scenarios import SHORT, Sizes, plan, scenarios


def test_the_full_form_has_all_that_is_promised_and_the_short_form_the_same_kinds() -> None:
    names = [scenario.name for scenario in scenarios(Sizes())]
    assert names == [
        "one",
        "steady-3",
        "steady-10",
        "burst-120-120",
        "burst-1000-200",
        "burst-1000-1000",
        "slow",
        "executors-1",
        "executors-2",
        "backlog",
        "idle",
        "memory-on",
        "memory-off",
        "memory-start",
    ]
    short = {scenario.name.partition("-")[0] for scenario in scenarios(SHORT)}
    assert short == {name.partition("-")[0] for name in names}


def test_ours_plays_every_scenario_first_and_all_three_are_compared_where_the_limit_is_the_question() -> None:
    of = {scenario.name: scenario.contenders for scenario in scenarios(Sizes())}
    assert {contenders[0] for contenders in of.values()} == {OURS}
    assert of["one"] == of["burst-120-120"] == of["burst-1000-200"] == of["idle"] == (OURS, AIOGRAM, LOOP)
    assert AIOGRAM in of["steady-10"]


def test_contenders_play_a_scenario_in_turn_each_on_a_stage_of_its_own() -> None:
    groups = plan(scenarios(Sizes()), shared=False)
    assert {len(group) for group in groups} == {1}
    turns = [group[0] for group in groups]
    assert [turn.contender for turn in turns[:3]] == list(CONTENDERS)
    names = [turn.scenario.name for turn in turns]
    assert len(dict.fromkeys(names)) == 1 + sum(later != earlier for earlier, later in pairwise(names))


def test_the_short_form_starts_a_contender_once_but_for_what_needs_its_own_start() -> None:
    groups = plan(scenarios(SHORT), shared=True)
    shared = [group for group in groups if len(group) > 1]
    assert [{turn.contender for turn in group} for group in shared] == [{OURS}, {AIOGRAM}, {LOOP}]
    alone = {turn.scenario.name for group in groups if len(group) == 1 for turn in group}
    assert alone == {"executors-1", "executors-2", "backlog", "memory-off", "memory-start"}
    assert sum(map(len, groups)) == sum(len(scenario.contenders) for scenario in scenarios(SHORT))


def test_the_executors_have_sixteen_calls_each() -> None:
    options = {scenario.name: scenario.options for scenario in scenarios(Sizes())}
    assert all("--concurrency=16" in options[f"executors-{number}"] for number in (1, 2))
    assert any(option.startswith("--spark-master=local-cluster[2,") for option in options["executors-2"])


def test_the_memory_is_compared_with_none_by_the_same_messages() -> None:
    options = {scenario.name: scenario.options for scenario in scenarios(Sizes())}
    assert (options["memory-on"], options["memory-off"]) == ((), ("--context-turns=0",))

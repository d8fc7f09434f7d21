from __future__ import annotations

import pytest

from scripts.benches.capacity import Assumptions, comparisons, fits, loads, need
from scripts.benches.measures import TurnResult
from scripts.benches.scenarios import Sizes


def test_a_quiet_deployment_needs_one_bot_and_no_executor() -> None:
    found = need(10.0, Assumptions())
    assert (found.bots, found.executors) == (1, 0)
    assert found.calls_at_once == 20.0
    assert found.driver_share == pytest.approx(0.03)
    assert found.tokens_a_minute == 240_000
    assert found.rows_a_file == pytest.approx(20.0)
    assert found.files_a_day == pytest.approx(43_200.0)


def test_bots_follow_from_what_each_may_send_and_executors_from_what_each_may_ask() -> None:
    assert need(1_000.0, Assumptions()).bots == 40
    assert need(1_000.0, Assumptions()).executors == 0
    paid = need(1_000.0, Assumptions(bot_sends=1_000.0))
    assert (paid.bots, paid.executors) == (1, 32)
    assert paid.driver_share > 1
    slow = need(1_000.0, Assumptions(model_seconds=4.0))
    assert slow.executors == 80


def test_a_quiet_bot_appends_once_for_each_message_and_a_busy_one_every_interval() -> None:
    assert need(0.1, Assumptions()).commits == pytest.approx(0.1)
    assert need(0.1, Assumptions()).rows_a_file == pytest.approx(1.0)
    assert need(20.0, Assumptions(append_seconds=4.0)).commits == pytest.approx(0.25)
    assert need(20.0, Assumptions(append_seconds=4.0)).rows_a_file == pytest.approx(80.0)


def test_the_limit_that_breaks_first_comes_first() -> None:
    assert next(iter(loads(1_000.0, Assumptions()))) == "sends of one bot"
    assert next(iter(loads(1_000.0, Assumptions(bot_sends=1_000.0)))) == "calls of the model at once"
    assert max(loads(10.0, Assumptions()).values()) < 1 < max(loads(30.0, Assumptions()).values())


def _result(scenario: str, python_seconds: float, messages: int = 1000, **values: float) -> TurnResult:
    return TurnResult(
        scenario=scenario,
        contender="ours",
        messages=messages,
        values={name.replace("_", " ").replace(" per s", "/s"): value for name, value in values.items()},
        python_seconds=python_seconds,
        jvm_seconds=1.0,
        service_seconds=1.0,
        peak_mib=1.0,
    )


def test_a_report_that_the_formulas_describe_fits() -> None:
    found = comparisons(
        [
            _result("one", 1.0, p50=0.1),
            _result("burst-1000-1000", 5.0, last_reply=5.5),
            _result("executors-1", 9.0, messages=2000, last_reply=131.0),
            _result("executors-2", 9.0, messages=2000, last_reply=68.0),
            _result("backlog", 60.0, messages=20_000, messages_per_s=320.0),
        ],
        Sizes(),
    )
    assert [comparison.predicted for comparison in found] == pytest.approx([5.2, 125.0, 62.5, 333.33], rel=1e-3)
    assert fits(found)
    assert all(comparison.line.endswith(": fits") for comparison in found)


@pytest.mark.parametrize(
    "result",
    [
        _result("burst-1000-1000", 1.0, last_reply=9.0),
        _result("executors-2", 1.0, messages=2000, last_reply=125.0),
        _result("executors-1", 1.0, messages=2000, last_reply=60.0),
        _result("backlog", 60.0, messages=20_000, messages_per_s=100.0),
    ],
    ids=lambda result: result.scenario,
)
def test_a_report_that_they_do_not_describe_does_not_fit(result: TurnResult) -> None:
    found = comparisons([result], Sizes())
    assert not fits(found)
    assert found[0].line.endswith("does not fit")


def test_a_report_without_what_they_predict_proves_nothing() -> None:
    assert not fits(comparisons([_result("one", 1.0, p50=0.1)], Sizes()))

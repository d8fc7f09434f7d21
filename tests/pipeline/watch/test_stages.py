"""The stages, from what the sources say at one moment."""

from __future__ import annotations

from collections import Counter
from datetime import UTC, datetime, timedelta
from typing import Any

from pipeline.replies.reply import PartState
from pipeline.storage.record import Problem, Record
from pipeline.watch.stages import Facts, TableFacts, open_replies_of, run_of, stages_of
from tests.support.replies import accepted, answered, part

NOW = datetime(2026, 1, 2, 12, 0, 30, tzinfo=UTC)
TABLES = {
    "bronze": TableFacts(4, {"disposition": Counter(answer=3, edit=1)}, 2, 0.2),
    "quarantine": TableFacts(1),
    "silver": TableFacts(
        3, {"delivery_status": Counter(sent=2, unknown=1), "answer_status": Counter(answered=2, fallback=1)}
    ),
}


def _record(**problems: str) -> Record:
    said = {service: Problem(reason=reason, since=NOW) for service, reason in problems.items()}
    return Record(state="serving", said_at=NOW, landed=7, problems=said, bot_username="our_bot", pid=5)


def _stages(**facts: Any) -> dict[str, dict[str, Any]]:
    given = {"now": NOW, "record": _record(), "tables": TABLES, **facts}
    return {stage["name"]: stage for stage in stages_of(Facts(**given))}


def test_every_stage_says_what_it_holds() -> None:
    stages = _stages(replies=(accepted(seq=1), answered(part("x", PartState.SENT, 1), seq=2)))
    assert {name: stage["count"] for name, stage in stages.items()} == {
        "telegram_in": 7, "landing": 0, "bronze": 4, "quarantine": 1, "journal": 1, "model": 2, "telegram_out": 2,
        "silver": 3,
    }  # fmt: skip
    assert stages["bronze"]["values"] == [{"name": "answer", "count": 3}, {"name": "edit", "count": 1}]
    assert {"name": "fallback", "count": 1} in stages["model"]["values"]
    assert {"name": "unknown", "count": 1} in stages["telegram_out"]["values"]


def test_feedback_is_a_stage_only_where_there_is_the_table() -> None:
    assert "feedback" not in _stages()
    votes = TableFacts(2, {"vote": Counter(up=2)})
    assert _stages(tables=TABLES | {"feedback": votes})["feedback"]["count"] == 2


def test_the_landing_lags_by_its_oldest_file_that_no_table_has() -> None:
    seq = int((NOW - timedelta(seconds=12)).timestamp() * 1e6)
    landing = _stages(unread=(f"{seq}-1-1.jsonl",), waiting=3)["landing"]
    assert (landing["count"], landing["lag"], landing["health"]) == (1, 12.0, "busy")
    assert landing["values"] == [{"name": "read, not yet in the tables", "count": 2}]


def test_a_service_that_fails_is_said_at_its_stage() -> None:
    stages = _stages(record=_record(model="503 \x1b[2J", intake="409"))
    assert (stages["model"]["health"], stages["model"]["problem"]) == ("out", "503 \\x1b[2J")
    assert stages["telegram_in"]["health"] == "out"
    assert stages["telegram_out"]["health"] == "ok"


def test_nothing_works_where_no_run_says_anything() -> None:
    stages = _stages(record=None, tables={"bronze": TableFacts(readable=False)})
    assert {stage["health"] for stage in stages.values()} == {"off"}
    assert stages["bronze"]["count"] is None
    old = _record().model_copy(update={"said_at": NOW - timedelta(minutes=5)})
    assert run_of(Facts(now=NOW, record=old), "/lake")["state"] == "stopped"


def test_the_run_is_named_with_what_fails() -> None:
    run = run_of(Facts(now=NOW, record=_record(model="503")), "/lake")
    assert (run["state"], run["bot"], run["pid"]) == ("serving", "our_bot", 5)
    assert [problem["service"] for problem in run["problems"]] == ["model"]
    assert run_of(Facts(now=NOW), "/lake")["state"] == "none"


def test_open_replies_are_listed_the_oldest_first_and_all_are_counted() -> None:
    found = open_replies_of([accepted(f"question {seq}", seq=seq) for seq in range(60, 0, -1)])
    assert found["count"] == 60
    assert [reply["key"] for reply in found["replies"]] == [str(seq) for seq in range(1, 51)]

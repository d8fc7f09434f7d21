"""What a `destroy` of a protected stack says that it leaves behind."""

from __future__ import annotations

import pytest

from infra.deployment import deploy as deploy_stack
from scripts.engine.calls import Verb
from scripts.engine.deploy import deploy
from scripts.engine.kept import kept_objects, what_stays
from tests.support.fake_engine import FakeEngine
from tests.support.program import run_program
from tests.support.stacks import read


def test_everything_that_stays_is_named_and_so_is_the_warehouse_that_the_tables_need() -> None:
    assert kept_objects(read("prod", protect="true")) == [
        "the catalog telegram_lakehouse_prod",
        "the schema telegram_lakehouse_prod.telegram",
        "the tables bronze, silver, quarantine, feedback",
        "the volumes landing and state",
        "the secret scope telegram-lakehouse-prod",
        "the SQL warehouse telegram-lakehouse-prod, since the tables need it",
    ]


def test_the_volumes_named_are_those_that_hold_data() -> None:
    run = run_program(lambda: deploy_stack(read("prod", protect="true")), stack="prod")
    protected = [volume.inputs["name"] for volume in run.of("Volume") if volume.protect]
    assert f"the volumes {' and '.join(protected)}" in kept_objects(read("prod", protect="true"))


def test_what_the_stack_has_not_made_is_not_named() -> None:
    kept = kept_objects(read("prod", protect="true", catalog="main", warehouse_id="w1"))
    assert kept[0] == "the schema main.telegram_prod"
    assert not any("warehouse" in one for one in kept)


def test_how_to_give_it_up_says_what_becomes_of_it() -> None:
    said = what_stays("acme/prod", read("prod", protect="true"))
    assert "`pulumi state unprotect --all --stack acme/prod`, then `make destroy STACK=acme/prod`" in said
    assert "deletes the warehouse and removes the others from the stack, but does not delete them" in said


def test_what_was_kept_is_said_at_the_end_with_the_way_back(
    engine: FakeEngine, capsys: pytest.CaptureFixture[str]
) -> None:
    engine.config["protect"] = "true"
    engine.answer()
    assert deploy(Verb.DESTROY, "prod", yes=True)
    *_, kept, back = capsys.readouterr().err.splitlines()
    assert kept.startswith("Kept: the catalog telegram_lakehouse_prod; ")
    assert back == "`make up STACK=prod` creates the rest again around them."


def test_a_destroy_that_failed_claims_nothing(engine: FakeEngine, capsys: pytest.CaptureFixture[str]) -> None:
    engine.config["protect"] = "true"
    engine.answer(destroy={"code": 255, "err": "error: update failed\n"})
    assert not deploy(Verb.DESTROY, "prod", yes=True)
    assert "Kept:" not in capsys.readouterr().err

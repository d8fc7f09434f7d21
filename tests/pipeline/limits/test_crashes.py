"""Spending as the model's own ledger counts it never passes a ceiling, whenever the process dies."""

from pathlib import Path

import pytest

from pipeline.limits.ceilings import Ceiling, Ceilings, Prices
from tests.support.spending import Deployment, Died

CALL = 1100
"""Tokens that a call may cost at most."""
PRICES = Prices(1.0, 4.0)
CEILINGS = {
    "users": Ceilings(user_tokens_a_day=2 * CALL),
    "chats": Ceilings(chat_tokens_a_day=3 * CALL),
    "all": Ceilings(tokens_a_day=4 * CALL),
    "price": Ceilings(price_a_month=0.006, prices=PRICES),
    "each": Ceilings(2 * CALL, 3 * CALL, 8 * CALL, 0.03, PRICES),
}


def _spend(deployment: Deployment, *, steps: int, deaths: float, users: int, chats: int) -> None:
    """Messages, processes that die between any two steps and within them, and nights."""
    chance = deployment.chance

    def fault() -> None:
        if chance.random() < deaths:
            raise Died

    def step() -> None:
        fault()
        deployment.step()

    deployment.fault = fault
    for _ in range(steps):
        if chance.random() < 0.2:
            user = chance.randrange(1, users + 1)
            deployment.say(user, chance.choice([100 + user, 1000 + chance.randrange(chats)]))
        deployment.survive(step)
        if chance.random() < 0.002:
            deployment.stop()
            deployment.begin()
        if chance.random() < 0.006:
            deployment.pass_time(3 * 3600)
    deployment.finish()


@pytest.mark.parametrize("seed", range(2))
@pytest.mark.parametrize("of", CEILINGS)
def test_no_ceiling_is_passed_whenever_a_process_dies(
    of: str, seed: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    deployment = Deployment(tmp_path / "journal", CEILINGS[of], seed, monkeypatch)
    _spend(deployment, steps=800, deaths=0.01, users=6, chats=3)
    deployment.model.assert_within(CEILINGS[of])
    deployment.assert_each_answered_once()
    deployment.assert_told_once()
    assert deployment.deaths > 5


def test_a_thousand_chats_at_their_limit_spend_no_token_more_whenever_a_process_dies(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    ceilings = Ceilings(user_tokens_a_day=3 * CALL // 2, tokens_a_day=600 * CALL)
    deployment = Deployment(tmp_path / "journal", ceilings, 1, monkeypatch)
    chance = deployment.chance

    def fault() -> None:
        if chance.random() < 0.002:
            raise Died

    for _ in range(2):
        for user in range(1, 1001):
            deployment.say(user, user)
    deployment.fault = fault
    while deployment.landed or deployment.lanes.open > 500:
        deployment.survive(deployment.step)
    deployment.finish()
    deployment.model.assert_within(ceilings)
    deployment.assert_each_answered_once()
    deployment.assert_told_once()
    assert deployment.deaths > 5
    spent = sum(total for (_, ceiling, _), total in deployment.model.days.items() if ceiling is Ceiling.ALL)
    assert spent > 0.5 * 600 * CALL, "a ceiling lets people spend up to it"

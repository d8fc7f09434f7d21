"""One attempt, on whichever side."""

from typing import cast

from pydantic import SecretStr

from pipeline.model.answering import REFUSALS, ask_once
from pipeline.model.client import Model
from pipeline.model.outcome import Outcome, Verdict
from pipeline.model.request import Listener, Request
from pipeline.platform.credentials import ModelAccess
from tests.support.replies import request

ACCESS = ModelAccess("http://127.0.0.1", SecretStr("key"))


class BreakingModel:
    def ask(self, access: ModelAccess, request: Request, listener: Listener | None = None) -> Outcome:
        raise RuntimeError("with a secret in it")


def test_any_error_while_asking_is_an_outcome_without_its_text() -> None:
    outcome = ask_once(cast("Model", BreakingModel()), ACCESS, request())
    assert outcome == Outcome(verdict=Verdict.FAILING, reason="asking failed: RuntimeError")


def test_a_credential_is_resolved_again_after_these_verdicts() -> None:
    assert {Verdict.UNAUTHORISED, Verdict.FORBIDDEN} == REFUSALS

"""What was asked, answered, lost and sent twice, as the simulated Telegram has it."""

from __future__ import annotations

from pipeline.demo.faults.reconciliation import Reconciliation, reconciled
from pipeline.sandbox.telegram.simulator import Telegram
from tests.support.simulated import says, send


def _answers(telegram: Telegram, question: int, chat_id: int = 1) -> None:
    send(telegram, chat_id, "answer", reply_parameters={"message_id": question})


def test_each_question_with_words_counts_once_and_so_does_each_answer() -> None:
    telegram = Telegram()
    for chat_id in (1, 2):
        _answers(telegram, says(telegram, "hi", chat_id=chat_id), chat_id)
    says(telegram, "waits")
    says(telegram, None, photo=True)  # type: ignore[arg-type]
    says(telegram, "among others", chat_id=-5)
    found = reconciled(telegram)
    assert found == Reconciliation(asked=3, answered=2, twice=0)
    assert found.lost == 1
    assert not found.good
    assert found.line == "asked 3, answered 2, lost 1, twice 0"


def test_a_second_answer_to_a_question_counts_as_twice_and_a_second_part_does_not() -> None:
    telegram = Telegram()
    question = says(telegram, "hi")
    _answers(telegram, question)
    send(telegram, 1, "its second part")
    assert reconciled(telegram).good
    _answers(telegram, question)
    assert reconciled(telegram) == Reconciliation(asked=1, answered=1, twice=1)


def test_what_is_reported_as_unknown_is_not_lost() -> None:
    found = Reconciliation(asked=3, answered=2, twice=0, unknown=1)
    assert found.good
    assert found.line == "asked 3, answered 2, 1 reported as unknown, lost 0, twice 0"

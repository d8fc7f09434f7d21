from __future__ import annotations

from typing import Any

import pytest

from scripts.benches.exchanges import WrongReplies, exchanges, require_once


def _question(number: int, chat: int = 1, at: float = 10.0) -> dict[str, Any]:
    return {"chat_id": chat, "message_id": number, "text": f"q{chat}.{number}", "at": at}


def _reply(to: int | None, chat: int = 1, at: float = 10.5, text: str | None = None) -> dict[str, Any]:
    said = f"echo: q{chat}.{to}" if text is None else text
    return {"chat_id": chat, "reply_to_message_id": to, "text": said, "at": at}


def test_each_message_is_matched_with_its_reply_by_chat_and_number() -> None:
    found = exchanges([_question(1), _question(1, chat=2, at=10.2)], [_reply(1, chat=2, at=10.4), _reply(1)])
    assert [(each.chat_id, each.text) for each in found] == [(2, "q2.1"), (1, "q1.1")]
    assert [each.seconds for each in found] == pytest.approx([0.2, 0.5])


@pytest.mark.parametrize(
    ("replies", "reason"),
    [
        ([_reply(1)], "1 of 2 messages have no reply"),
        ([_reply(1), _reply(2), _reply(1)], "1 messages have several replies"),
        ([_reply(1), _reply(2), _reply(3)], "1 replies are to no message"),
        ([_reply(1), _reply(2), _reply(None)], "1 replies are to no message"),
        ([_reply(1), _reply(2, chat=2)], "1 replies are to no message"),
        ([_reply(1), _reply(2, text="echo: q1.1")], "the reply to 'q1.2' is 'echo: q1.1'"),
        ([_reply(2), _reply(1)], "got the reply to its message 1 after a later one's"),
    ],
)
def test_a_contender_that_answers_wrongly_is_not_measured(replies: list[dict[str, Any]], reason: str) -> None:
    with pytest.raises(WrongReplies, match=reason):
        exchanges([_question(1), _question(2)], replies)


def test_a_table_must_hold_each_message_once() -> None:
    require_once(["b", "a"], ["a", "b"])
    for kept in (["a"], ["a", "b", "b"], ["a", "c"], ["a", "b", "c"]):
        with pytest.raises(WrongReplies, match="the table lacks"):
            require_once(kept, ["a", "b"])

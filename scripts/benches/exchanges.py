"""Messages and their replies: each must have exactly one, to itself, with its own text, in the order of its chat."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from pipeline.errors import RunFailed


class WrongReplies(RunFailed):
    """A contender did not do what it is measured for."""


@dataclass(frozen=True)
class Exchange:
    """A message and its reply. Times are seconds since the epoch, both by the simulated Telegram's clock."""

    text: str
    chat_id: int
    received_at: float
    sent_at: float

    @property
    def seconds(self) -> float:
        return self.sent_at - self.received_at


def exchanges(received: Iterable[Mapping[str, Any]], sent: Iterable[Mapping[str, Any]]) -> list[Exchange]:
    """Each message with its reply, in the order of the replies. WrongReplies unless each has exactly the right one."""
    questions = {(each["chat_id"], each["message_id"]): each for each in received}
    replies = [((each["chat_id"], each["reply_to_message_id"]), each) for each in sent]
    counts = Counter(key for key, _ in replies)
    if unasked := counts.keys() - questions.keys():
        raise WrongReplies(f"{len(unasked)} replies are to no message, such as {min(unasked, key=str)}")
    if missing := questions.keys() - counts.keys():
        raise WrongReplies(f"{len(missing)} of {len(questions)} messages have no reply, such as {min(missing)}")
    if repeated := [key for key, count in counts.items() if count > 1]:
        raise WrongReplies(f"{len(repeated)} messages have several replies, such as {min(repeated)}")
    latest: defaultdict[int, int] = defaultdict(int)
    found = []
    for (chat, message_id), reply in replies:
        question = questions[chat, message_id]
        if reply["text"] != f"echo: {question['text']}":
            raise WrongReplies(f"the reply to {question['text']!r} is {reply['text']!r}")
        if message_id < latest[chat]:
            raise WrongReplies(f"chat {chat} got the reply to its message {message_id} after a later one's")
        latest[chat] = message_id
        found.append(Exchange(question["text"], chat, question["at"], reply["at"]))
    return found


def require_once(kept: Iterable[str], said: Iterable[str]) -> None:
    """WrongReplies unless a table's questions are those that people asked, each once."""
    rows, questions = Counter(kept), Counter(said)
    if rows != questions:
        more, less = rows - questions, questions - rows
        raise WrongReplies(f"the table lacks {less.total()} messages and has {more.total()} too many")

"""Polls and the votes in them: https://core.telegram.org/bots/api#poll"""

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Any

from pipeline.sandbox.json_types import Json, Parameters
from pipeline.sandbox.telegram.activity import Activity
from pipeline.sandbox.telegram.chats import Chats
from pipeline.sandbox.telegram.errors import bad_request
from pipeline.sandbox.telegram.parameters import boolean, decoded, integer
from pipeline.sandbox.telegram.text.formatted import formatted_caption
from pipeline.sandbox.telegram.text.marked import MarkedText, stripped

Offer = Callable[[str, Json], int | None]
"""Queues an update of a kind for the bot: its id, None when the bot didn't ask for this kind."""

_LONGEST_QUESTION = 300
_LONGEST_OPTION = 100
_MOST_OPTIONS = 12
_LONGEST_PERIOD = 2_628_000


@dataclass
class SentPoll:
    """A poll with its votes. Several messages can show it: a forward does, while a copy has a poll of its own."""

    question: Json
    """Its text, and entities if there are any."""
    options: list[Json]
    is_anonymous: bool
    quiz: Json | None
    """What only a quiz has: the correct options and their explanation."""
    allows_multiple_answers: bool
    allows_revoting: bool
    is_closed: bool
    closing: Json
    """When it closes by itself, as fields of the Poll object."""
    closes_at: int | None
    """The same in seconds since the epoch."""
    id: str = ""
    votes: dict[int, list[int]] = field(default_factory=dict)
    """Positions of the chosen options, by the voter's id."""

    def as_json(self) -> Json:
        """The Poll object, as the bot that sent it sees it."""
        counts = Counter(chosen for vote in self.votes.values() for chosen in vote)
        options = [
            {"persistent_id": str(position), **option, "voter_count": counts[position]}
            for position, option in enumerate(self.options)
        ]
        return {
            "id": self.id,
            **self.question,
            "options": options,
            "total_voter_count": len(self.votes),
            "is_closed": self.is_closed,
            "is_anonymous": self.is_anonymous,
            "type": "regular" if self.quiz is None else "quiz",
            "allows_multiple_answers": self.allows_multiple_answers,
            "allows_revoting": self.allows_revoting,
            "members_only": False,
            **(self.quiz or {}),
            **self.closing,
        }

    def vote(self, voter_id: int, chosen: list[int]) -> bool:
        """Take a vote, or take it back (no option): whether that changes anything. ValueError when not allowed."""
        chosen = sorted(set(chosen))
        if self.is_closed:
            raise ValueError("the poll is closed")
        if len(chosen) > 1 and not self.allows_multiple_answers:
            raise ValueError("only one option of this poll can be chosen")
        if any(not 0 <= position < len(self.options) for position in chosen):
            raise ValueError(f"the poll has {len(self.options)} options: count them from 0")
        before = self.votes.get(voter_id, [])
        if before and not self.allows_revoting:
            raise ValueError("a vote in this poll can't be changed")
        if chosen:
            self.votes[voter_id] = chosen
        else:
            self.votes.pop(voter_id, None)
        return chosen != before

    def close_in_time(self, now: float) -> bool:
        """Close the poll if its time is over: whether that happened now."""
        if self.is_closed or self.closes_at is None or now < self.closes_at:
            return False
        self.is_closed = True
        return True


class Polls:
    """Every poll that the bot sent."""

    def __init__(self) -> None:
        self._by_id: dict[str, SentPoll] = {}

    def add(self, poll: SentPoll) -> SentPoll:
        """Give a new poll its id."""
        poll.id = str(5_000_000_000_000_000_001 + len(self._by_id))
        self._by_id[poll.id] = poll
        return poll

    def shown_in(self, message: Json) -> SentPoll | None:
        """The poll that a message shows; None when it shows none of the bot's."""
        return self._by_id.get(message.get("poll", {}).get("id", ""))

    def copy(self, poll: SentPoll) -> SentPoll:
        """A new poll with the same question and options: open, and without votes."""
        return self.add(replace(poll, votes={}, is_closed=False, closing={}, closes_at=None))


def tell_change(poll: SentPoll, chats: Chats, activity: Activity, offer: Offer, voter: int | None = None) -> int | None:
    """Show a changed poll in each message that has it: the id of the update `poll`. `voter`: whose vote changed it."""
    now = poll.as_json()
    vote: Json = {} if voter is None else {"user_id": voter, "option_ids": poll.votes.get(voter, [])}
    for chat in chats.by_id.values():
        for message_id, message in chat.messages.items():
            if message.get("poll", {}).get("id") == poll.id:
                # A changed copy: an update with the message keeps its own counts.
                chat.messages[message_id] = message | {"poll": now}
                activity.notify("poll", chat.id, message_id=message_id, poll=now, **vote)
    return offer("poll", now)


def poll_of(parameters: Parameters, now: int) -> SentPoll:
    """The poll that the parameters of sendPoll describe, still without an id. MethodError 400."""
    question = _text(parameters, "question", "question_parse_mode", "question_entities")
    options = [_option(option) for option in _options(parameters)]
    poll_type = parameters.get("type") or "regular"
    if poll_type not in ("regular", "quiz"):
        raise bad_request("unsupported poll type specified")
    _check_length(question, _LONGEST_QUESTION, "poll question")
    if not options:
        raise bad_request("poll must have at least one answer option")
    if len(options) > _MOST_OPTIONS:
        raise bad_request(f"poll can't have more than {_MOST_OPTIONS} options")
    for option in options:
        _check_length(option, _LONGEST_OPTION, "poll options")
    quiz = _quiz(parameters, len(options)) if poll_type == "quiz" else None
    closing, closes_at = _closing(parameters, now)
    return SentPoll(
        question=_fields("question", question),
        options=[_fields("text", option) for option in options],
        is_anonymous=_flag(parameters, "is_anonymous", default=True),
        quiz=quiz,
        allows_multiple_answers=boolean(parameters, "allows_multiple_answers"),
        allows_revoting=_flag(parameters, "allows_revoting", default=quiz is None),
        is_closed=boolean(parameters, "is_closed"),
        closing=closing,
        closes_at=closes_at,
    )


def _options(parameters: Parameters) -> list[Any]:
    given = decoded(parameters, "options")
    if given is None:
        return []
    if not isinstance(given, list):
        raise bad_request("expected an Array of InputPollOption")
    return given


def _option(given: Any) -> MarkedText:
    if isinstance(given, str):
        return _text({"text": given}, "text", "", "")
    if not isinstance(given, dict):
        raise bad_request("can't parse InputPollOption: Expected InputPollOption to be an Object")
    if "text" not in given:
        raise bad_request("can't parse InputPollOption: Can't find field \"text\"")
    return _text(given, "text", "text_parse_mode", "text_entities")


def _text(given: Parameters, name: str, parse_mode: str, entities: str) -> MarkedText:
    """A text of a poll, in which only custom emoji are marked."""
    text, marks = str(given.get(name) or ""), decoded(given, entities)
    marked = MarkedText(text, marks if isinstance(marks, list) else [])
    if given.get(parse_mode):
        formatted = formatted_caption({"caption": text, "parse_mode": given[parse_mode]})
        marked = MarkedText("", []) if formatted is None else formatted.marked
    emoji = [mark for mark in marked.entities if isinstance(mark, dict) and mark.get("type") == "custom_emoji"]
    return stripped(MarkedText(marked.text, emoji))


def _check_length(marked: MarkedText, longest: int, what: str) -> None:
    if not marked.text:
        raise bad_request("text must be non-empty")
    if len(marked.text) > longest:
        raise bad_request(f"{what} length must not exceed {longest}")


def _fields(name: str, marked: MarkedText) -> Json:
    return {name: marked.text} | ({f"{name}_entities": marked.entities} if marked.entities else {})


def _quiz(parameters: Parameters, options: int) -> Json:
    correct = decoded(parameters, "correct_option_ids")
    if correct is None:
        correct = [integer(parameters, "correct_option_id", -1)]
    numbers = isinstance(correct, list) and all(isinstance(each, int) and 0 <= each < options for each in correct)
    if not numbers or not correct:
        raise bad_request("wrong correct option ID specified")
    explanation = formatted_caption(
        {
            "caption": parameters.get("explanation"),
            "parse_mode": parameters.get("explanation_parse_mode"),
            "caption_entities": parameters.get("explanation_entities"),
        }
    )
    told = {} if explanation is None else _fields("explanation", explanation.marked)
    return {"correct_option_ids": correct, "correct_option_id": correct[0], **told}


def _closing(parameters: Parameters, now: int) -> tuple[Json, int | None]:
    """When the poll closes by itself; of two times given, the period counts."""
    period = min(max(integer(parameters, "open_period", 0), 0), _LONGEST_PERIOD)
    if period:
        return {"open_period": period, "close_date": now + period}, now + period
    date = integer(parameters, "close_date", 0)
    return ({"close_date": date}, date) if date > 0 else ({}, None)


def _flag(parameters: Parameters, name: str, *, default: bool) -> bool:
    return default if parameters.get(name) is None else boolean(parameters, name)

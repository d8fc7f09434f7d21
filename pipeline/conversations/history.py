"""What silver has of conversations: the statements that ask it. They go through Spark, where the stream is."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from datetime import UTC, datetime
from string import Template
from typing import Any, NamedTuple, Protocol

import structlog
from pydantic import ValidationError

from pipeline.conversations.turns import ConversationKey, Turn, TurnRow
from pipeline.tables import NO_PROBES

log = structlog.get_logger(__name__)

_PARTS = {
    "columns": ", ".join(TurnRow.model_fields),
    "turns": (
        "(answer_status = 'answered' AND delivery_status IN ('sent', 'unknown') "
        "OR answer_status = 'fixed' AND lower(user_message) LIKE '/new%') "
        f"AND {NO_PROBES}"
    ),
}
_OF_CHATS = """
SELECT $columns FROM (
  SELECT $columns, dense_rank() OVER (PARTITION BY channel_id, topic_id ORDER BY message_id DESC) AS age
  FROM $table WHERE channel_id IN ($chats) AND received_at >= $since AND $turns
) WHERE age <= $most
"""
_RECENT = "SELECT $columns FROM $table WHERE received_at >= $since AND $turns LIMIT $most"
_CHATS = "SELECT DISTINCT channel_id FROM $table WHERE received_at >= $since LIMIT $most"
_MOST_IN_FILTER = 2000


class AsksSilver(Protocol):
    """What is needed of the table. `stream.delta.DeltaTable` is one."""

    def ask(self, statement: str) -> list[dict[str, Any]]:
        """The rows of a statement, in which `$table` stands for the table's name."""


class KeyedTurn(NamedTuple):
    """A turn, and the conversation that it is one of."""

    key: ConversationKey
    turn: Turn


def turns_of_chats(silver: AsksSilver, chats: Collection[int], since: datetime, most: int) -> list[KeyedTurn]:
    """The turns of these chats that were received since then: of each conversation its newest `most` messages."""
    listed, found = sorted(chats), list[KeyedTurn]()
    for start in range(0, len(listed), _MOST_IN_FILTER):
        wanted = ", ".join(map(str, listed[start : start + _MOST_IN_FILTER]))
        found += _turns(silver.ask(_statement(_OF_CHATS, since, most, chats=wanted)))
    return found


def recent_turns(silver: AsksSilver, since: datetime, most: int) -> list[KeyedTurn] | None:
    """All turns that were received since then; None if there are more than `most`."""
    rows = silver.ask(_statement(_RECENT, since, most + 1))
    return list(_turns(rows)) if len(rows) <= most else None


def recent_chats(silver: AsksSilver, since: datetime, most: int) -> set[int] | None:
    """The chats with a row received since then; None if there are more than `most`."""
    rows = silver.ask(_statement(_CHATS, since, most + 1))
    return {int(row["channel_id"]) for row in rows} if len(rows) <= most else None


def _statement(template: str, since: datetime, most: int, **parts: str) -> str:
    moment = f"TIMESTAMP '{since.astimezone(UTC):%Y-%m-%d %H:%M:%S.%f}+00:00'"
    return Template(template).safe_substitute(_PARTS, since=moment, most=most, **parts)


def _turns(rows: Iterable[Mapping[str, Any]]) -> Iterable[KeyedTurn]:
    unreadable = 0
    for row in rows:
        try:
            read = TurnRow.model_validate(row)
        except ValidationError:
            # Others may have written it. Whoever asked needs the other rows.
            unreadable += 1
            continue
        if (turn := read.turn) is not None:
            yield KeyedTurn(read.key, turn)
    if unreadable:
        log.warning("rows of silver can't be read as turns", rows=unreadable)

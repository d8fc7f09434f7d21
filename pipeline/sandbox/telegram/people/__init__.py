"""What people do in the simulated Telegram, one function for each action.

A new module is imported here: that is what puts its actions into the table.
"""

from pipeline.sandbox.telegram.people import (
    drafts,
    keyboards,
    members,
    membership,
    messages,
    migration,
    polls,
    privacy,
    queries,
    reactions,
)

__all__ = [
    "drafts",
    "keyboards",
    "members",
    "membership",
    "messages",
    "migration",
    "polls",
    "privacy",
    "queries",
    "reactions",
]

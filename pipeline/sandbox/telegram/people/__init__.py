"""What people do in the simulated Telegram, one function for each action.

A new module is imported here: that is what puts its actions into the table.
"""

from pipeline.sandbox.telegram.people import (
    drafts,
    members,
    membership,
    messages,
    migration,
    privacy,
    reactions,
)

__all__ = ["drafts", "members", "membership", "messages", "migration", "privacy", "reactions"]

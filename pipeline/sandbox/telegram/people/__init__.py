"""What people do in the simulated Telegram, one function for each action.

A new module is imported here: that is what puts its actions into the table.
"""

from pipeline.sandbox.telegram.people import keyboards, membership, messages, migration, polls, queries

__all__ = ["keyboards", "membership", "messages", "migration", "polls", "queries"]

"""The methods of the Bot API, one function each, in modules by subject.

A new module is imported here: that is what puts its methods into the table.
"""

from pipeline.sandbox.telegram.methods import about, chats, content, edits, messages, queries, webhook

__all__ = ["about", "chats", "content", "edits", "messages", "queries", "webhook"]

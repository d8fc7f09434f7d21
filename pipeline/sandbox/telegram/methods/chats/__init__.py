"""Methods about chats, in modules by subject.

A new module is imported here: that is what puts its methods into the table.
"""

from pipeline.sandbox.telegram.methods.chats import drafts, information, members, pins, reactions

__all__ = ["drafts", "information", "members", "pins", "reactions"]

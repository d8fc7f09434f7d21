"""Methods that send what a message can hold besides text, get it and send it on, in modules by subject.

A new module is imported here: that is what puts its methods into the table.
"""

from pipeline.sandbox.telegram.methods.content import albums, copies, files, media, media_edits, places, polls

__all__ = ["albums", "copies", "files", "media", "media_edits", "places", "polls"]

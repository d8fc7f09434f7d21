"""A question: a message that the bot has to answer."""

from __future__ import annotations

from datetime import datetime
from functools import cached_property

from pydantic import BaseModel, ConfigDict

from pipeline.messages.identity import Identity
from pipeline.messages.origin import Origin, Probe

_MEDIA = {
    "voice": "a voice message",
    "audio": "an audio file",
    "video": "a video",
    "video_note": "a video message",
    "photo": "a photo",
    "animation": "an animation",
    "document": "a file",
}
"""Each kind of media as the model is told of it."""


class Quoted(BaseModel):
    """The message that a question replies to."""

    model_config = ConfigDict(frozen=True)
    message_id: int
    text: str
    """Its text or caption, cut to `MOST_QUOTED` characters."""
    by_bot: bool
    """Whether this bot wrote it."""


MOST_QUOTED = 1000
"""Characters of a message that is replied to."""


class Question(BaseModel):
    """A message that the bot has to answer, with what its answer and its silver row need."""

    model_config = ConfigDict(frozen=True)
    bot_id: int
    update_id: int
    chat_id: int
    message_id: int
    seq: int
    """Number of the landed line: the order of arrival."""
    chat_type: str
    chat_title: str | None = None
    topic_id: int | None = None
    author_id: int | None = None
    """The user who asked, or the chat in whose name the question was sent. Journals of earlier releases lack it."""
    author_signature: str | None = None
    language: str | None = None
    """IETF language tag of the author's Telegram app, as Telegram gives it."""
    text: str
    """What the author wrote: empty for media without a caption."""
    media: str | None = None
    """The kind of media that came with it, as Telegram names it, such as `photo`: nobody can look at it."""
    command: str | None = None
    replied_to: Quoted | None = None
    """None also where the message that it replies to has no text."""
    received_at: datetime
    origin: Origin | None = None
    """None for a message from Telegram."""

    @property
    def identity(self) -> Identity:
        origin = self.origin.name if self.origin else None
        return Identity(self.bot_id, self.update_id, self.chat_id, self.message_id, origin)

    @property
    def prompt(self) -> str:
        """The question as the model is given it."""
        if self.media is None:
            return self.text
        return f"{self.text}\n(With this message came {_MEDIA.get(self.media, 'a file')}, which you can't see or hear.)"

    @property
    def is_unreadable(self) -> bool:
        """Whether it is media without a word, so that nobody can read what is asked."""
        return self.media is not None and not self.text.strip()

    @property
    def is_probe(self) -> bool:
        """Whether a check asks, and no person."""
        return isinstance(self.origin, Probe)

    @property
    def withheld(self) -> bool:
        """Whether its answer reaches no user."""
        return self.origin is not None and self.origin.withheld

    @cached_property
    def key(self) -> str:
        """The identity as one string."""
        return self.identity.key

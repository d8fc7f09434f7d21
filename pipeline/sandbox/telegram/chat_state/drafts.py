"""Drafts of messages that a bot is writing: https://core.telegram.org/bots/api#sendmessagedraft."""

from dataclasses import dataclass, field

from pipeline.sandbox.json_types import Json

SHOWN_FOR = 30.0
"""Seconds after its last change for which a draft is shown."""


@dataclass(frozen=True)
class Draft:
    draft_id: int
    text: str
    """Empty: a placeholder that says "Thinking…"."""
    entities: list[Json]
    can_stop: bool
    keep_on_stop: bool
    changed_at: float
    """In seconds since the epoch."""

    def as_json(self, thread_id: int | None) -> Json:
        return {
            "draft_id": self.draft_id,
            "text": self.text,
            "entities": self.entities,
            "thread_id": thread_id,
            "can_stop": self.can_stop,
        }


@dataclass
class Drafts:
    """The drafts of one chat, one for each topic, by message_thread_id."""

    by_thread: dict[int | None, Draft] = field(default_factory=dict)
    stopped: set[int] = field(default_factory=set)
    """Drafts whose stop button the user pressed: they are not shown again."""

    def shown(self, now: float) -> dict[int | None, Draft]:
        """Those whose time is not over."""
        self.by_thread = {
            thread_id: draft for thread_id, draft in self.by_thread.items() if now < draft.changed_at + SHOWN_FOR
        }
        return self.by_thread

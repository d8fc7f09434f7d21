"""What has happened in the chats: records for tests, and events for the chat page."""

from collections.abc import Callable
from dataclasses import dataclass, field

from pipeline.sandbox.json_types import Json


@dataclass
class Activity:
    """Everything that the bot did, in order, and who gets each event of the chats."""

    sent: list[Json] = field(default_factory=list)
    actions: list[Json] = field(default_factory=list)
    listeners: list[Callable[[Json], None]] = field(default_factory=list)

    def record_sent(self, record: Json) -> None:
        """Record a message of the bot's; `n` counts them from 1."""
        self.sent.append({"n": len(self.sent) + 1, **record})

    def notify(self, event_type: str, chat_id: int | None = None, **more: object) -> None:
        """Pass an event to every listener; without a chat it is about the bot itself."""
        event = {"type": event_type, "chat_id": chat_id, **more}
        for listener in self.listeners:
            listener(event)

"""The whole state of one simulated Telegram, as methods and people's actions see it."""

from collections.abc import Callable
from dataclasses import dataclass, field

from pipeline.sandbox.json_types import Json
from pipeline.sandbox.telegram.account import BotAccount
from pipeline.sandbox.telegram.activity import Activity
from pipeline.sandbox.telegram.chats import Chats
from pipeline.sandbox.telegram.delivery.polling import Polling
from pipeline.sandbox.telegram.delivery.update_queue import UpdateQueue
from pipeline.sandbox.telegram.delivery.webhook import Webhook
from pipeline.sandbox.telegram.flood import FloodControl


@dataclass(frozen=True)
class TelegramState:
    """The parts of a simulated Telegram. None of them is thread-safe: `Telegram` holds its lock around every use."""

    account: BotAccount
    flood: FloodControl
    updates: UpdateQueue
    polling: Polling
    webhook: Webhook
    now: Callable[[], float]
    """Seconds since the epoch, for the dates of messages."""
    chats: Chats = field(default_factory=Chats)
    activity: Activity = field(default_factory=Activity)
    commands: list[Json] = field(default_factory=list)

    def date(self) -> int:
        """The present as the Bot API writes it."""
        return int(self.now())

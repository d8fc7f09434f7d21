"""The whole state of one simulated Telegram, as methods and people's actions see it."""

import random
from collections.abc import Callable
from dataclasses import dataclass, field

from pipeline.sandbox.json_types import Json
from pipeline.sandbox.telegram.account import BotAccount, BotProfile
from pipeline.sandbox.telegram.activity import Activity
from pipeline.sandbox.telegram.chat_state.members import Member
from pipeline.sandbox.telegram.chats import Chats, ChatState
from pipeline.sandbox.telegram.content.files import Files
from pipeline.sandbox.telegram.content.polls import Polls
from pipeline.sandbox.telegram.content.queries import Queries
from pipeline.sandbox.telegram.content.reply_keyboards import ReplyKeyboards
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
    files: Files = field(default_factory=Files)
    polls: Polls = field(default_factory=Polls)
    chance: random.Random = field(default_factory=lambda: random.Random(0))
    """Decides what is left to chance; the same in each new simulator."""
    keyboards: ReplyKeyboards = field(default_factory=ReplyKeyboards)
    queries: Queries = field(default_factory=Queries)
    profile: BotProfile = field(default_factory=BotProfile)

    def membership_change(self, chat: ChatState, actor: Json, user: Json, before: Member, after: Member) -> Json:
        """The ChatMemberUpdated object: `actor` made `user` something else in the chat."""
        return {
            "chat": chat.as_json(),
            "from": actor,
            "date": self.date(),
            "old_chat_member": before.as_json(user, chat.type),
            "new_chat_member": after.as_json(user, chat.type),
        }

    def end_draft(self, chat: ChatState, thread_id: int | None) -> None:
        """The draft of a chat or topic is shown no more: a message took its place, or its reader wants no more."""
        draft = chat.drafts.by_thread.pop(thread_id, None)
        if draft is not None:
            ended = draft.as_json(thread_id) | {"text": None, "entities": [], "can_stop": False}
            self.activity.notify("draft", chat.id, **ended)

    def date(self) -> int:
        """The present as the Bot API writes it."""
        return int(self.now())

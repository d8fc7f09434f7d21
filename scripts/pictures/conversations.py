"""The chat page in a browser, with a conversation that is always the same: `chat.png`, and `chat-phone.png`."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from pipeline.sandbox.server import serve
from pipeline.sandbox.telegram.people.messages import UserMessage
from pipeline.sandbox.telegram.simulator import Telegram
from pipeline.sandbox.web.app import create_app
from scripts.pictures.browser import chromium, page_of, save

WIDE, PHONE = (1200, 760), (390, 760)
"""Width and height of the windows, in pixels."""

_MORNING = datetime(2026, 11, 24, 9, 30, tzinfo=UTC)
_BETWEEN = 70.0
"""Seconds between two messages of people."""
_ADA, _CLUB, _NEWS = 1, -1001000000001, -1001000000002


def take(images: Path) -> None:
    """Take both pictures. Raises NoBrowser."""
    telegram = converse()
    with chromium() as browser, serve(create_app(telegram)) as served:
        for (width, height), name in ((WIDE, "chat.png"), (PHONE, "chat-phone.png")):
            with page_of(browser, width, height) as page:
                page.goto(f"{served.url}/#/chats/{_ADA}")
                page.get_by_text("Which one do you want?").last.wait_for()
                # Nobody is writing: the box has no focus, and so no frame.
                page.evaluate("document.activeElement.blur()")
                save(browser, page, images / name)


def converse() -> Telegram:
    """A simulated Telegram in which a bot and people have talked. The bot's part is scripted, as any bot's could be."""
    telegram = Telegram(now=_MORNING.timestamp)

    def says(text: str, chat_id: int = _ADA, **more: Any) -> int:
        telegram.move_clock(_BETWEEN)
        return telegram.receive(UserMessage(chat_id=chat_id, text=text, **more)).message_id

    def bot(text: str, chat_id: int = _ADA, **more: Any) -> int:
        telegram.move_clock(_BETWEEN / 20)
        return int(telegram.call("sendMessage", {"chat_id": chat_id, "text": text, **more})["message_id"])

    says("The library opens at nine from Monday on.", _NEWS, chat_type="channel", title="Town news")
    club: dict[str, Any] = {"chat_type": "supergroup", "title": "Book club"}
    asked = says("@sandbox_bot which book is next?", _CLUB, **club)
    bot("“The Left Hand of Darkness”, on Friday at seven.", _CLUB, reply_parameters={"message_id": asked})
    says("Thank you, see you there!", _CLUB, user_id=2, first_name="Grace", **club)
    says("/start")
    bot("Hello Ada! Ask me about the library: opening hours, books, your loans.")
    hours = says("When do you open on Sundays?")
    bot(
        "On <b>Sundays</b> from ten to six. The reading room stays open <i>until eight</i>.",
        parse_mode="HTML",
        reply_parameters={"message_id": hours},
    )
    says("Do you have The Left Hand of Darkness?")
    buttons = [
        [{"text": "Reserve it", "callback_data": "book"}, {"text": "Audio book", "callback_data": "audio"}],
        [{"text": "Show it in the catalogue", "url": "https://example.org/catalogue"}],
    ]
    bot(
        "Two copies are in, and there is an audio book. Which one do you want?",
        reply_markup={"inline_keyboard": buttons},
    )
    return telegram

"""The same small bot in four libraries that others wrote, each by polling and by webhook: the base address is all that
tells it that its Telegram is simulated."""

from __future__ import annotations

import base64
import re
from collections.abc import Iterator

import pytest

from pipeline.sandbox.telegram.account import DEFAULT_TOKEN
from tests.support.clients import COMMANDS, RunningBot, running_bot

pytestmark = [pytest.mark.clients, pytest.mark.timeout(120)]

PNG = base64.b64decode(
    "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg=="
)
MARKED = "bold, italic, a link and 1."
DRAFTED = "A draft grows word by word."

# One person's private chat for each test: what happens in one is not seen in another.
MENU, BUTTON, CLOSE, PHOTO, POLL, DRAFT, STYLES, ALONE = range(101, 109)
GROUP, TOGETHER = -109, -110


@pytest.fixture(
    scope="module",
    params=[(client, transport) for client in COMMANDS for transport in ("polling", "webhook")],
    ids="-".join,
)
def bot(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningBot]:
    client, transport = request.param
    with running_bot(COMMANDS[client](), transport, tmp_path_factory.mktemp(transport)) as running:
        yield running


def test_updates_come_as_the_bot_asked_for(bot: RunningBot) -> None:
    assert bot.ask("getWebhookInfo")["url"].rstrip("/") == bot.webhook


def test_a_person_is_offered_the_bots_commands(bot: RunningBot) -> None:
    assert [command["command"] for command in bot.ask("getMyCommands")] == ["start", "help", "poll"]


def test_a_command_opens_a_menu_with_a_button(bot: RunningBot) -> None:
    bot.sandbox.says("/start", chat_id=MENU)
    menu = bot.answer(MENU)
    assert (menu["text"], menu["entities"]) == ("Menu", [{"type": "bold", "offset": 0, "length": 4}])
    rows = [[{"text": "Press me", "callback_data": "press:1"}], [{"text": "Close", "callback_data": "close"}]]
    assert menu["reply_markup"] == {"inline_keyboard": rows}


def test_a_pressed_button_changes_its_message_and_tells_the_person(bot: RunningBot) -> None:
    bot.sandbox.says("/start", chat_id=BUTTON)
    menu = bot.answer(BUTTON)
    for times in (1, 2):
        seen = bot.press("Press me", menu)
        assert (seen["text"], seen["show_alert"]) == (f"Pressed {times}", False)
        bot.wait_for_texts(BUTTON, f"Menu, pressed {times}")
    (changed,) = bot.sent_by_bot(BUTTON)
    assert (changed["message_id"], "edit_date" in changed) == (menu["message_id"], True)
    assert changed["reply_markup"]["inline_keyboard"][0][0]["callback_data"] == "press:3"


def test_a_pressed_button_deletes_its_message(bot: RunningBot) -> None:
    bot.sandbox.says("/start", chat_id=CLOSE)
    assert bot.press("Close", bot.answer(CLOSE))["text"] == ""
    bot.wait_for_texts(CLOSE)


def test_a_photo_is_downloaded_and_sent_back_as_it_was(bot: RunningBot) -> None:
    photo = {"kind": "photo", "content": base64.b64encode(PNG).decode()}
    bot.sandbox.control("POST", "messages", {"chat_id": PHOTO, "media": photo})
    returned = bot.answer(PHOTO)
    assert returned["caption"] == f"{len(PNG)} bytes"
    file = bot.ask("getFile", file_id=returned["photo"][-1]["file_id"])
    assert bot.sandbox.client.get(f"/file/bot{DEFAULT_TOKEN}/{file['file_path']}").content == PNG


def test_a_poll_is_answered_and_the_bot_is_told(bot: RunningBot) -> None:
    bot.sandbox.says("/poll", chat_id=POLL)
    sent = bot.answer(POLL)
    assert [option["text"] for option in sent["poll"]["options"]] == ["Tea", "Coffee"]
    bot.sandbox.control("POST", "votes", {"chat_id": POLL, "message_id": sent["message_id"], "option_ids": [1]})
    assert bot.answer(POLL, 2)["text"] == "Coffee it is"


def test_a_draft_grows_and_becomes_a_message(bot: RunningBot) -> None:
    bot.sandbox.says("/draft", chat_id=DRAFT)
    assert bot.answer(DRAFT)["text"] == DRAFTED
    bot.until(lambda: bot.seen("sent", DRAFT))
    words = DRAFTED.split()
    drafts = [event["text"] for event in bot.seen("draft", DRAFT) if event["text"] is not None]
    assert drafts == [" ".join(words[:count]) for count in range(1, len(words))]
    assert len(bot.sent_by_bot(DRAFT)) == 1


def test_markdown_and_html_mark_the_same_text(bot: RunningBot) -> None:
    bot.sandbox.says("/markdown", chat_id=STYLES)
    first = bot.answer(STYLES)
    bot.sandbox.says("/html", chat_id=STYLES)
    second = bot.answer(STYLES, 2)
    assert (first["text"], first["entities"]) == (second["text"], second["entities"])
    assert first["text"] == MARKED
    assert [entity["type"] for entity in first["entities"]] == ["bold", "italic", "text_link"]


def test_a_command_in_a_group_is_answered_as_a_reply(bot: RunningBot) -> None:
    asked = bot.sandbox.says("/help@sandbox_bot", chat_id=GROUP)["message_id"]
    answered = bot.answer(GROUP)
    assert (answered["text"], answered["reply_to_message"]["message_id"]) == ("Send /start.", asked)


def test_a_chat_and_its_member_are_as_a_strict_library_reads_them(bot: RunningBot) -> None:
    for chat_id, told in ((ALONE, "private: member, 11 reactions"), (TOGETHER, "group: creator, 11 reactions")):
        bot.sandbox.says("/chat", chat_id=chat_id)
        assert bot.answer(chat_id)["text"] == told


def test_the_library_read_every_update_and_complained_of_nothing(bot: RunningBot) -> None:
    """The last test: what the bot wrote while all others ran."""
    bot.until(lambda: bot.sandbox.control("GET", "pending")["pending"] == 0)
    assert bot.process.poll() is None
    assert re.findall(r"(?im)^.*(?:error|warning|traceback|exception).*$", bot.log.read_text()) == []

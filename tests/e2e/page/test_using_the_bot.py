"""What a bot offers on the chat page: buttons, keyboards, media, polls, reactions, drafts, inline mode, privacy."""

from __future__ import annotations

import base64
import re
from typing import TYPE_CHECKING, Any

import pytest

from tests.support.simulated import performs

if TYPE_CHECKING:
    from tests.e2e.page.conftest import Chat

pytestmark = pytest.mark.e2e

_PIXEL = base64.b64decode(
    "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg=="
)
_GROUP: dict[str, Any] = {"chat_id": -1001000000001, "chat_type": "supergroup", "title": "The three of us"}


def _button(text: str, **does: Any) -> dict[str, Any]:
    return {"text": text, **does}


def test_a_pressed_button_is_answered_and_its_message_edited(chat: Chat) -> None:
    chat.says()
    menu = {"inline_keyboard": [[_button("Tea", callback_data="tea"), _button("Site", url="https://example.org/")]]}
    message = chat.bot("What do you want?", reply_markup=menu)
    chat.open()
    shown = chat.message("What do you want?")
    assert shown.get_by_role("link", name="Site").get_attribute("href") == "https://example.org/"
    tea = shown.get_by_role("button", name="Tea")
    tea.press("Enter")
    query = chat.update("callback_query")
    assert (query["data"], query["from"]["id"]) == ("tea", 1)
    shown.locator("button[aria-busy=true]").wait_for()
    chat.telegram.call("answerCallbackQuery", {"callback_query_id": query["id"], "text": "Good choice"})
    chat.page.get_by_role("status").get_by_text("Good choice").wait_for()
    place = {"chat_id": 1, "message_id": message["message_id"]}
    chat.telegram.call("editMessageText", {**place, "text": "Tea it is"})
    chat.message("Tea it is").wait_for()
    assert chat.message("Tea it is").get_by_role("button", name="Tea").count() == 0
    chat.telegram.call("deleteMessage", place)
    chat.message("Tea it is").wait_for(state="detached")


def test_an_alert_waits_until_it_is_closed(chat: Chat) -> None:
    chat.says()
    chat.bot("Menu", reply_markup={"inline_keyboard": [[_button("Go", callback_data="go")]]})
    chat.open()
    chat.message("Menu").get_by_role("button", name="Go").click()
    query = chat.update("callback_query")
    answer = {"callback_query_id": query["id"], "text": "Read this", "show_alert": True}
    chat.telegram.call("answerCallbackQuery", answer)
    alert = chat.page.get_by_role("dialog").filter(has_text="Read this")
    alert.wait_for()
    chat.page.keyboard.press("Enter")
    alert.wait_for(state="hidden")


def test_a_reply_keyboard_writes_for_the_person(chat: Chat) -> None:
    chat.says()
    chat.bot("Choose", reply_markup={"keyboard": [["Yes", "No"]], "one_time_keyboard": True})
    chat.open()
    keyboard = chat.page.get_by_role("group", name="The bot's keyboard")
    keyboard.get_by_role("button", name="No", exact=True).click()
    chat.message("No").wait_for()
    assert chat.update("message", 2)["text"] == "No"
    keyboard.wait_for(state="hidden")
    chat.page.reload()
    chat.message("No").wait_for()
    keyboard.wait_for(state="hidden")
    chat.bot("Choose again", reply_markup={"keyboard": [["Yes", "No"]], "one_time_keyboard": True})
    keyboard.get_by_role("button", name="Yes", exact=True).wait_for()


def test_a_hidden_photo_is_shown_when_a_person_wants_it(chat: Chat) -> None:
    chat.says()
    chat.open()
    chat.page.locator("#files").set_input_files({"name": "dot.png", "mimeType": "image/png", "buffer": _PIXEL})
    chat.page.get_by_role("button", name="Send").click()
    file_id = chat.update("message", 2)["photo"][-1]["file_id"]
    chat.telegram.call("sendPhoto", {"chat_id": 1, "photo": file_id, "caption": "A riddle", "has_spoiler": True})
    hidden = chat.message("A riddle")
    hidden.get_by_text("Hidden photo").wait_for()
    assert not hidden.locator("img").is_visible()
    hidden.get_by_text("Hidden photo").click()
    hidden.get_by_role("img").wait_for()


def test_a_forced_reply_begins_an_answer(chat: Chat) -> None:
    chat.says()
    chat.open()
    question = chat.bot("Your name?", reply_markup={"force_reply": True, "input_field_placeholder": "First name"})
    chat.page.locator("#context").get_by_text("Reply to Sandbox").wait_for()
    assert chat.box.get_attribute("placeholder") == "First name"
    chat.box.fill("Ada")
    chat.box.press("Enter")
    assert chat.update("message", 2)["reply_to_message"]["message_id"] == question["message_id"]


def test_photos_and_files_go_in_and_out(chat: Chat) -> None:
    chat.open()
    chat.page.locator("#files").set_input_files({"name": "dot.png", "mimeType": "image/png", "buffer": _PIXEL})
    chat.box.fill("A dot")
    chat.page.get_by_role("button", name="Send").click()
    photo = chat.message("A dot").get_by_role("img")
    photo.wait_for()
    received = chat.update("message")
    assert received["caption"] == "A dot"
    assert photo.evaluate("image => image.decode().then(() => image.naturalWidth)") > 0
    chat.telegram.call("sendPhoto", {"chat_id": 1, "photo": received["photo"][-1]["file_id"], "caption": "Back"})
    chat.message("Back").get_by_role("img").wait_for()
    notes = {"name": "notes.txt", "mimeType": "text/plain", "buffer": b"notes"}
    chat.page.locator("#files").set_input_files(notes)
    chat.page.get_by_role("button", name="Send").click()
    link = chat.message("notes.txt").get_by_role("link")
    with chat.page.expect_download() as download:
        link.click()
    assert download.value.path().read_bytes() == b"notes"


def test_a_poll_takes_votes_and_shows_them(chat: Chat) -> None:
    chat.says()
    poll = chat.telegram.call("sendPoll", {"chat_id": 1, "question": "Tea?", "options": ["Yes", "No"]})
    chat.open()
    shown = chat.page.get_by_role("group", name="Tea?")
    shown.get_by_role("radio", name="Yes").check()
    shown.get_by_text("100 %").wait_for()
    assert shown.get_by_text("1 vote").is_visible()
    shown.get_by_role("button", name="Take the vote back").click()
    shown.get_by_text("0 votes").wait_for()
    chat.telegram.call("stopPoll", {"chat_id": 1, "message_id": poll["message_id"]})
    shown.get_by_text("closed").wait_for()
    assert shown.get_by_role("radio", name="Yes").is_disabled()


def test_a_vote_is_shown_in_each_window(chat: Chat) -> None:
    chat.says()
    chat.telegram.call("sendPoll", {"chat_id": 1, "question": "Tea?", "options": ["Yes", "No"]})
    chat.open()
    other = chat.page.context.new_page()
    other.goto(chat.server.url)
    other.locator("#app[data-live=true]").wait_for()
    chat.page.get_by_role("radio", name="Yes").check()
    other.get_by_text("100 %").wait_for()
    assert other.get_by_role("radio", name="Yes").is_checked()


def test_what_is_ticked_in_a_poll_stays_while_others_vote(chat: Chat) -> None:
    chat.says()
    several = {"is_anonymous": False, "allows_multiple_answers": True, "options": ["Tea", "Milk", "Water"]}
    poll = chat.telegram.call("sendPoll", {"chat_id": 1, "question": "What?", **several})
    chat.open()
    shown = chat.page.get_by_role("group", name="What?")
    vote = shown.get_by_role("button", name="Vote")
    assert vote.is_disabled(), "there is nothing to vote for yet"
    shown.get_by_role("checkbox", name="Tea").check()
    shown.get_by_role("checkbox", name="Milk").check()
    performs(chat.telegram, "votes", message_id=poll["message_id"], user_id=2, option_ids=[2])
    shown.get_by_text("1 vote").wait_for()
    vote.click()
    shown.get_by_text("2 votes").wait_for()
    assert chat.update("poll_answer", 2)["option_ids"] == [0, 1]


def test_a_venue_has_its_name_and_its_place(chat: Chat) -> None:
    chat.says()
    place = {"latitude": 1, "longitude": 2, "title": "Tea room", "address": "Way 3"}
    chat.telegram.call("sendVenue", {"chat_id": 1, **place})
    chat.open()
    chat.message("Tea room").get_by_text("1.00000, 2.00000").wait_for()


def test_an_address_that_no_browser_opens_is_told(chat: Chat) -> None:
    chat.says()
    chat.bot("Menu", reply_markup={"inline_keyboard": [[_button("Go", callback_data="go")]]})
    chat.open()
    chat.message("Menu").get_by_role("button", name="Go").click()
    query = chat.update("callback_query")
    chat.telegram.call(
        "answerCallbackQuery", {"callback_query_id": query["id"], "url": "tg://resolve?domain=sandbox_bot"}
    )
    chat.page.get_by_role("status").get_by_text("tg://resolve?domain=sandbox_bot").wait_for()


def test_reactions_of_both_sides_are_shown(chat: Chat) -> None:
    chat.says("Hello")
    chat.open()
    chat.box.press("ArrowUp")
    chat.page.keyboard.press("Enter")
    chat.page.get_by_role("menuitemcheckbox", name="👍").click()
    chip = chat.message("Hello").get_by_role("button", name="👍, 1")
    chip.wait_for()
    assert chip.get_attribute("aria-pressed") == "true"
    reaction = [{"type": "emoji", "emoji": "👍"}]
    chat.telegram.call("setMessageReaction", {"chat_id": 1, "message_id": 1, "reaction": reaction})
    chat.message("Hello").get_by_role("button", name="👍, 2, the bot's too").click()
    chat.message("Hello").get_by_role("button", name="👍, 1, the bot's too").wait_for()
    chat.page.reload()
    chat.message("Hello").get_by_role("button", name="👍, 1, the bot's too").wait_for()


def test_a_draft_grows_and_can_be_stopped(chat: Chat) -> None:
    chat.says()
    chat.open()

    def draft(text: str) -> None:
        chat.telegram.call("sendMessageDraft", {"chat_id": 1, "draft_id": 7, "text": text, "can_stop": True})

    draft("")
    chat.message("Thinking…").wait_for()
    draft("Once upon")
    chat.message("Once upon").wait_for()
    draft("Once upon a time")
    chat.message("Once upon a time").get_by_role("button", name="Stop").click()
    chat.message("Once upon a time").wait_for(state="detached")
    assert chat.update("stopped_message_generation")["draft_id"] == 7


def test_a_draft_becomes_a_message(chat: Chat) -> None:
    chat.says()
    chat.open()
    chat.telegram.call("sendMessageDraft", {"chat_id": 1, "draft_id": 7, "text": "Nearly"})
    chat.message("Nearly").wait_for()
    chat.bot("Nearly done")
    chat.message("Nearly done").wait_for()
    assert chat.message("Nearly").count() == 1


def test_inline_results_are_offered_and_sent(chat: Chat) -> None:
    chat.open()
    chat.box.press_sequentially("@sandbox_bot cats")
    query = chat.update("inline_query")
    assert query["query"] == "cats"
    content = {"message_text": "A picture of cats"}
    result = {"type": "article", "id": "1", "title": "Cats", "input_message_content": content}
    chat.telegram.call("answerInlineQuery", {"inline_query_id": query["id"], "results": [result]})
    chat.page.get_by_role("option", name="Cats").wait_for()
    chat.box.press("Enter")
    chat.message("A picture of cats").get_by_text("via @sandbox_bot").wait_for()


def test_privacy_mode_marks_what_the_bot_does_not_get(chat: Chat) -> None:
    chat.says("Before", **_GROUP)
    chat.open("/chats/-1001000000001")
    chat.page.get_by_role("button", name="Details").click()
    chat.page.get_by_role("checkbox", name=re.compile("Privacy mode")).check()
    chat.page.get_by_role("cell", name="not 1 of the 1 here").wait_for()
    chat.page.keyboard.press("Escape")
    chat.box.fill("Among us")
    chat.box.press("Enter")
    chat.message("Among us").get_by_text("the bot does not see this").wait_for()
    chat.box.fill("/help")
    chat.box.press("Enter")
    command = chat.message("/help")
    command.wait_for()
    assert command.get_by_text("the bot does not see this").count() == 0
    assert chat.update("message", 2)["text"] == "/help"
    assert chat.page.locator("#state").get_by_text("privacy mode is on").is_visible()


def test_people_take_turns_in_a_group(chat: Chat) -> None:
    chat.open("/chats/-1001000000001")
    chat.page.get_by_role("combobox", name="Write as").select_option("Grace")
    chat.box.fill("I am Grace")
    chat.box.press("Enter")
    chat.message("I am Grace").wait_for()
    assert chat.update("message")["from"]["first_name"] == "Grace"


def test_whoever_presses_a_button_in_a_group_is_in_it(chat: Chat) -> None:
    chat.says("Hello", **_GROUP)
    menu = {"inline_keyboard": [[_button("Go", callback_data="go")]]}
    chat.bot("Menu", _GROUP["chat_id"], reply_markup=menu)
    chat.open(f"/chats/{_GROUP['chat_id']}")
    chat.page.get_by_role("combobox", name="Write as").select_option("Grace")
    chat.message("Menu").get_by_role("button", name="Go").click()
    assert chat.update("callback_query")["from"]["first_name"] == "Grace"
    chat.message("Grace joined the group").wait_for()


def test_what_the_bot_is_doing_is_shown(chat: Chat) -> None:
    chat.says()
    chat.open()
    chat.telegram.call("sendChatAction", {"chat_id": 1, "action": "upload_photo"})
    chat.page.locator("#state").get_by_text("sending a photo").wait_for()
    chat.bot("Here it is")
    chat.page.locator("#state").get_by_text("private chat with the bot").wait_for()


def test_what_changes_elsewhere_is_shown_at_once(chat: Chat) -> None:
    chat.says(**_GROUP)
    chat.open(f"/chats/{_GROUP['chat_id']}")
    performs(chat.telegram, "privacy", enabled=True)
    chat.page.locator("#state").get_by_text("privacy mode is on").wait_for()
    chat.telegram.create_topic(_GROUP["chat_id"], 7, "Plans")
    chat.page.get_by_role("button", name="Plans").wait_for()
    chat.page.get_by_role("button", name="Details").click()
    privacy = chat.page.get_by_role("checkbox", name=re.compile("Privacy mode"))
    assert privacy.is_checked()
    performs(chat.telegram, "privacy", enabled=False)
    chat.page.get_by_role("checkbox", name=re.compile("Privacy mode"), checked=False).wait_for()
    chat.page.keyboard.press("Escape")
    chat.telegram.call("leaveChat", {"chat_id": _GROUP["chat_id"]})
    chat.page.locator("#state").get_by_text("the bot is not in this chat").wait_for()


def test_a_person_blocks_the_bot(chat: Chat) -> None:
    chat.says()
    chat.open()
    chat.page.get_by_role("button", name="Details").click()
    chat.page.get_by_role("button", name="Block the bot").click()
    chat.page.get_by_role("button", name="Unblock the bot").wait_for()
    assert chat.update("my_chat_member")["new_chat_member"]["status"] == "kicked"
    chat.page.keyboard.press("Escape")
    chat.page.get_by_text("the bot is blocked").wait_for()

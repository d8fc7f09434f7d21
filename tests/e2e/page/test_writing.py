"""Writing on the chat page: sending, answering, and what is typed and not sent."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from pipeline.sandbox.telegram.simulator import Telegram

if TYPE_CHECKING:
    from pathlib import Path

    from tests.e2e.page.conftest import Chat

pytestmark = pytest.mark.e2e


def test_enter_sends_and_the_answer_appears(chat: Chat) -> None:
    chat.open()
    chat.box.fill("Hello")
    chat.box.press("Enter")
    assert chat.update("message")["text"] == "Hello"
    chat.bot("Good morning")
    chat.message("Good morning").wait_for()
    assert chat.box.input_value() == ""


def test_what_is_typed_while_the_page_loads_is_kept(chat: Chat) -> None:
    scripts: list[Any] = []

    def hold(script: Any) -> None:
        scripts.append(script)

    chat.page.route("**/main.js", hold)
    with chat.page.expect_request("**/main.js"):
        chat.page.goto(chat.server.url, wait_until="commit")
    chat.box.fill("I type fast")
    send = chat.page.get_by_role("button", name="Send", exact=True)
    assert send.is_disabled(), "the browser itself would load the page again"
    for script in scripts:
        script.continue_()
    send.click()
    assert chat.update("message")["text"] == "I type fast"
    chat.message("I type fast").wait_for()
    assert chat.box.input_value() == ""


def test_a_message_that_could_not_be_sent_is_kept_and_can_be_sent_again(chat: Chat) -> None:
    chat.open()
    chat.server.stop()
    chat.box.fill("Do not lose me")
    chat.box.press("Enter")
    failed = chat.message("Do not lose me")
    failed.get_by_text("Not sent.").wait_for()
    chat.page.get_by_text("The simulator does not answer").wait_for()
    chat.server.start()
    chat.page.get_by_text("The simulator does not answer").wait_for(state="hidden", timeout=20000)
    chat.page.reload()
    failed.get_by_role("button", name="Send again").click()
    assert chat.update("message")["text"] == "Do not lose me"
    failed.get_by_text("Not sent.").wait_for(state="detached")
    assert failed.count() == 1
    assert chat.telegram.pending() == 1
    # The browser complains about each request that found no server.
    assert all("Failed to load resource" in error for error in chat.errors)
    chat.errors.clear()


def test_a_message_that_could_not_be_sent_can_be_discarded(chat: Chat) -> None:
    chat.open("/chats/1")
    chat.page.route("**/sandbox/messages", lambda route: route.fulfill(status=400, json={"detail": "no reason"}))
    chat.box.fill("Forget me")
    chat.box.press("Enter")
    failed = chat.message("Forget me")
    failed.get_by_text("Refused: no reason").wait_for()
    failed.get_by_role("button", name="Discard").click()
    failed.wait_for(state="detached")
    assert chat.telegram.pending() == 0
    chat.errors.clear()


def test_nothing_that_was_written_is_lost_with_a_file_that_cannot_be_read(chat: Chat, tmp_path: Path) -> None:
    for name in ("gone.txt", "here.txt"):
        (tmp_path / name).write_text(name)
    chat.open()
    chat.page.locator("#files").set_input_files([tmp_path / "gone.txt", tmp_path / "here.txt"])
    (tmp_path / "gone.txt").unlink()
    chat.box.fill("My words")
    chat.box.press("Enter")
    chat.page.get_by_role("status").get_by_text("gone.txt can't be read any more").wait_for()
    chat.page.wait_for_function("document.getElementById('text').value === 'My words'")
    assert chat.telegram.pending() == 0
    chat.box.press("Enter")
    chat.message("My words").get_by_role("link", name="here.txt").wait_for()


def test_a_file_that_was_refused_is_named(chat: Chat) -> None:
    chat.open()
    chat.page.locator("#files").set_input_files({"name": "empty.txt", "mimeType": "text/plain", "buffer": b""})
    chat.page.get_by_role("button", name="Send", exact=True).click()
    chat.message("empty.txt").get_by_text("file must be non-empty").wait_for()
    # The browser complains about the request that was refused.
    chat.errors.clear()


def test_what_is_written_in_a_topic_stays_there_when_a_new_simulator_does_not_know_it(chat: Chat) -> None:
    group: dict[str, Any] = {"chat_id": -1001000000001, "chat_type": "supergroup", "title": "The three of us"}
    chat.says("A plan", **group, message_thread_id=7)
    chat.open("/chats/-1001000000001/topics/7")
    chat.message("A plan").wait_for()
    chat.server.stop()
    chat.server.telegram = chat.telegram = Telegram()
    chat.server.start()
    chat.message("A plan").wait_for(state="detached", timeout=20000)
    chat.box.fill("Once more")
    chat.box.press("Enter")
    chat.message("Once more").wait_for()
    assert chat.update("message")["message_thread_id"] == 7
    chat.page.get_by_role("button", name="Topic 7").wait_for()
    # The browser complains about the stream that broke.
    chat.errors.clear()


def test_what_is_typed_stays_in_its_chat_and_outlives_a_reload(chat: Chat) -> None:
    chat.open()
    chat.box.fill("for Ada's chat")
    chat.page.get_by_role("link", name="Linus").click()
    chat.page.get_by_role("heading", name="Linus").wait_for()
    assert chat.box.input_value() == ""
    chat.box.fill("for Linus's chat")
    chat.page.reload()
    chat.page.get_by_role("heading", name="Linus").wait_for()
    assert chat.box.input_value() == "for Linus's chat"
    chat.page.get_by_role("link", name="Ada").click()
    chat.page.get_by_role("heading", name="Ada").wait_for()
    assert chat.box.input_value() == "for Ada's chat"


def test_the_box_grows_with_its_text(chat: Chat) -> None:
    chat.open()
    before = chat.box.bounding_box()["height"]
    chat.box.fill("one\ntwo\nthree\nfour")
    assert chat.box.bounding_box()["height"] > before + 40
    chat.box.fill("one\n" * 200)
    assert chat.box.bounding_box()["height"] <= 320
    chat.box.fill("")
    assert chat.box.bounding_box()["height"] == before


def test_an_answer_is_possible_by_keyboard_and_escape_ends_it(chat: Chat) -> None:
    question = chat.says("A question")
    chat.open()
    chat.message("A question").wait_for()
    keyboard = chat.page.keyboard
    chat.box.press("ArrowUp")
    keyboard.press("r")
    context = chat.page.locator("#context")
    context.get_by_text("Reply to Ada").wait_for()
    keyboard.press("Escape")
    context.wait_for(state="hidden")
    keyboard.press("ArrowUp")
    keyboard.press("Enter")
    keyboard.press("Enter")
    context.get_by_text("Reply to Ada").wait_for()
    keyboard.type("An answer")
    keyboard.press("Enter")
    reply = chat.update("message", 2)
    assert (reply["text"], reply["reply_to_message"]["message_id"]) == ("An answer", question)


def test_an_own_message_can_be_edited_and_deleted(chat: Chat) -> None:
    chat.says("First version")
    chat.open()
    chat.message("First version").hover()
    chat.message("First version").get_by_role("button", name="More").click()
    chat.page.get_by_role("menuitem", name="Edit").click()
    chat.box.fill("Second version")
    chat.box.press("Enter")
    chat.message("Second version").get_by_text("edited").wait_for()
    assert chat.update("edited_message")["text"] == "Second version"
    chat.box.press("ArrowUp")
    chat.page.keyboard.press("Enter")
    chat.page.get_by_role("menuitem", name="Delete").click()
    chat.message("Second version").wait_for(state="detached")
    assert chat.telegram.transcript(1) == []


def test_commands_are_offered_while_one_types(chat: Chat) -> None:
    commands = [{"command": "help", "description": "What I can do"}, {"command": "stop", "description": "End"}]
    chat.open()
    with chat.page.expect_response("**/sandbox/page"):
        chat.telegram.call("setMyCommands", {"commands": commands})
    chat.box.press_sequentially("/h")
    option = chat.page.get_by_role("option", name="/help")
    option.wait_for()
    assert chat.page.get_by_role("option").count() == 1
    chat.box.press("Enter")
    assert chat.update("message")["text"] == "/help"

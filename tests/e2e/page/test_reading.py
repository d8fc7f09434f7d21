"""Reading on the chat page: what is shown where, to eyes and to screen readers, in every window."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from tests.e2e.page.conftest import NARROW, WIDE

if TYPE_CHECKING:
    from tests.e2e.page.conftest import Chat

pytestmark = pytest.mark.e2e

_LABELS = """all => all.map(each => each.getAttribute("aria-labelledby").split(" ")
    .map(id => document.getElementById(id)?.textContent).join(" "))"""
_INSIDE = "element => { const box = element.getBoundingClientRect(); return box.left >= 0 && box.right <= innerWidth; }"


@pytest.mark.parametrize("size", [NARROW, {"width": 320, "height": 600}], ids=["390", "320"])
def test_nothing_is_cut_off_in_a_narrow_window(chat: Chat, size: dict[str, int]) -> None:
    chat.says()
    chat.bot("x" * 300 + " https://example.org/" + "y" * 300)
    chat.says("hello", chat_id=-1001000000001, chat_type="supergroup", message_thread_id=9)
    for place in ("/chats/1", "/chats/-1001000000001", "/chats"):
        chat.open(place)
        chat.page.reload()
        assert chat.page.evaluate("document.documentElement.scrollWidth") <= size["width"]
    chat.open("/chats/1")
    chat.page.reload()
    assert chat.page.get_by_role("button", name="Send").evaluate(_INSIDE)
    chat.page.get_by_role("button", name="All chats").click()
    chat.page.get_by_role("link", name="Linus").click()
    chat.page.get_by_role("heading", name="Linus").wait_for()
    chat.page.go_back()
    chat.page.get_by_role("link", name="Linus").wait_for()


@pytest.mark.parametrize("size", [{"width": 360, "height": 740}], ids=["360"])
def test_a_narrow_window_has_room_to_write_and_to_press(chat: Chat) -> None:
    group: dict[str, Any] = {"chat_id": -1001000000001, "chat_type": "supergroup", "title": "The three of us"}
    chat.says("Hello", **group)
    chat.telegram.create_topic(group["chat_id"], 7, "A topic with a long name, which goes on and on and on")
    row = [{"text": str(number), "callback_data": str(number)} for number in range(8)]
    chat.bot("Menu", group["chat_id"], reply_markup={"inline_keyboard": [row]})
    keyboard = {"keyboard": [["Tea"]], "input_field_placeholder": "Say in a few words what you would like to drink now"}
    chat.bot("Keys", group["chat_id"], reply_markup=keyboard)
    chat.open(f"/chats/{group['chat_id']}")
    chat.page.get_by_role("button", name="Tea").wait_for()
    box = chat.box.bounding_box()
    assert box["width"] > 150
    assert box["height"] < 50, "a long placeholder stays in one line"
    assert chat.page.get_by_role("button", name="A topic with a long name").bounding_box()["height"] < 40
    bubble = chat.message("Menu").locator(".bubble").bounding_box()
    last = chat.message("Menu").get_by_role("button", name="7").bounding_box()
    assert last["x"] + last["width"] < bubble["x"] + bubble["width"]


def test_text_runs_in_the_direction_of_its_script(chat: Chat) -> None:
    chat.says("مرحبا بالعالم")
    chat.says("Hello")
    chat.open()
    direction = "element => getComputedStyle(element).direction"
    arabic = chat.message("مرحبا").locator(".text")
    assert arabic.evaluate(direction) == "rtl"
    assert chat.message("Hello").locator(".text").evaluate(direction) == "ltr"
    chat.box.fill("مرحبا")
    assert chat.box.evaluate(direction) == "rtl"


def test_the_view_stays_where_the_reader_is(chat: Chat) -> None:
    for number in range(60):
        chat.says(f"Message {number}")
    chat.open()
    chat.message("Message 59").wait_for()
    scroller = chat.page.locator("#scroller")
    scroller.evaluate("element => { element.scrollTop = 300; }")
    chat.page.get_by_role("button", name="Go to the end").wait_for()
    chat.bot("One more")
    chat.page.get_by_role("button", name="1 new messages").wait_for()
    assert scroller.evaluate("element => element.scrollTop") == 300
    chat.page.get_by_role("button", name="1 new messages").click()
    chat.bot("The very last")
    chat.message("The very last").wait_for()
    assert scroller.evaluate("element => element.scrollHeight - element.scrollTop - element.clientHeight") < 2


def test_a_quote_leads_to_a_message_far_above(chat: Chat) -> None:
    first = chat.says("The very first")
    second = chat.says("The second")
    for number in range(220):
        chat.says(f"Message {number}")
    chat.says("An answer", reply_to_message_id=first)
    chat.says("Another answer", reply_to_message_id=second)
    chat.open()
    chat.telegram.delete_message(1, second)
    chat.page.get_by_role("button", name="In reply to Ada: The second").click()
    chat.page.get_by_role("status").get_by_text("That message is not here").wait_for()
    chat.page.get_by_role("button", name="In reply to Ada: The very first").click()
    chat.page.locator(".found").get_by_text("The very first").wait_for()
    assert chat.page.locator("#messages .found").evaluate(_INSIDE)


def test_the_list_shows_the_message_before_one_that_was_deleted(chat: Chat) -> None:
    linus: dict[str, Any] = {"chat_id": 2, "first_name": "Linus"}
    chat.says("The first", **linus)
    last = chat.says("The last", **linus)
    chat.open("/chats/1")
    chat.telegram.delete_message(2, last)
    chat.page.get_by_role("link", name="Linus").get_by_text("The first").wait_for()


def test_a_reload_opens_the_same_chat(chat: Chat) -> None:
    chat.open()
    chat.page.get_by_role("link", name="Grace").click()
    chat.page.get_by_role("heading", name="Grace").wait_for()
    chat.page.reload()
    chat.page.get_by_role("heading", name="Grace").wait_for()
    chat.page.goto(f"{chat.server.url}/")
    chat.page.get_by_role("heading", name="Grace").wait_for()


def test_a_screen_reader_hears_author_text_and_time(chat: Chat) -> None:
    chat.says("A question")
    chat.open()
    names = chat.page.get_by_role("article").evaluate_all(_LABELS)
    assert [name.startswith("Ada A question ") for name in names] == [True]
    chat.bot("An answer")
    chat.page.locator("#announcer").get_by_text("Sandbox: An answer").wait_for(state="attached")


def test_text_of_people_and_of_the_bot_is_never_markup(chat: Chat) -> None:
    chat.says("<img src=x onerror='document.title=1'>", first_name="<b>Ada</b>")
    chat.bot("a link", entities=[{"type": "text_link", "offset": 0, "length": 6, "url": "javascript:alert(1)"}])
    chat.says("of no kind", entities=[{"type": "constructor", "offset": 0, "length": 2}])
    chat.open()
    chat.message("<img src=x").wait_for()
    chat.message("of no kind").wait_for()
    assert chat.page.locator("#messages img, #messages a").count() == 0


def test_marked_text_is_shown_as_marked(chat: Chat) -> None:
    chat.says()
    link, secret = '<a href="https://example.org/">link</a>', "<tg-spoiler>secret</tg-spoiler>"
    chat.bot(f"<b>bold <i>both</i></b> {link} {secret}", parse_mode="HTML")
    chat.open()
    message = chat.message("bold")
    assert message.locator("strong em").text_content() == "both"
    assert message.get_by_role("link", name="link").get_attribute("href") == "https://example.org/"
    spoiler = message.get_by_role("button", name="Hidden text")
    spoiler.focus()
    chat.page.keyboard.press("Enter")
    assert message.locator(".spoiler.open").text_content() == "secret"


def test_topics_are_apart(chat: Chat) -> None:
    group: dict[str, Any] = {"chat_id": -1001000000001, "chat_type": "supergroup", "title": "The three of us"}
    chat.telegram.create_topic(group["chat_id"], 7, "Plans")
    chat.telegram.create_topic(group["chat_id"], 8, "Food")
    chat.says("A plan", **group, message_thread_id=7)
    chat.says("A meal", **group, message_thread_id=8)
    chat.says("In general", **group)
    chat.open("/chats/-1001000000001")
    assert chat.page.get_by_role("article").count() == 3
    assert chat.message("A plan").locator(".topic").text_content() == "# Plans"
    topics = chat.page.get_by_role("group", name="Topics")
    topics.get_by_role("button", name="Food").click()
    chat.message("A plan").wait_for(state="detached")
    assert chat.page.get_by_role("article").count() == 1
    chat.box.fill("One more meal")
    chat.box.press("Enter")
    chat.message("One more meal").wait_for()
    assert chat.telegram.transcript(group["chat_id"])[-1]["message_thread_id"] == 8
    topics.get_by_role("button", name="General").click()
    chat.message("In general").wait_for()
    assert chat.page.get_by_role("article").count() == 1


def test_the_colours_that_a_person_chose_are_kept(chat: Chat) -> None:
    chat.open()
    for name in ("Colours: system", "Colours: light", "Colours: dark", "Colours: system", "Colours: light"):
        chat.page.get_by_role("button", name=name).click()
    chat.page.reload()
    assert chat.page.locator("html").get_attribute("data-theme") == "dark"


@pytest.mark.parametrize("size", [WIDE, NARROW], ids=["wide", "narrow"])
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_the_page_follows_the_colours_of_the_system(chat: Chat, scheme: str) -> None:
    chat.page.emulate_media(color_scheme=scheme)
    chat.open()
    red = chat.page.locator("body").evaluate("body => Number(getComputedStyle(body).backgroundColor.match(/\\d+/)[0])")
    assert (red > 128) == (scheme == "light")

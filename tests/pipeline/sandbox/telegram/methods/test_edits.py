"""Edits and deletions by the bot."""

from collections.abc import Callable

import pytest

from pipeline.sandbox.json_types import Json
from pipeline.sandbox.telegram.people.messages import UserMessage
from pipeline.sandbox.telegram.simulator import Telegram
from tests.support.simulated import Clock, performs, refused, says, send

INLINE: Json = {"inline_keyboard": [[{"text": "Yes", "callback_data": "yes"}]]}
OTHER: Json = {"inline_keyboard": [[{"text": "No", "callback_data": "no"}]]}
GROUP = -1_001_000_000_010


def _edit(telegram: Telegram, message: Json, method: str = "editMessageText", **more: object) -> Json:
    edited: Json = telegram.call(
        method, {"chat_id": message["chat"]["id"], "message_id": message["message_id"], **more}
    )
    return edited


def _photo(telegram: Telegram, **more: object) -> Json:
    """A photo of the bot's, written into the chat as it would be kept."""
    telegram.receive(UserMessage(photo=True, user_id=telegram.bot_id, first_name="Sandbox", is_bot=True, **more))
    return telegram.transcript(1)[-1]


@pytest.mark.shows("editMessageText")
def test_a_text_is_edited_with_its_keyboard(telegram: Telegram) -> None:
    """editMessageText: the edited Message is returned; without reply_markup the keyboard goes."""
    says(telegram)
    events: list[Json] = []
    message = send(telegram, text="/start", reply_markup=INLINE)
    telegram.listen(events.append)
    edited = _edit(telegram, message, text="<b>menu</b>", parse_mode="HTML", reply_markup=OTHER)
    assert (edited["text"], edited["entities"][0]["type"]) == ("menu", "bold")
    assert (edited["message_id"], edited["date"]) == (message["message_id"], message["date"])
    assert edited["reply_markup"] == OTHER
    assert edited["edit_date"] == 1_700_000_000
    assert events == [{"type": "edited", "chat_id": 1, "message": edited}]
    assert telegram.transcript(1)[-1] == edited
    assert message["text"] == "/start"
    plain = _edit(telegram, message, text="menu")
    assert "reply_markup" not in plain
    assert "entities" not in plain


def test_an_edit_that_changes_nothing_is_refused(telegram: Telegram) -> None:
    """No rule of the Bot API's pages: the server's words."""
    says(telegram)
    message = send(telegram, text="menu", reply_markup=INLINE)
    not_modified = (
        400,
        "Bad Request: message is not modified: specified new message content and reply markup are exactly the same as"
        " a current content and reply markup of the message",
    )
    assert refused(lambda: _edit(telegram, message, text="menu", reply_markup=INLINE))[:2] == not_modified
    _edit(telegram, message, text="menu")
    assert refused(lambda: _edit(telegram, message, text="menu"))[:2] == not_modified
    assert refused(lambda: _edit(telegram, message, "editMessageReplyMarkup"))[:2] == not_modified


@pytest.mark.parametrize(
    ("parameters", "said"),
    [
        ({"chat_id": 1, "message_id": 99, "text": "x"}, "message to edit not found"),
        ({"chat_id": 1, "text": "x"}, "message to edit not found"),
        ({"message_id": 2, "text": "x"}, "chat_id is empty"),
        ({"text": "x"}, "message identifier is not specified"),
        ({"inline_message_id": "other", "text": "x"}, "MESSAGE_ID_INVALID"),
        ({"chat_id": 1, "message_id": 1, "text": "x"}, "message can't be edited"),
        ({"chat_id": 1, "message_id": 2}, "message text is empty"),
        ({"chat_id": 1, "message_id": 2, "text": "x" * 4097}, "message is too long"),
        (
            {"chat_id": 1, "message_id": 2, "text": "x", "reply_markup": {"force_reply": True}},
            "inline keyboard expected",
        ),
        ({"chat_id": 1, "message_id": 3, "text": "x"}, "message can't be edited"),
    ],
)
def test_a_wrong_edit_is_refused_in_the_servers_words(telegram: Telegram, parameters: Json, said: str) -> None:
    """editMessageText: a bot edits its own messages; those with a reply keyboard can't be edited."""
    says(telegram)
    send(telegram)
    send(telegram, reply_markup={"keyboard": [["Yes"]]})
    assert refused(lambda: telegram.call("editMessageText", parameters))[:2] == (400, f"Bad Request: {said}")


def test_a_forwarded_message_is_not_edited(telegram: Telegram) -> None:
    """No rule of the Bot API's pages: the server's words."""
    says(telegram)
    forwarded = _photo(telegram, extra={"forward_origin": {"type": "user", "date": 1, "sender_user": telegram.me()}})
    outcome = refused(lambda: _edit(telegram, forwarded, "editMessageCaption", caption="x"))
    assert outcome[:2] == (400, "Bad Request: message can't be edited")


def test_a_blocked_bot_edits_nothing(telegram: Telegram) -> None:
    """No rule of the Bot API's pages: the server's words."""
    says(telegram)
    message = send(telegram)
    telegram.block(1)
    outcome = refused(lambda: _edit(telegram, message, text="x"))
    assert outcome[:2] == (403, "Forbidden: bot was blocked by the user")


@pytest.mark.shows("editMessageCaption")
def test_a_caption_is_edited_or_taken_away(telegram: Telegram) -> None:
    """editMessageCaption: caption has 0-1024 characters after entities parsing."""
    says(telegram)
    photo = _photo(telegram, caption="before /it")
    edited = _edit(telegram, photo, "editMessageCaption", caption="after", show_caption_above_media=True)
    assert (edited["caption"], edited["photo"]) == ("after", photo["photo"])
    assert edited["show_caption_above_media"] is True
    assert "caption_entities" not in edited
    assert "caption" not in _edit(telegram, photo, "editMessageCaption")
    outcome = refused(lambda: _edit(telegram, photo, "editMessageCaption", caption="x" * 1025))
    assert outcome[:2] == (400, "Bad Request: message caption is too long")


def test_a_text_has_no_caption_and_a_photo_no_text(telegram: Telegram) -> None:
    """No rule of the Bot API's pages: the server's words."""
    says(telegram)
    text, photo = send(telegram), _photo(telegram)
    assert refused(lambda: _edit(telegram, text, "editMessageCaption", caption="x"))[1] == (
        "Bad Request: there is no caption in the message to edit"
    )
    assert refused(lambda: _edit(telegram, photo, text="x"))[1] == (
        "Bad Request: there is no text in the message to edit"
    )


@pytest.mark.shows("editMessageReplyMarkup")
def test_a_keyboard_is_replaced_or_taken_away(telegram: Telegram) -> None:
    """editMessageReplyMarkup: reply_markup is an inline keyboard; the text stays. force_reply can't be changed."""
    says(telegram)
    message = send(telegram, reply_markup=INLINE | {"force_reply": True})
    edited = _edit(telegram, message, "editMessageReplyMarkup", reply_markup=OTHER)
    assert (edited["text"], edited["reply_markup"]) == ("answer", OTHER | {"force_reply": True})
    assert "reply_markup" not in _edit(
        telegram, message, "editMessageReplyMarkup", reply_markup={"inline_keyboard": []}
    )


def test_a_message_sent_via_the_bot_is_edited_by_its_inline_id(telegram: Telegram) -> None:
    """editMessageText: if the edited message is an inline message, True is returned."""
    says(telegram)
    asked = performs(telegram, "inline_queries", query="x")
    result = {
        "type": "article",
        "id": "1",
        "title": "Hello",
        "input_message_content": {"message_text": "Hello"},
        "reply_markup": INLINE,
    }
    telegram.call("answerInlineQuery", {"inline_query_id": asked["inline_query_id"], "results": [result]})
    chosen = performs(telegram, "inline_results", inline_query_id=asked["inline_query_id"], result_id="1")
    given = {"inline_message_id": chosen["inline_message_id"], "text": "Bye"}
    assert telegram.call("editMessageText", given) is True
    shown = telegram.transcript(1)[-1]
    assert (shown["text"], shown["via_bot"]["id"]) == ("Bye", 42)


@pytest.mark.shows("deleteMessage")
def test_a_bot_deletes_what_is_its_own_and_in_private_what_is_the_users(telegram: Telegram) -> None:
    """deleteMessage: outgoing messages anywhere, incoming messages in private chats."""
    events: list[Json] = []
    telegram.listen(events.append)
    theirs, ours = says(telegram), send(telegram)["message_id"]
    for message_id in (theirs, ours):
        assert telegram.call("deleteMessage", {"chat_id": 1, "message_id": message_id}) is True
        assert events[-1] == {"type": "deleted", "chat_id": 1, "message_id": message_id}
    assert telegram.transcript(1) == []
    theirs, ours = says(telegram, chat_id=GROUP), send(telegram, GROUP)["message_id"]
    assert telegram.call("deleteMessage", {"chat_id": GROUP, "message_id": ours}) is True
    outcome = refused(lambda: telegram.call("deleteMessage", {"chat_id": GROUP, "message_id": theirs}))
    assert outcome[:2] == (400, "Bad Request: message can't be deleted")
    assert [message["message_id"] for message in telegram.transcript(GROUP)] == [theirs]


def test_a_message_of_more_than_48_hours_stays(clock: Clock) -> None:
    """deleteMessage: a message can only be deleted if it was sent less than 48 hours ago."""
    telegram = Telegram(clock=clock, now=clock)
    old = says(telegram)
    clock.seconds += 48 * 3600 + 1
    new = says(telegram)
    for method, parameters in (("deleteMessage", {"message_id": old}), ("deleteMessages", {"message_ids": [new, old]})):
        outcome = refused(lambda: telegram.call(method, {"chat_id": 1, **parameters}))  # noqa: B023
        assert outcome[:2] == (400, "Bad Request: message can't be deleted for everyone")
    assert len(telegram.transcript(1)) == 2


@pytest.mark.parametrize(
    ("parameters", "said"),
    [
        ({}, "chat identifier is not specified"),
        ({"chat_id": 1}, "message identifier is not specified"),
        ({"chat_id": 1, "message_id": 99}, "message to delete not found"),
        ({"chat_id": 2, "message_id": 1}, "chat not found"),
    ],
)
def test_a_wrong_deletion_is_refused_in_the_servers_words(telegram: Telegram, parameters: Json, said: str) -> None:
    """No rule of the Bot API's pages: the server's words."""
    says(telegram)
    assert refused(lambda: telegram.call("deleteMessage", parameters))[:2] == (400, f"Bad Request: {said}")


@pytest.mark.shows("deleteMessages")
@pytest.mark.parametrize("listed", [list, str])
def test_many_messages_are_deleted_at_once(telegram: Telegram, listed: Callable[[list[int]], object]) -> None:
    """deleteMessages: if some of the specified messages can't be found, they are skipped."""
    first, second, kept = says(telegram), says(telegram), says(telegram)
    assert telegram.call("deleteMessages", {"chat_id": 1, "message_ids": listed([first, 99, second])}) is True
    assert [message["message_id"] for message in telegram.transcript(1)] == [kept]


@pytest.mark.parametrize(
    ("message_ids", "said"),
    [
        (None, "message identifiers are not specified"),
        ([], "message identifiers are not specified"),
        ("[", "can't parse message_ids JSON object"),
        (1, "expected an Array of message identifiers"),
        (list(range(1, 102)), "too many message identifiers specified"),
        ([None], "message identifier must be a Number"),
        (["x"], "can't parse message identifier as Number"),
        ([0], "invalid message identifier specified"),
    ],
)
def test_a_wrong_list_of_messages_is_refused(telegram: Telegram, message_ids: object, said: str) -> None:
    """deleteMessages: a list of 1-100 identifiers of messages to delete."""
    says(telegram)
    outcome = refused(lambda: telegram.call("deleteMessages", {"chat_id": 1, "message_ids": message_ids}))
    assert outcome[:2] == (400, f"Bad Request: {said}")

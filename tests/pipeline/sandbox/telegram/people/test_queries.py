"""People press inline buttons, and use the bot in inline mode."""

import pytest

from pipeline.sandbox.json_types import Json
from pipeline.sandbox.telegram.simulator import Telegram
from tests.support.simulated import performs, says, send

INLINE: Json = {
    "inline_keyboard": [
        [{"text": "Yes", "callback_data": "yes"}, {"text": "No", "callback_data": "no"}],
        [{"text": "Site", "url": "https://example.com/"}],
    ]
}
GROUP = -1_001_000_000_010


def _offer(telegram: Telegram, result: Json, **typed: object) -> str:
    """The id of an inline query that the bot answered with one result."""
    query_id: str = performs(telegram, "inline_queries", **typed)["inline_query_id"]
    telegram.call("answerInlineQuery", {"inline_query_id": query_id, "results": [result]})
    return query_id


@pytest.mark.shows("callback_query", "callbacks")
def test_a_pressed_button_sends_its_data(telegram: Telegram) -> None:
    """CallbackQuery: from, message with the button, chat_instance, and the data of the button."""
    says(telegram, "/start", first_name="Ada", username="ada")
    message = send(telegram, reply_markup=INLINE)
    pressed = performs(telegram, "callbacks", message_id=message["message_id"], data="no")
    update = telegram.get_updates()[-1]
    query = update["callback_query"]
    assert pressed == {"callback_query_id": query["id"], "update_id": update["update_id"]}
    assert query["from"] == {"id": 1, "is_bot": False, "first_name": "Ada", "username": "ada"}
    assert (query["message"], query["data"]) == (message, "no")
    assert query["chat_instance"]
    assert "inline_message_id" not in query


def test_a_button_is_pressed_by_its_label_and_by_anybody(telegram: Telegram) -> None:
    """CallbackQuery: from is who pressed the button."""
    says(telegram, chat_id=GROUP, user_id=7, first_name="Bob")
    message = send(telegram, GROUP, reply_markup=INLINE)
    performs(telegram, "callbacks", chat_id=GROUP, message_id=message["message_id"], text="Yes", user_id=7)
    query = telegram.get_updates()[-1]["callback_query"]
    assert (query["from"]["first_name"], query["data"]) == ("Bob", "yes")


@pytest.mark.parametrize(
    ("given", "reason"),
    [
        ({}, "say which button"),
        ({"data": "maybe"}, "has no such button"),
        ({"data": "yes", "text": "No"}, "has no such button"),
        ({"text": "Site"}, "sends no callback query"),
        ({"message_id": 99, "data": "yes"}, "has no message 99"),
        ({"chat_id": 5, "data": "yes"}, "chat 5 has no message"),
    ],
)
def test_only_a_button_that_is_there_can_be_pressed(telegram: Telegram, given: Json, reason: str) -> None:
    """No rule of the Bot API: what a test gets that presses a wrong button."""
    says(telegram)
    message = send(telegram, reply_markup=INLINE)
    with pytest.raises((ValueError, KeyError), match=reason):
        performs(telegram, "callbacks", **{"message_id": message["message_id"], **given})


def test_a_bot_that_asked_for_other_updates_gets_no_callback_query(telegram: Telegram) -> None:
    """getUpdates: allowed_updates."""
    telegram.get_updates(allowed_updates=["message"])
    says(telegram)
    message = send(telegram, reply_markup=INLINE)
    assert performs(telegram, "callbacks", message_id=message["message_id"], data="yes")["update_id"] is None


@pytest.mark.shows("callbacks/answer", "inline_queries/results")
def test_nobody_sees_the_answer_to_a_question_that_was_not_asked(telegram: Telegram) -> None:
    """No rule of the Bot API: what a test gets for an unknown id."""
    with pytest.raises(KeyError, match="nobody asked callback query 5"):
        performs(telegram, "callbacks/answer", callback_query_id="5")
    with pytest.raises(KeyError, match="nobody asked inline query 5"):
        performs(telegram, "inline_queries/results", inline_query_id="5")


@pytest.mark.shows("inline_query", "inline_queries")
@pytest.mark.parametrize(("chat_id", "chat_type"), [(1, "sender"), (-5, "group"), (GROUP, "supergroup")])
def test_what_is_typed_behind_the_bots_name_is_an_inline_query(
    telegram: Telegram, chat_id: int, chat_type: str
) -> None:
    """InlineQuery: query, offset, and chat_type, which is sender for a private chat with the bot."""
    says(telegram, chat_id=chat_id, user_id=1)
    typed = performs(telegram, "inline_queries", chat_id=chat_id, query="cats", offset="50")
    update = telegram.get_updates()[-1]
    assert typed == {"inline_query_id": update["inline_query"]["id"], "update_id": update["update_id"]}
    assert update["inline_query"] == {
        "id": typed["inline_query_id"],
        "from": {"id": 1, "is_bot": False, "first_name": "Ada"},
        "chat_type": chat_type,
        "query": "cats",
        "offset": "50",
    }
    with pytest.raises(ValueError, match="256"):
        performs(telegram, "inline_queries", query="x" * 257)


@pytest.mark.shows("chosen_inline_result", "inline_results")
def test_a_chosen_result_is_sent_via_the_bot(telegram: Telegram) -> None:
    """ChosenInlineResult: result_id, from, query, and inline_message_id if there is an inline keyboard."""
    says(telegram, first_name="Grace")
    result = {
        "type": "article",
        "id": "cat-1",
        "title": "Cat",
        "input_message_content": {"message_text": "/meow"},
        "reply_markup": INLINE,
    }
    query_id = _offer(telegram, result, query="cats")
    chosen = performs(telegram, "inline_results", inline_query_id=query_id, result_id="cat-1")
    message, feedback = (update for update in telegram.get_updates()[-2:])
    assert chosen["update_ids"] == [message["update_id"], feedback["update_id"]]
    assert chosen["message_id"] == message["message"]["message_id"]
    assert message["message"]["via_bot"] == telegram.me()
    assert (message["message"]["text"], message["message"]["reply_markup"]) == ("/meow", INLINE)
    assert message["message"]["from"]["first_name"] == "Grace"
    assert feedback["chosen_inline_result"] == {
        "result_id": "cat-1",
        "from": message["message"]["from"],
        "query": "cats",
        "inline_message_id": chosen["inline_message_id"],
    }
    performs(telegram, "callbacks", message_id=chosen["message_id"], data="yes")
    pressed = telegram.get_updates()[-1]["callback_query"]
    assert pressed["inline_message_id"] == chosen["inline_message_id"]
    assert "message" not in pressed


def test_a_result_without_buttons_has_no_inline_id(telegram: Telegram) -> None:
    """ChosenInlineResult: inline_message_id is available only if there is an inline keyboard."""
    says(telegram)
    contact = {"type": "contact", "id": "c", "phone_number": "+15550100", "first_name": "Ada"}
    query_id = _offer(telegram, contact)
    chosen = performs(telegram, "inline_results", inline_query_id=query_id, result_id="c")
    message, feedback = (update for update in telegram.get_updates()[-2:])
    assert message["message"]["contact"] == {"phone_number": "+15550100", "first_name": "Ada"}
    assert chosen["inline_message_id"] is None
    assert "inline_message_id" not in feedback["chosen_inline_result"]


def test_a_result_may_be_sent_to_another_chat(telegram: Telegram) -> None:
    """InlineKeyboardButton: switch_inline_query lets the person choose the chat; only who asked can choose."""
    says(telegram)
    contact = {"type": "contact", "id": "c", "phone_number": "+15550100", "first_name": "Ada"}
    chosen = {"inline_query_id": _offer(telegram, contact), "result_id": "c"}
    performs(telegram, "inline_results", **chosen, chat_id=GROUP, user_id=1)
    message = telegram.get_updates()[-2]["message"]
    assert (message["chat"]["id"], message["from"]["id"]) == (GROUP, 1)
    with pytest.raises(ValueError, match="user 1 asked, so user 2 can't choose"):
        performs(telegram, "inline_results", **chosen, user_id=2)


@pytest.mark.parametrize(
    ("result", "kind", "described"),
    [
        ({"type": "photo", "photo_url": "https://example.com/p.jpg", "caption": "look"}, "photo", {}),
        ({"type": "gif", "gif_url": "https://example.com/g.gif", "gif_width": 9}, "animation", {"width": 9}),
        ({"type": "mpeg4_gif", "mpeg4_url": "https://example.com/g.mp4"}, "animation", {"mime_type": "video/mp4"}),
        (
            {"type": "document", "title": "Plan", "document_url": "https://example.com/p.pdf", "mime_type": "a/b"},
            "document",
            {"file_name": "p.pdf"},
        ),
        (
            {"type": "voice", "title": "Song", "voice_url": "https://example.com/v.ogg", "voice_duration": 3},
            "voice",
            {"duration": 3},
        ),
    ],
)
def test_a_chosen_file_is_sent_via_the_bot(telegram: Telegram, result: Json, kind: str, described: Json) -> None:
    """InlineQueryResultPhoto …: by default, this photo will be sent by the user with optional caption."""
    says(telegram)
    query_id = _offer(telegram, {"id": "f", **result})
    performs(telegram, "inline_results", inline_query_id=query_id, result_id="f")
    message = telegram.get_updates()[-2]["message"]
    assert message["via_bot"] == telegram.me()
    assert message.get("caption") == result.get("caption")
    file = message[kind][-1] if kind == "photo" else message[kind]
    assert described.items() <= file.items()
    assert telegram.call("getFile", {"file_id": file["file_id"]})["file_size"] > 0


def test_only_what_the_bot_offers_can_be_chosen(telegram: Telegram) -> None:
    """No rule of the Bot API: what a test gets that chooses wrongly."""
    says(telegram)
    query_id = _offer(telegram, {"type": "photo", "id": "p", "photo_url": "ftp://example.com/p.jpg"})
    with pytest.raises(KeyError, match="offered no result x"):
        performs(telegram, "inline_results", inline_query_id=query_id, result_id="x")
    with pytest.raises(ValueError, match="invalid file HTTP URL"):
        performs(telegram, "inline_results", inline_query_id=query_id, result_id="p")
    game_id = _offer(telegram, {"type": "game", "id": "g", "game_short_name": "chess"})
    with pytest.raises(ValueError, match="a chosen game is not simulated"):
        performs(telegram, "inline_results", inline_query_id=game_id, result_id="g")
    unanswered = performs(telegram, "inline_queries")["inline_query_id"]
    with pytest.raises(KeyError, match="offered no result p"):
        performs(telegram, "inline_results", inline_query_id=unanswered, result_id="p")

"""The simulated Telegram without HTTP, rule by rule of core.telegram.org/bots/api."""

import threading
from collections.abc import Callable
from typing import Any

import pytest

from pipeline.sandbox.telegram import BotApiError, Json, Limits, Telegram, UserMessage

DAY = 24 * 3600.0


class Clock:
    def __init__(self) -> None:
        self.seconds = 1000.0

    def __call__(self) -> float:
        return self.seconds


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def telegram(clock: Clock) -> Telegram:
    return Telegram(clock=clock, now=lambda: 1_700_000_000.5)


def says(telegram: Telegram, text: str = "hi", **more: Any) -> int:
    """A person's message; its message_id."""
    return telegram.receive(UserMessage(text=text, **more)).message_id


def send(telegram: Telegram, chat_id: int | str = 1, text: str = "answer", **more: Any) -> Json:
    return telegram.send_message({"chat_id": chat_id, "text": text, **more})


def refused(call: Callable[[], object]) -> tuple[int, str, Json | None]:
    with pytest.raises(BotApiError) as error:
        call()
    return error.value.error_code, error.value.description, error.value.parameters


def texts(updates: list[Json]) -> list[str]:
    return [update["message"]["text"] for update in updates]


# getUpdates


def test_update_ids_rise_by_one(telegram: Telegram) -> None:
    """Update: update identifiers start from a certain positive number and increase sequentially."""
    for text in "abc":
        says(telegram, text)
    ids = [update["update_id"] for update in telegram.get_updates()]
    assert ids == [ids[0], ids[0] + 1, ids[0] + 2]
    assert ids[0] > 0


def test_unconfirmed_updates_come_again_and_confirmed_ones_never(telegram: Telegram) -> None:
    """getUpdates: an update is confirmed as soon as getUpdates is called with an offset higher than its id."""
    for text in "abc":
        says(telegram, text)
    first = telegram.get_updates()
    assert telegram.get_updates() == first
    assert texts(telegram.get_updates(offset=first[1]["update_id"])) == ["b", "c"]
    assert texts(telegram.get_updates()) == ["b", "c"]
    assert telegram.get_updates(offset=first[2]["update_id"] + 1) == []
    assert telegram.pending() == 0


def test_a_negative_offset_counts_from_the_end_and_forgets_the_rest(telegram: Telegram) -> None:
    """getUpdates: from the -offset-th update from the end of the queue; all previous updates will be forgotten."""
    for text in "abcd":
        says(telegram, text)
    assert texts(telegram.get_updates(offset=-2)) == ["c", "d"]
    assert texts(telegram.get_updates()) == ["c", "d"]
    assert texts(telegram.get_updates(offset=-9)) == ["c", "d"]


@pytest.mark.parametrize(("limit", "number"), [(None, 100), (1, 1), (7, 7), (0, 1), (500, 100)])
def test_at_most_a_hundred_updates_come_at_once(telegram: Telegram, limit: int | None, number: int) -> None:
    """getUpdates: limit takes 1-100 and defaults to 100."""
    telegram.receive_all(UserMessage(text=str(n)) for n in range(120))
    assert len(telegram.get_updates(limit=limit)) == number
    assert telegram.pending() == 120


def test_a_long_poll_ends_with_the_first_update(telegram: Telegram) -> None:
    """getUpdates: timeout in seconds for long polling."""
    poll, seconds = telegram.start_poll({"timeout": "30"})
    assert seconds == 30
    assert not poll.future.done()
    says(telegram, "at last")
    assert texts(poll.future.result(0)) == ["at last"]


def test_a_long_poll_sees_everything_that_came_at_once(telegram: Telegram) -> None:
    """getUpdates: an array of Update objects is returned."""
    poll, _ = telegram.start_poll({"timeout": 30})
    telegram.receive_all([UserMessage(text="a"), UserMessage(text="b")])
    assert texts(poll.future.result(0)) == ["a", "b"]


def test_a_long_poll_whose_time_is_over_is_empty(telegram: Telegram) -> None:
    """getUpdates: timeout 0 is short polling; a long poll without news returns an empty array."""
    poll, seconds = telegram.start_poll({"timeout": 0})
    assert seconds == 0
    assert poll.future.result(0) == []
    assert telegram.get_updates(timeout=1) == []


def test_a_thread_may_wait_for_updates(telegram: Telegram) -> None:
    """getUpdates: long polling, called from several threads of one process."""
    got: list[Json] = []
    waiting = threading.Thread(target=lambda: got.extend(telegram.get_updates(timeout=10)))
    waiting.start()
    says(telegram)
    waiting.join(5)
    assert texts(got) == ["hi"]


def test_a_second_poll_ends_the_first(telegram: Telegram) -> None:
    """getUpdates: only one may run; the server ends the earlier with 409 Conflict."""
    first, _ = telegram.start_poll({"timeout": 30})
    second, _ = telegram.start_poll({"timeout": 30})
    code, description, _none = refused(lambda: first.future.result(0))
    assert code == 409
    assert description == (
        "Conflict: terminated by other getUpdates request; make sure that only one bot instance is running"
    )
    says(telegram)
    assert len(second.future.result(0)) == 1


def test_a_webhook_excludes_polling_until_it_is_deleted(telegram: Telegram) -> None:
    """getUpdates: this method will not work if an outgoing webhook is set up."""
    says(telegram)
    waiting, _ = telegram.start_poll({"timeout": 30, "offset": 2**31})
    telegram.call("setWebhook", {"url": "https://example.org/hook"})
    assert refused(lambda: waiting.future.result(0))[0] == 409
    assert telegram.call("getWebhookInfo", {})["url"] == "https://example.org/hook"
    code, description, _ = refused(telegram.get_updates)
    assert code == 409
    assert description.startswith("Conflict: can't use getUpdates method while webhook is active;")
    telegram.call("deleteWebhook", {"drop_pending_updates": "false"})
    assert telegram.get_updates() == []
    says(telegram, "kept")
    telegram.call("deleteWebhook", {"drop_pending_updates": True})
    assert telegram.pending() == 0


def test_unasked_for_kinds_do_not_come_by_default(telegram: Telegram) -> None:
    """getUpdates: all kinds except chat_member, message_reaction and message_reaction_count by default."""
    assert telegram.inject({"message_reaction": {}}, filtered=True) is None
    assert telegram.inject({"poll": {}}, filtered=True) is not None
    telegram.get_updates(allowed_updates=["message_reaction"])
    assert telegram.inject({"message_reaction": {}}, filtered=True) is not None
    assert telegram.inject({"poll": {}}, filtered=True) is None


def test_allowed_updates_persist_until_they_are_given_again(telegram: Telegram) -> None:
    """getUpdates: if not specified, the previous setting will be used; an empty list is the default."""
    telegram.get_updates(allowed_updates=["edited_message"])
    telegram.get_updates()
    assert telegram.receive(UserMessage(text="unseen")).update_id is None
    telegram.get_updates(allowed_updates=[])
    assert telegram.receive(UserMessage(text="seen")).update_id is not None


def test_allowed_updates_leave_earlier_updates_in_the_queue(telegram: Telegram) -> None:
    """getUpdates: allowed_updates doesn't affect updates created before the call."""
    says(telegram, "earlier")
    assert texts(telegram.get_updates(allowed_updates=["callback_query"])) == ["earlier"]


def test_updates_are_kept_for_a_day(telegram: Telegram, clock: Clock) -> None:
    """Getting updates: incoming updates will not be kept longer than 24 hours."""
    says(telegram, "old")
    clock.seconds += DAY - 1
    says(telegram, "young")
    assert texts(telegram.get_updates()) == ["old", "young"]
    clock.seconds += 2
    assert texts(telegram.get_updates()) == ["young"]


def test_after_a_week_of_silence_the_next_id_is_random(telegram: Telegram, clock: Clock) -> None:
    """Update: without new updates for at least a week the next update's identifier is chosen randomly."""
    before = telegram.receive(UserMessage(text="a")).update_id
    clock.seconds += 8 * DAY
    after = telegram.receive(UserMessage(text="b")).update_id
    following = telegram.receive(UserMessage(text="c")).update_id
    assert before is not None
    assert after is not None
    assert after != before + 1
    assert following == after + 1


def test_an_offset_above_a_new_random_id_drops_the_update(telegram: Telegram) -> None:
    """getUpdates: an offset higher than an update's id confirms it, whoever has seen it."""
    telegram.skip_update_ids(50)
    says(telegram, "lost to highest seen + 1")
    assert telegram.get_updates(offset=100) == []
    assert telegram.pending() == 0


def test_a_raw_update_is_delivered_as_it_is(telegram: Telegram) -> None:
    """Update: at most one of the optional parameters can be present. A bot must survive whatever comes."""
    odd: list[Json] = [
        {"update_id": 2**60, "message": {"text": 5, "chat": {"id": -(2**70)}}},
        {"message": "\ud800"},
        {"update_id": "no number", "message": None},
        {},
    ]
    ids = [telegram.inject(update) for update in odd]
    got = telegram.get_updates()
    assert got[0] == odd[0]
    assert got[2] == odd[2]
    assert got[1] == {"update_id": 2**60 + 1, "message": "\ud800"}
    assert ids == [2**60, 2**60 + 1, 2**60 + 2, 2**60 + 3]
    assert telegram.get_updates(offset=2**60 + 4) == []


# Tokens and methods


def test_only_the_bots_token_is_accepted(telegram: Telegram) -> None:
    """Authorizing your bot: each bot has a unique token; a wrong one is 401, what is none is not found."""
    telegram.authorize(telegram.token)
    assert refused(lambda: telegram.authorize("42:another-token-altogether"))[:2] == (401, "Unauthorized")
    assert refused(lambda: telegram.authorize("nonsense"))[:2] == (404, "Not Found")


def test_a_revoked_token_ends_the_poll_that_uses_it(telegram: Telegram) -> None:
    """Authorizing your bot: a revoked token is Unauthorized; the new one is the same bot's."""
    old = telegram.token
    poll, _ = telegram.start_poll({"timeout": 30})
    telegram.rotate_token("42:the-next-sandbox-token")
    assert refused(lambda: poll.future.result(0))[0] == 401
    assert refused(lambda: telegram.authorize(old))[0] == 401
    telegram.authorize("42:the-next-sandbox-token")
    with pytest.raises(ValueError, match="same bot"):
        telegram.rotate_token("43:the-next-sandbox-token")


def test_method_names_are_case_insensitive(telegram: Telegram) -> None:
    """Making requests: all methods in the Bot API are case-insensitive."""
    assert telegram.call("GETME", {}) == telegram.call("getMe", {})
    assert refused(lambda: telegram.call("getNothing", {}))[:2] == (404, "Not Found")


def test_get_me_describes_the_bot(telegram: Telegram) -> None:
    """getMe: a User object; can_join_groups and the like are returned only here."""
    me = telegram.call("getMe", {})
    assert me["id"] == 42
    assert me["is_bot"] is True
    assert me["can_read_all_group_messages"] is False
    assert {"can_join_groups", "supports_inline_queries"} <= me.keys()


def test_commands_are_kept(telegram: Telegram) -> None:
    """setMyCommands, getMyCommands, deleteMyCommands: the list of the bot's commands."""
    telegram.call("setMyCommands", {"commands": '[{"command": "help", "description": "Help"}]'})
    assert telegram.call("getMyCommands", {}) == [{"command": "help", "description": "Help"}]
    telegram.call("deleteMyCommands", {})
    assert telegram.call("getMyCommands", {}) == []


# sendMessage


def test_a_sent_message_is_returned_and_recorded(telegram: Telegram) -> None:
    """sendMessage: on success, the sent Message is returned."""
    says(telegram)
    message = send(telegram, text="hello /help")
    assert message["text"] == "hello /help"
    assert message["chat"]["id"] == 1
    assert message["date"] == 1_700_000_000
    assert message["from"] == telegram.me()
    assert message["entities"] == [{"type": "bot_command", "offset": 6, "length": 5}]
    (sent,) = telegram.sent()
    assert (sent["n"], sent["message_id"], sent["text"]) == (1, message["message_id"], "hello /help")
    assert telegram.sent(since=1) == []


def test_an_unknown_chat_is_refused(telegram: Telegram) -> None:
    """sendMessage: chat_id is the target chat; a bot can't initiate conversations with users."""
    assert refused(lambda: send(telegram, 77))[:2] == (400, "Bad Request: chat not found")
    assert refused(lambda: send(telegram, "@nobody"))[:2] == (400, "Bad Request: chat not found")
    assert refused(lambda: send(telegram, ""))[:2] == (400, "Bad Request: chat_id is empty")
    assert telegram.sent() == []


@pytest.mark.parametrize("text", ["", "  \n ", "<b> </b>"])
def test_an_empty_text_is_refused(telegram: Telegram, text: str) -> None:
    """sendMessage: text takes 1-4096 characters after entities parsing."""
    says(telegram)
    outcome = refused(lambda: send(telegram, text=text, parse_mode="HTML"))
    assert outcome[:2] == (400, "Bad Request: message text is empty")


def test_a_text_has_at_most_4096_utf16_units_after_parsing(telegram: Telegram) -> None:
    """sendMessage: text takes 1-4096 characters after entities parsing."""
    says(telegram)
    send(telegram, text="x" * 4096)
    send(telegram, text="🎉" * 2048)
    send(telegram, text="<b>" + "&lt;" * 4096 + "</b>", parse_mode="HTML")
    too_long = (400, "Bad Request: message is too long")
    assert refused(lambda: send(telegram, text="x" * 4097))[:2] == too_long
    assert refused(lambda: send(telegram, text="🎉" * 2048 + "x"))[:2] == too_long


def test_markup_is_parsed_or_refused(telegram: Telegram) -> None:
    """Formatting options: parse_mode HTML gives entities; text that can't be parsed is refused."""
    says(telegram)
    message = send(telegram, text="<b>1 &lt; 2</b>", parse_mode="HTML")
    assert (message["text"], message["entities"][0]["type"]) == ("1 < 2", "bold")
    assert telegram.sent()[-1]["raw_text"] == "<b>1 &lt; 2</b>"
    code, description, _ = refused(lambda: send(telegram, text="1 < 2", parse_mode="html"))
    assert code == 400
    assert description.startswith("Bad Request: can't parse entities: Unsupported start tag")
    assert send(telegram, text="<b>plain</b>")["text"] == "<b>plain</b>"


def test_text_that_is_no_unicode_is_refused(telegram: Telegram) -> None:
    """Making requests: all queries must be made using UTF-8."""
    says(telegram)
    assert refused(lambda: send(telegram, text="\ud800"))[:2] == (
        400,
        "Bad Request: strings must be encoded in UTF-8",
    )


@pytest.mark.parametrize(
    "how",
    [
        {"reply_parameters": {"message_id": 1}},
        {"reply_parameters": '{"message_id": 1, "allow_sending_without_reply": true}'},
        {"reply_to_message_id": "1"},
    ],
)
def test_a_reply_names_the_message_it_answers(telegram: Telegram, how: Json) -> None:
    """ReplyParameters: message_id of the message that will be replied to in the current chat."""
    says(telegram, "question")
    reply = send(telegram, **how)
    assert reply["reply_to_message"]["text"] == "question"
    assert telegram.sent()[-1]["reply_to_message_id"] == 1


def test_a_reply_to_a_deleted_message_needs_permission(telegram: Telegram) -> None:
    """ReplyParameters: allow_sending_without_reply sends even if the message to be replied to is not found."""
    gone = says(telegram)
    assert telegram.delete_message(1, gone)
    assert not telegram.delete_message(1, gone)
    assert refused(lambda: send(telegram, reply_parameters={"message_id": gone}))[:2] == (
        400,
        "Bad Request: message to be replied not found",
    )
    alone = send(telegram, reply_parameters={"message_id": gone, "allow_sending_without_reply": True})
    assert "reply_to_message" not in alone
    assert telegram.sent()[-1]["reply_to_message_id"] is None


def test_replies_do_not_nest(telegram: Telegram) -> None:
    """Message: the object in reply_to_message will not contain further reply_to_message fields."""
    says(telegram, "first")
    answer = send(telegram, reply_parameters={"message_id": 1})
    says(telegram, "again", reply_to_message_id=answer["message_id"])
    quoted = telegram.get_updates()[-1]["message"]["reply_to_message"]
    assert quoted["text"] == "answer"
    assert "reply_to_message" not in quoted


def test_topics_exist_in_forums_only(telegram: Telegram) -> None:
    """sendMessage: message_thread_id is the target topic of the forum; for forum supergroups."""
    forum = -1_001_000_000_001
    telegram.create_topic(forum, 7, "Questions")
    asked = says(telegram, chat_id=forum, message_thread_id=7)
    question = telegram.get_updates()[-1]["message"]
    assert question["is_topic_message"] is True
    assert question["message_thread_id"] == 7
    assert question["chat"]["is_forum"] is True
    assert send(telegram, forum, message_thread_id=7)["message_thread_id"] == 7
    inherited = send(telegram, forum, reply_parameters={"message_id": asked})
    assert inherited["message_thread_id"] == 7
    not_found = (400, "Bad Request: message thread not found")
    assert refused(lambda: send(telegram, forum, message_thread_id=8))[:2] == not_found
    says(telegram)
    assert refused(lambda: send(telegram, 1, message_thread_id=7))[:2] == not_found


def test_the_general_topic_has_no_thread_id(telegram: Telegram) -> None:
    """Message: message_thread_id is of a topic message; the General topic can't be addressed by 1."""
    forum = -1_001_000_000_001
    with pytest.raises(ValueError, match="General"):
        telegram.create_topic(forum, 1, "General")
    telegram.create_topic(forum, 7, "Questions")
    says(telegram, chat_id=forum)
    assert "message_thread_id" not in telegram.get_updates()[-1]["message"]
    assert refused(lambda: send(telegram, forum, message_thread_id=1))[0] == 400


def test_a_reply_thread_of_an_ordinary_supergroup_is_no_topic(telegram: Telegram) -> None:
    """Message: is_topic_message tells a topic from a thread of replies, which also has message_thread_id."""
    group = -1_001_000_000_002
    first = says(telegram, chat_id=group)
    says(telegram, chat_id=group, reply_to_message_id=first)
    reply = telegram.get_updates()[-1]["message"]
    assert reply["message_thread_id"] == first
    assert "is_topic_message" not in reply
    assert refused(lambda: send(telegram, group, message_thread_id=first))[0] == 400


def test_a_bot_that_is_blocked_may_not_write(telegram: Telegram) -> None:
    """Update: my_chat_member; for private chats received only when the bot is blocked or unblocked by the user."""
    says(telegram)
    telegram.block(1)
    change = telegram.get_updates()[-1]["my_chat_member"]
    assert (change["old_chat_member"]["status"], change["new_chat_member"]["status"]) == ("member", "kicked")
    assert refused(lambda: send(telegram))[:2] == (403, "Forbidden: bot was blocked by the user")
    telegram.block(1, False)
    send(telegram)


@pytest.mark.parametrize(("chat_id", "kind"), [(-1_001_000_000_003, "supergroup"), (-5, "group")])
def test_a_bot_that_was_removed_may_not_write(telegram: Telegram, chat_id: int, kind: str) -> None:
    """ChatMemberBanned: was banned in the chat and can't return to it."""
    says(telegram, chat_id=chat_id)
    telegram.block(chat_id)
    kicked = (403, f"Forbidden: bot was kicked from the {kind} chat")
    assert refused(lambda: send(telegram, chat_id))[:2] == kicked


def test_an_upgraded_group_names_its_successor(telegram: Telegram) -> None:
    """ResponseParameters: migrate_to_chat_id; Message: migrate_to_chat_id and migrate_from_chat_id."""
    says(telegram, chat_id=-5, title="Team")
    telegram.migrate(-5, -1_001_000_000_005)
    to, origin = (update["message"] for update in telegram.get_updates()[-2:])
    assert (to["chat"]["id"], to["migrate_to_chat_id"]) == (-5, -1_001_000_000_005)
    assert (origin["chat"]["type"], origin["migrate_from_chat_id"]) == ("supergroup", -5)
    assert refused(lambda: send(telegram, -5)) == (
        400,
        "Bad Request: group chat was upgraded to a supergroup chat",
        {"migrate_to_chat_id": -1_001_000_000_005},
    )
    assert send(telegram, -1_001_000_000_005)["chat"]["title"] == "Team"


# Limits


def test_a_chat_takes_one_message_a_second(telegram: Telegram, clock: Clock) -> None:
    """FAQ: avoid sending more than one message per second in a chat; ResponseParameters: retry_after."""
    telegram.limits = Limits()
    says(telegram)
    send(telegram)
    assert refused(lambda: send(telegram)) == (429, "Too Many Requests: retry after 1", {"retry_after": 1})
    clock.seconds += 1
    send(telegram)


def test_a_group_takes_twenty_messages_a_minute(telegram: Telegram, clock: Clock) -> None:
    """FAQ: in a group, bots are not able to send more than 20 messages per minute."""
    telegram.limits = Limits()
    says(telegram, chat_id=-5)
    for _ in range(20):
        send(telegram, -5)
        clock.seconds += 1
    _, _, parameters = refused(lambda: send(telegram, -5))
    assert parameters == {"retry_after": 40}
    clock.seconds += 40
    send(telegram, -5)


def test_a_bot_sends_thirty_messages_a_second(telegram: Telegram, clock: Clock) -> None:
    """FAQ: bots are not able to broadcast more than about 30 messages per second."""
    telegram.limits = Limits()
    for chat_id in range(1, 32):
        says(telegram, chat_id=chat_id)
    for chat_id in range(1, 31):
        send(telegram, chat_id)
    assert refused(lambda: send(telegram, 31))[0] == 429
    clock.seconds += 1
    send(telegram, 31)


def test_limits_are_off_unless_asked_for(telegram: Telegram) -> None:
    """FAQ: the limits; a test that isn't about them should not meet them."""
    says(telegram)
    for _ in range(50):
        send(telegram)


# sendChatAction and what people do


def test_a_chat_action_is_recorded(telegram: Telegram) -> None:
    """sendChatAction: action is one of a list; the chat must be one that can be written to."""
    says(telegram)
    assert telegram.call("sendChatAction", {"chat_id": "1", "action": "typing"}) is True
    assert refused(lambda: telegram.call("sendChatAction", {"chat_id": 1, "action": "dancing"}))[0] == 400
    assert refused(lambda: telegram.call("sendChatAction", {"chat_id": 2, "action": "typing"}))[0] == 400
    assert [(action["chat_id"], action["action"]) for action in telegram.actions()] == [(1, "typing")]


def test_a_private_message_has_its_author_and_chat(telegram: Telegram) -> None:
    """Message and User: from, chat, date, text, language_code."""
    says(telegram, "/start", first_name="Ada", username="ada", language_code="en")
    assert telegram.get_updates()[0]["message"] == {
        "message_id": 1,
        "from": {"id": 1, "is_bot": False, "first_name": "Ada", "username": "ada", "language_code": "en"},
        "chat": {"id": 1, "type": "private", "first_name": "Ada", "username": "ada"},
        "date": 1_700_000_000,
        "text": "/start",
        "entities": [{"type": "bot_command", "offset": 0, "length": 6}],
    }


def test_an_edit_is_an_update_of_its_own(telegram: Telegram) -> None:
    """Update: edited_message is a new version of a message that is known to the bot and was edited."""
    message_id = says(telegram, "/befor")
    delivered = telegram.receive(UserMessage(text="after", edited_message_id=message_id))
    before, after = telegram.get_updates()
    assert delivered.message_id == message_id
    assert before["message"]["text"] == "/befor"
    assert after["edited_message"]["text"] == "after"
    assert "edit_date" in after["edited_message"]
    assert "entities" not in after["edited_message"]


def test_a_channel_post_has_no_author(telegram: Telegram) -> None:
    """Update: channel_post; Message: from may be empty for messages sent to channels; sender_chat is the channel."""
    says(telegram, chat_id=-1_001_000_000_009, chat_type="channel", title="News")
    post = telegram.get_updates()[0]["channel_post"]
    assert "from" not in post
    assert post["sender_chat"]["id"] == -1_001_000_000_009


def test_a_photo_may_have_a_caption(telegram: Telegram) -> None:
    """Message: photo is an array of PhotoSize; caption and caption_entities go with it."""
    telegram.receive_all([UserMessage(photo=True), UserMessage(photo=True, caption="/what is it")])
    plain, captioned = (update["message"] for update in telegram.get_updates())
    assert plain["photo"]
    assert "caption" not in plain
    assert "text" not in plain
    assert captioned["caption"] == "/what is it"
    assert captioned["caption_entities"][0]["type"] == "bot_command"


def test_service_messages_bots_and_sender_chats_arrive(telegram: Telegram) -> None:
    """Message: new_chat_members; from.is_bot; sender_chat for messages sent on behalf of a chat."""
    group = -1_001_000_000_010
    telegram.receive_all(
        [
            UserMessage(chat_id=group, new_chat_members=[telegram.me()]),
            UserMessage(chat_id=group, text="beep", user_id=99, first_name="Other", is_bot=True),
            UserMessage(chat_id=group, text="anonymous", sender_chat_id=group),
        ]
    )
    service, bot, anonymous = (update["message"] for update in telegram.get_updates())
    assert service["new_chat_members"][0]["id"] == 42
    assert "text" not in service
    assert bot["from"]["is_bot"] is True
    assert anonymous["sender_chat"]["id"] == group


def test_message_ids_are_of_their_chat(telegram: Telegram) -> None:
    """Message: message_id is the unique message identifier inside this chat."""
    assert says(telegram, chat_id=1) == says(telegram, chat_id=2) == 1
    assert says(telegram, chat_id=1) == 2


def test_a_listener_is_told_in_order_until_it_ends(telegram: Telegram) -> None:
    """No rule of the Bot API: what the chat page lives on."""
    told: list[str] = []
    end = telegram.listen(lambda event: told.append(event["type"]))
    says(telegram)
    telegram.call("sendChatAction", {"chat_id": 1, "action": "typing"})
    send(telegram)
    end()
    says(telegram)
    assert told == ["message", "action", "sent"]
    assert [message["text"] for message in telegram.transcript(1)] == ["hi", "answer", "hi"]

"""What the chat page shows when it opens."""

from tests.support.simulated import Sandbox

_CHAT_2 = {"type": "chat", "chat_id": 2}


def test_the_page_opens_with_every_chat_and_its_last_message(sandbox: Sandbox) -> None:
    """No rule of the Bot API: a person sees at once who wrote last."""
    sandbox.says("first")
    sandbox.bot("sendMessage", chat_id=1, text="last")
    sandbox.control("POST", "topics", {"chat_id": -1001, "message_thread_id": 5, "name": "Plans"})
    sandbox.bot("setMyCommands", commands=[{"command": "help", "description": "Help"}])
    overview = sandbox.control("GET", "page")
    private, forum = overview["chats"]
    assert private["last_message"]["text"] == "last"
    assert forum["last_message"] is None
    assert forum["topics"] == [{"message_thread_id": 5, "name": "Plans"}]
    assert overview["bot"]["is_bot"]
    assert overview["commands"] == [{"command": "help", "description": "Help"}]


def test_a_chat_that_nobody_wrote_in_is_empty(sandbox: Sandbox) -> None:
    """No rule of the Bot API: the page offers chats that do not exist yet."""
    assert sandbox.control("GET", "page/77")["messages"] == []


def test_a_chat_opens_with_its_messages(sandbox: Sandbox) -> None:
    """No rule of the Bot API: a reload loses nothing."""
    sandbox.says("hello")
    (message,) = sandbox.control("GET", "page/1")["messages"]
    assert message["text"] == "hello"


def test_a_chat_opens_with_what_people_and_the_bot_added(sandbox: Sandbox) -> None:
    """No rule of the Bot API: keyboards, reactions, votes and drafts outlive a reload."""
    message_id = sandbox.says()["message_id"]
    sandbox.bot("sendMessage", chat_id=1, text="Choose", reply_markup={"keyboard": [["Yes"]]})
    poll = sandbox.bot("sendPoll", chat_id=1, question="Tea?", options=["Yes", "No"]).json()["result"]
    sandbox.control("POST", "votes", {"message_id": poll["message_id"], "option_ids": [1]})
    sandbox.control("POST", "reactions", {"chat_id": 1, "message_id": message_id, "emoji": ["👍"]})
    sandbox.bot("sendMessageDraft", chat_id=1, draft_id=5, text="So f")
    contents = sandbox.control("GET", "page/1")
    assert contents["messages"][1]["reply_markup"]["keyboard"] == [[{"text": "Yes"}]]
    assert contents["votes"] == [{"message_id": poll["message_id"], "user_id": 1, "option_ids": [1]}]
    thumb = [{"type": "emoji", "emoji": "👍"}]
    assert contents["reactions"] == [{"message_id": message_id, "user_id": 1, "reaction": thumb}]
    assert [draft["text"] for draft in contents["drafts"]] == ["So f"]


def test_what_privacy_mode_keeps_from_the_bot_is_marked(sandbox: Sandbox) -> None:
    """Privacy mode: a bot gets commands and what concerns it; a private chat is not touched."""
    sandbox.control("POST", "privacy", {"enabled": True})
    hidden = sandbox.says("to each other", chat_id=-5)["message_id"]
    sandbox.says("/help", chat_id=-5)
    sandbox.bot("sendMessage", chat_id=-5, text="answer")
    sandbox.says("to the bot")
    assert sandbox.control("GET", "page/-5")["unseen"] == [hidden]
    assert sandbox.control("GET", "page/1")["unseen"] == []
    assert sandbox.control("GET", "page")["privacy_mode"] is True


def test_each_chat_offers_the_commands_of_its_narrowest_scope(sandbox: Sandbox) -> None:
    """BotCommandScope: a chat's own commands go before those of its kind, and those before the default."""
    sandbox.says()
    sandbox.says(chat_id=2)
    sandbox.says(chat_id=-5)
    for scope, name in (({"type": "default"}, "all"), ({"type": "all_private_chats"}, "private"), (_CHAT_2, "two")):
        sandbox.bot("setMyCommands", commands=[{"command": name, "description": "…"}], scope=scope)
    overview = sandbox.control("GET", "page")
    offered = {chat["id"]: [command["command"] for command in chat["commands"]] for chat in overview["chats"]}
    assert offered == {1: ["private"], 2: ["two"], -5: ["all"]}

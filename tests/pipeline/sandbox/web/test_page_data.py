"""What the chat page shows when it opens."""

from tests.support.simulated import Sandbox


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

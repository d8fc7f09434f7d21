"""The table of the control API, and its documentation."""

import json
import re
import shlex
from itertools import pairwise
from pathlib import Path

import httpx
import pytest

from pipeline.sandbox.json_types import Json
from pipeline.sandbox.telegram.methods.table import METHODS
from pipeline.sandbox.telegram.people.messages import UserMessage
from pipeline.sandbox.telegram.people.table import ACTIONS
from pipeline.sandbox.telegram.simulator import Telegram
from pipeline.sandbox.web.app import create_app
from pipeline.sandbox.web.control.table import all_calls
from tests.support.current_app import CurrentApp

PAGES = [Path(__file__).parents[5] / "docs" / name for name in ("control-api.md", "sandbox.md")]
EXAMPLES = [line for page in PAGES for line in page.read_text().splitlines() if line.startswith("curl ")]

BUTTONS = {"inline_keyboard": [[{"text": "Yes", "callback_data": "yes"}]]}
KEYBOARD = {"keyboard": [[{"text": "Tea"}, {"text": "Coffee"}]]}
ARTICLE = {"type": "article", "id": "1", "title": "Tea", "input_message_content": {"message_text": "Tea, please"}}
BEFORE: list[tuple[str, Json]] = [
    ("messages", {"text": "hello"}),
    ("messages", {"chat_id": -1_001_000_000_009, "title": "Team", "text": "hello"}),
    ("sendMessage", {"chat_id": 1, "text": "Tea?", "reply_markup": BUTTONS}),
    ("sendPoll", {"chat_id": 1, "question": "Tea?", "options": ["Yes", "No"], "is_anonymous": False}),
    ("sendMessage", {"chat_id": 1, "text": "Which?", "reply_markup": KEYBOARD}),
    ("callbacks", {"message_id": 2, "data": "yes"}),
    ("answerCallbackQuery", {"callback_query_id": "4294967297", "text": "Thanks"}),
    ("inline_queries", {"query": "tea"}),
    ("answerInlineQuery", {"inline_query_id": "4294967298", "results": [ARTICLE]}),
    ("sendMessageDraft", {"chat_id": 1, "draft_id": 1, "text": "Te", "can_stop": True}),
]
"""What people and the bot have done before each example, as far as it is simulated. The page tells it."""


def prepared() -> Telegram:
    telegram = Telegram()
    for name, given in BEFORE:
        if name == "messages":
            telegram.receive(UserMessage(**given))
        elif name in ACTIONS:
            telegram.perform(ACTIONS[name], ACTIONS[name].model(**given))
        elif name.lower() in METHODS:
            telegram.call(name, given)
    return telegram


def test_each_entry_says_in_a_sentence_what_it_does() -> None:
    for call in all_calls():
        assert re.fullmatch(r"[A-Z].{10,}\.", call.rule), call.path


def test_no_path_is_there_twice() -> None:
    paths = [(call.verb, re.sub(r"{\w+}", "{}", call.path)) for call in all_calls()]
    assert len(paths) == len(set(paths))


def test_each_path_has_an_example_on_its_page() -> None:
    page = PAGES[0].read_text()
    sections = dict(re.findall(r"^### `(.+?)`$(.*?)(?=^### |\Z)", page, re.MULTILINE | re.DOTALL))
    assert sections.keys() == {f"{call.verb} /sandbox/{call.path}" for call in all_calls()}
    for name, section in sections.items():
        assert len(re.findall(r"^curl ", section, re.MULTILINE)) == 1, name


@pytest.mark.parametrize("line", EXAMPLES)
def test_each_example_of_the_pages_works(current_app: CurrentApp, line: str) -> None:
    words = shlex.split(line)
    (address,) = [word for word in words if word.startswith("http://127.0.0.1:8081/")]
    given = dict(pairwise(words))
    headers = dict([given["-H"].split(": ", 1)]) if "-H" in given else {}
    verb = given.get("-X", "POST" if "-d" in given else "GET")
    current_app.app = create_app(prepared())
    url = address.replace("http://127.0.0.1:8081", current_app.url)
    response = httpx.request(verb, url, headers=headers, content=given.get("-d"))
    assert response.status_code == 200, response.text
    assert json.loads(response.content) is not None

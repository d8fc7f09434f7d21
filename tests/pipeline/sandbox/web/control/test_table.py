"""The table of the control API, and its documentation."""

import json
import re
import shlex
from itertools import pairwise
from pathlib import Path

import httpx
import pytest

from pipeline.sandbox.telegram.methods.table import METHODS
from pipeline.sandbox.telegram.people.messages import UserMessage
from pipeline.sandbox.telegram.simulator import Telegram
from pipeline.sandbox.web.app import create_app
from pipeline.sandbox.web.control.table import all_calls
from tests.support.current_app import CurrentApp

PAGES = [Path(__file__).parents[5] / "docs" / name for name in ("control-api.md", "sandbox.md")]
EXAMPLES = [line for page in PAGES for line in page.read_text().splitlines() if line.startswith("curl ")]

THE_BOT_DID = [
    (
        "sendMessage",
        {
            "chat_id": 1,
            "text": "Tea?",
            "reply_markup": {"inline_keyboard": [[{"text": "Yes", "callback_data": "yes"}]]},
        },
    ),
    ("sendPoll", {"chat_id": 1, "question": "Tea?", "options": ["Yes", "No"], "is_anonymous": False}),
    ("sendMessageDraft", {"chat_id": 1, "draft_id": 1, "text": "Te", "can_stop": True}),
]
"""Calls of the bot before each example, in the chat with message 1: messages 2 and 3, and a draft."""


def prepared() -> Telegram:
    telegram = Telegram()
    telegram.receive(UserMessage(text="hello"))
    for method, parameters in THE_BOT_DID:
        if method.lower() in METHODS:
            telegram.call(method, parameters)
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

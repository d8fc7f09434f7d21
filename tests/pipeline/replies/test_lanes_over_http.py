"""Lanes with the real clients over loopback: what a model's server or a Bot API can't do, whatever they answer."""

import json
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest
from pydantic import SecretStr

from pipeline.log import configure_logs
from pipeline.messages.phrases import phrases
from pipeline.model.client import Model, ModelSettings
from pipeline.model.on_driver import DriverAnswering
from pipeline.platform.credentials import Credential, ModelAccess
from pipeline.replies.journal import Journal, read_journal
from pipeline.replies.lanes import Lanes
from pipeline.replies.reply import Reply
from pipeline.storage.landing import Landing
from pipeline.storage.record import Recorder
from pipeline.telegram import pacing
from pipeline.telegram.client import BotApi
from pipeline.telegram.intake import Intake
from tests.support.hostile import DRIPS, FLOODS
from tests.support.replies import accepted, preparation, wait_for_replies
from tests.support.waiting import eventually
from tests.support.wire import HANG, Answer, Received, Respond, Wire, ok, refusal, response, wired

TOKEN = "42:" + "tOkEn-" * 6
KEY = "kEy/+" * 6

NASTY = ["100000000000", "nan", "inf", "-inf", "1e999", "-5", "9" * 400, "soon", "", "Wed, 21 Oct 9999 07:28:00 GMT"]

TAKEN = ok({"message_id": 1})


def completion(content: Any, **more: Any) -> bytes:
    return response("200 OK", json.dumps({"choices": [{"message": {"content": content}}], **more}))


def asked(received: Received) -> str:
    text: str = received.body["messages"][-1]["content"]
    return text


class Run:
    """Lanes of a storage in `folder`, between the servers of a test."""

    def __init__(self, folder: Path, telegram: Wire, model: Wire, timeout: float, **settings: Any) -> None:
        self.folder, self.telegram = folder, telegram
        self.api = BotApi(telegram.url, Credential(lambda: SecretStr(TOKEN)), 5.0)
        client = Model(ModelSettings("m", model_timeout=timeout))
        access = Credential(lambda: ModelAccess(model.url, SecretStr(KEY)))
        access.current()  # as a run does before anything else
        self.journal, self.recorder = Journal(folder / "journal"), Recorder(folder)
        self.answering = DriverAnswering(client, access, 16)
        self.lanes = Lanes(
            self.journal,
            self.answering,
            self.api,
            preparation(),
            send_rate=10_000.0,
            model_attempts=2,
            model_alive=lambda: client.alive(access.current()),
            report=self.recorder.report,
            **settings,
        )
        self.lanes.start()

    def accept(self, *replies: Reply) -> None:
        self.journal.record(*replies)
        self.lanes.accept(replies)

    def finish(self, *replies: Reply, within: float = 15.0) -> list[Reply]:
        """Accept replies, wait until they are terminal, and return them as the journal has them."""
        self.accept(*replies)
        done = wait_for_replies(self.lanes, [reply.key for reply in replies], within)
        self.lanes.check()
        assert done, "they are still open"
        found = read_journal(self.folder / "journal").replies
        return [found[reply.key] for reply in replies]

    def texts(self) -> list[str]:
        """What was sent, as far as it was sent once."""
        return [each.body["text"] for each in self.telegram.received if each.path.endswith("/sendMessage")]


Start = Callable[..., Run]


@pytest.fixture
def start(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Start]:
    """Start lanes between a model's server and a Bot API; the latter takes everything by default."""
    monkeypatch.setattr(pacing, "CHAT_WINDOW", 0.05)
    monkeypatch.setattr("pipeline.replies.gates.outage.FIRST_WAIT", 0.05)
    monkeypatch.setattr("pipeline.replies.gates.outage.LONGEST_WAIT", 0.2)
    monkeypatch.setattr("pipeline.replies.gates.model.LONGEST_WAIT", 0.2)
    with ExitStack() as ending:

        def start(model: Respond, telegram: Respond = TAKEN, timeout: float = 5.0, **settings: Any) -> Run:
            bot_api, completions = (ending.enter_context(wired(respond)) for respond in (telegram, model))
            run = Run(tmp_path, bot_api, completions, timeout, **settings)
            ending.callback(run.lanes.stop, 1.0)
            ending.callback(run.answering.stop)
            return run

        yield start


# Waits


@pytest.mark.parametrize("status", ["429 Too Many Requests", "503 Service Unavailable"])
@pytest.mark.parametrize("said", NASTY, ids=range(len(NASTY)))
def test_no_wait_that_a_model_names_ends_or_freezes_the_lanes(start: Start, said: str, status: str) -> None:
    refused = threading.Event()

    def respond(received: Received) -> bytes:
        if asked(received) != "ping" and not refused.is_set():
            refused.set()
            return response(status, "{}", f"Retry-After: {said}")
        return completion("hello")

    run = start(respond)
    (reply,) = run.finish(accepted("hi", seq=1))
    assert (reply.stage, run.texts()) == ("sent", ["hello"])


def test_no_wait_that_telegram_names_ends_or_freezes_the_lanes(start: Start) -> None:
    refused: set[int] = set()
    waits: list[object] = [
        float("nan"),
        float("inf"),
        -1,
        1e300,
        10**400,
        True,
        "nan",
        "1e11",
        [],
        {"seconds": 1},
        None,
    ]

    def telegram(received: Received) -> bytes:
        chat = received.body["chat_id"]
        if received.path.endswith("/sendMessage") and chat not in refused:
            refused.add(chat)
            return refusal(429, "Too Many Requests", retry_after=waits[chat])
        return TAKEN

    run = start(completion("hello"), telegram)
    replies = run.finish(*(accepted(f"hi {chat}", chat_id=chat, seq=chat + 1) for chat in range(len(waits))))
    assert {reply.stage for reply in replies} == {"sent"}


# Time and size


@pytest.mark.parametrize("slow", [DRIPS["body"], FLOODS["body"]], ids=["a byte now and then", "3 GiB"])
def test_a_message_whose_answer_never_ends_gets_the_fallback_and_its_chat_goes_on(start: Start, slow: Any) -> None:
    def respond(received: Received) -> Answer:
        answer: Answer = slow(received) if asked(received) == "bad" else completion(f"re: {asked(received)}")
        return answer

    run = start(respond, timeout=1.0)
    run.finish(accepted("bad", seq=1), accepted("next", seq=2), accepted("other", chat_id=8, seq=3))
    assert sorted(run.texts()) == sorted([phrases().fallback, "re: next", "re: other"])


def test_an_answer_of_a_megabyte_is_cut_says_so_and_leaves_little_in_the_journal(start: Start) -> None:
    run = start(completion("A sentence of a long answer. " * 36_000))
    (reply,) = run.finish(accepted("hi", seq=1))
    assert reply.answer is not None
    assert (reply.answer.status, reply.answer.reason, reply.stage) == ("answered", None, "sent")
    assert run.texts() == [part.text for part in reply.parts]
    assert len(reply.parts) == 8
    assert [text.endswith(phrases().cut) for text in run.texts()] == [False] * 7 + [True]
    assert reply.answer.text.endswith(phrases().cut)
    assert sum(path.stat().st_size for path in (run.folder / "journal").iterdir()) < 2_000_000


# Dialects


@pytest.mark.parametrize("refused", [["max_tokens"], ["max_tokens", "max_completion_tokens"]])
def test_one_poisonous_message_of_one_user_holds_nobody_up_at_a_server_that_refuses_parameters(
    start: Start, refused: list[str]
) -> None:
    def respond(received: Received) -> bytes:
        for name in refused:
            if name in received.body:
                return response(
                    "400 Bad Request", json.dumps({"error": {"message": f"{name}: Extra inputs are not permitted"}})
                )
        return response("500 Internal Server Error", "{}") if asked(received) == "poison" else completion("hello")

    run = start(respond)
    poison, after = run.finish(accepted("poison", seq=1), accepted("hi", seq=2))
    assert run.texts() == [phrases().fallback, "hello"]
    assert (poison.error, after.stage) == ("500 InternalServerError", "sent")


# Secrets


QUOTED = f"/bot{TOKEN}/x {quote(TOKEN)} {TOKEN.partition(':')[2]} Bearer {KEY} {quote(KEY, safe='')}"
"""What servers quote, wherever they can."""


def quoting_telegram(received: Received) -> bytes:
    method = received.path.rpartition("/")[2]
    if method == "getUpdates":
        return ok([{"update_id": 5, "message": {"text": f"no such path: {received.path}"}}])
    if method == "getMe":
        return ok({"id": 42, "username": QUOTED})
    errors = {
        "forbidden": refusal(403, f"Forbidden: {QUOTED}"),
        "long": refusal(400, "x" * 290 + QUOTED),
        "interrupted": refusal(500, f"Internal: {QUOTED}"),
        "limited": response(f"429 {QUOTED}", "slow", f"Retry-After: {QUOTED}", f"X-Path: {QUOTED}"),
        "reason": response(f"403 {QUOTED}", json.dumps({"ok": False, "description": ""})),
        "no text": refusal(400, {"path": [QUOTED]}),  # type: ignore[arg-type]
        "odd": refusal(400, f"Bad \ud83d \0 {QUOTED}"),
        "elsewhere": response("302 Found", QUOTED, f"Location: {received.path}"),
    }
    return errors.get(received.body.get("text"), ok({"message_id": 1, "text": QUOTED}))


def quoting_model(received: Received) -> bytes:
    def error(status: str, message: str) -> bytes:
        return response(status, json.dumps({"error": {"message": message}}))

    text = asked(received)
    refused = {"choices": [{"message": {"refusal": QUOTED}}], "model": QUOTED}
    answers = {
        "ping": completion("pong"),
        "error": error("400 Bad Request", f"refused: {QUOTED}"),
        "long error": error("400 Bad Request", "x" * 190 + QUOTED),
        "failing": error(f"500 {QUOTED}", QUOTED),
        "unknown": error("404 Not Found", QUOTED),
        "refusal": response("200 OK", json.dumps(refused), f"X-Key: {QUOTED}"),
        "answer": completion(f"You sent {QUOTED}", model=QUOTED),
        "json answer": completion(json.dumps({"answer": f"You sent {QUOTED}"}), model=QUOTED),
    }
    return answers.get(text, completion(text, model=QUOTED))


def test_whatever_servers_quote_neither_token_nor_key_reaches_the_storage_or_the_log(
    start: Start, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    configure_logs("debug")
    once = {"limited", "elsewhere"}
    """What is tried again and again, and taken at the second time."""

    def telegram(received: Received) -> bytes:
        text = (received.body or {}).get("text")
        if text in ("limited", "elsewhere") and text not in once:
            return TAKEN
        once.discard(text)
        return quoting_telegram(received)

    run = start(quoting_model, telegram)
    texts = ["forbidden", "long", "interrupted", "limited", "reason", "no text", "odd", "elsewhere"]
    texts += ["error", "long error", "failing", "unknown", "refusal", "answer", "json answer"]
    landing = Landing(tmp_path / "landing", 42)
    Intake(run.api, landing, poll_seconds=0.0, conflict_patience=1.0, report=run.recorder.report).poll()
    run.recorder.set(bot_username=run.api.get_me().username)
    replies = run.finish(*(accepted(text, chat_id=seq, seq=seq) for seq, text in enumerate(texts, 1)), within=30.0)
    run.recorder.save()

    found = dict(zip(texts, replies, strict=True))
    assert {text: reply.stage for text, reply in found.items() if reply.stage != "sent"} == {
        **dict.fromkeys(["forbidden", "long", "reason", "no text", "odd"], "dead"),
        "interrupted": "unknown",
    }
    assert found["answer"].answer is not None
    assert found["answer"].answer.text.startswith("You sent /bot<credential>/x <credential> <credential> Bearer <")
    files = [path for path in tmp_path.rglob("*") if path.is_file()]
    assert {path.relative_to(tmp_path).parts[0] for path in files} >= {"journal", "landing", "record.json"}
    said = capfd.readouterr()
    places = {str(path): path.read_bytes() for path in files} | {"log": (said.out + said.err).encode()}
    assert b"forbidden" in places["log"].lower()
    for secret in (TOKEN.partition(":")[2], KEY, quote(KEY, safe="")):
        for place, content in places.items():
            for part in (secret, json.dumps(secret)[1:-1]):
                assert part[:20].encode() not in content, f"{place} has {part}"


# Drafts


def written(content: str, pause: float = 0.01, size: int = 4) -> Callable[[Received], Iterator[bytes]]:
    """A model that writes a content piece by piece."""

    def respond(_: Received) -> Iterator[bytes]:
        yield b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nConnection: close\r\n\r\n"
        for at in range(0, len(content), size):
            chunk = {"choices": [{"index": 0, "delta": {"content": content[at : at + size]}, "finish_reason": None}]}
            yield b"data: " + json.dumps(chunk).encode() + b"\n\n"
            time.sleep(pause)
        yield b"data: [DONE]\n\n"

    return respond


STORY = json.dumps({"answer": "Once upon a time there was a bot. " * 6})


def drafts_of(run: Run) -> list[str]:
    return [each.body["text"] for each in run.telegram.received if each.path.endswith("/sendMessageDraft")]


def test_a_draft_never_comes_after_its_reply_nor_beside_it(start: Start) -> None:
    steps: list[str] = []

    def telegram(received: Received) -> bytes:
        method = received.path.rpartition("/")[2]
        steps.append(method)
        if method == "sendMessageDraft":
            time.sleep(0.2)
            steps.append("drafted")
        return TAKEN

    run = start(written(STORY, pause=0.02), telegram, drafts=True)
    for seq in range(1, 5):
        (reply,) = run.finish(accepted("hi", chat_id=seq, seq=seq))
        assert reply.stage == "sent"
        until = steps.index("sendMessage")
        assert steps[:until].count("sendMessageDraft") == steps[:until].count("drafted") >= 1
        assert "sendMessageDraft" not in steps[until:]
        assert set(steps[until:]) <= {"sendMessage", "sendChatAction"}
        steps.clear()


def test_a_draft_that_hangs_delays_its_reply_by_a_moment_only(start: Start) -> None:
    def telegram(received: Received) -> bytes:
        return HANG if received.path.endswith("/sendMessageDraft") else TAKEN

    run = start(written(STORY), telegram, drafts=True)
    began = time.monotonic()
    (reply,) = run.finish(accepted("hi"))
    assert reply.stage == "sent"
    assert time.monotonic() - began < 4
    assert len(drafts_of(run)) == 1


def test_no_part_of_a_key_that_a_model_writes_is_ever_shown(start: Start) -> None:
    content = json.dumps({"answer": f"my key is {KEY}, and that is all that I have to say about it"})
    run = start(written(content, pause=0.06, size=2), drafts=True)
    run.finish(accepted("hi"))
    shown = [*drafts_of(run), *run.texts()]
    assert len(shown) > 2
    assert not any(KEY[:4] in text for text in shown)
    assert "<credential>" in run.texts()[0]


def test_a_stopped_answer_is_sent_as_far_as_it_was_written(start: Start) -> None:
    run = start(written(STORY * 100, pause=0.02), drafts=True)
    reply = accepted("hi", chat_id=7, seq=1)
    run.accept(reply)
    eventually(lambda: drafts_of(run))
    run.lanes.stop_writing(7, 101)
    assert wait_for_replies(run.lanes, [reply.key], 10)
    found = read_journal(run.folder / "journal").replies[reply.key]
    assert found.answer is not None
    assert (found.stage, found.answer.status, found.answer.reason) == (
        "sent",
        "answered",
        "stopped by the person who asked",
    )
    assert found.answer.text.startswith(drafts_of(run)[-1])
    assert run.texts() == [found.answer.text]


def test_an_answer_in_html_is_shown_without_its_marks(start: Start) -> None:
    content = json.dumps({"answer": "<b>Once</b> upon <i>a time</i> there was &amp; is a bot, and " + "so on " * 20})
    run = start(written(content, pause=0.04), drafts=True, answer_format="html")
    run.finish(accepted("hi"))
    assert len(drafts_of(run)) > 1
    assert all("Once upon a time there was & is a bot, and so on".startswith(text[:40]) for text in drafts_of(run))

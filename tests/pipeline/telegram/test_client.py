"""The Bot API client over real HTTP on loopback."""

import contextlib
import json
import math
import socket
import threading
import time
import traceback
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from pydantic import SecretStr

from pipeline.platform.credentials import Credential, CredentialError
from pipeline.telegram.bot import Bot
from pipeline.telegram.client import BotApi, BotApiError, Interrupted, Refused, Unreachable
from tests.support.wire import CLOSE, HANG, Received, Respond, Wire, ok, refusal, response, wired

TOKEN, ROTATED = "42:" + "x" * 35, "42:" + "y" * 35
ME = ok({"id": 42, "is_bot": True, "username": "our_bot"})


def client(url: str, *tokens: str, timeout: float = 5.0) -> BotApi:
    """A client whose token is resolved to one of `tokens` after the other; the last one stays."""
    given = iter(tokens)
    last = (tokens or (TOKEN,))[-1]
    return BotApi(url, Credential(lambda: SecretStr(next(given, last))), timeout)


def send(api: BotApi) -> int:
    return api.send_message(7, "hello", reply_to=3, topic_id=None, html=False)


def fault(url: str, **more: Any) -> BotApiError:
    with pytest.raises(BotApiError) as caught:
        send(client(url, **more))
    return caught.value


def wire_fault(*responses: Respond, **more: Any) -> BotApiError:
    with wired(*responses) as wire:
        return fault(wire.url, **more)


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port: int = listener.getsockname()[1]
        return port


@pytest.fixture
def wire() -> Iterator[Wire]:
    with wired(ME) as wire:
        yield wire


# Requests


def test_get_me_names_the_bot(wire: Wire) -> None:
    assert client(wire.url + "/").get_me() == Bot(42, "our_bot")
    assert wire.received == [Received(f"/bot{TOKEN}/getMe", {})]


@pytest.mark.parametrize(("info", "address"), [({"url": ""}, ""), ({}, ""), ({"url": "https://x/y"}, "https://x/y")])
def test_a_webhook_is_known_by_its_address(wire: Wire, info: dict[str, str], address: str) -> None:
    wire.responses[0] = ok(info)
    assert client(wire.url).webhook() == address
    assert wire.received == [Received(f"/bot{TOKEN}/getWebhookInfo", {})]


def test_a_webhook_info_that_is_not_an_object_is_interrupted(wire: Wire) -> None:
    wire.responses[0] = ok([])
    with pytest.raises(Interrupted):
        client(wire.url).webhook()


@pytest.mark.parametrize(
    ("offset", "expected"),
    [(None, {}), (0, {"offset": 0}), (12, {"offset": 12})],
)
def test_a_poll_passes_every_kind_and_the_offset_if_there_is_one(
    wire: Wire, offset: int | None, expected: dict[str, int]
) -> None:
    wire.responses[0] = ok([{"update_id": 1}])
    assert client(wire.url).get_updates(offset, 0.9, ("message", "poll")) == [{"update_id": 1}]
    assert wire.received == [
        Received(
            f"/bot{TOKEN}/getUpdates", {"timeout": 0, "limit": 100, "allowed_updates": ["message", "poll"], **expected}
        )
    ]


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        ({"reply_to": None, "topic_id": None, "html": False}, {}),
        (
            {"reply_to": 3, "topic_id": 9, "html": True},
            {
                "reply_parameters": {"message_id": 3, "allow_sending_without_reply": True},
                "message_thread_id": 9,
                "parse_mode": "HTML",
            },
        ),
    ],
)
def test_a_message_is_sent_to_its_chat_and_topic_and_replies_to_the_question(
    wire: Wire, arguments: dict[str, Any], expected: dict[str, Any]
) -> None:
    wire.responses[0] = ok({"message_id": 77})
    assert client(wire.url).send_message(-5, "hello", **arguments) == 77
    body = {"chat_id": -5, "text": "hello", "link_preview_options": {"is_disabled": True}, **expected}
    assert wire.received == [Received(f"/bot{TOKEN}/sendMessage", body)]


def test_buttons_are_one_row_under_a_message(wire: Wire) -> None:
    wire.responses[0] = ok({"message_id": 77})
    client(wire.url).send_message(5, "hi", reply_to=None, topic_id=None, html=False, buttons={"A": "a:1", "B": "b:2"})
    row = [{"text": "A", "callback_data": "a:1"}, {"text": "B", "callback_data": "b:2"}]
    assert wire.received[0].body["reply_markup"] == {"inline_keyboard": [row]}


@pytest.mark.parametrize(("text", "expected"), [("Thanks!", {"text": "Thanks!"}), ("", {})])
def test_a_press_is_answered_with_a_text_or_without(wire: Wire, text: str, expected: dict[str, str]) -> None:
    wire.responses[0] = ok(True)
    client(wire.url).answer_press("17", text)
    assert wire.received == [Received(f"/bot{TOKEN}/answerCallbackQuery", {"callback_query_id": "17", **expected})]


@pytest.mark.parametrize(("topic", "expected"), [(None, {}), (9, {"message_thread_id": 9})])
def test_typing_is_sent_to_its_chat_and_topic(wire: Wire, topic: int | None, expected: dict[str, int]) -> None:
    client(wire.url).send_typing(-5, topic)
    assert wire.received == [Received(f"/bot{TOKEN}/sendChatAction", {"chat_id": -5, "action": "typing", **expected})]


@pytest.mark.parametrize(("language", "expected"), [("", {}), ("de", {"language_code": "de"})])
def test_the_menu_of_a_language_is_read_and_replaced(wire: Wire, language: str, expected: dict[str, str]) -> None:
    listed = [{"command": "start", "description": "Begin"}, {"command": "help", "description": "Help"}]
    wire.responses = deque([ok(listed), ok(True)])
    api = client(wire.url)
    assert api.commands(language) == {"start": "Begin", "help": "Help"}
    api.set_commands(language, {"start": "Begin", "help": "Help"})
    assert wire.received == [
        Received(f"/bot{TOKEN}/getMyCommands", expected),
        Received(f"/bot{TOKEN}/setMyCommands", {"commands": listed, **expected}),
    ]


@pytest.mark.parametrize("menu", [5, None, ["start"], [{"command": "start"}], {"start": "Begin"}])
def test_a_menu_that_is_no_list_of_commands_is_interrupted(wire: Wire, menu: Any) -> None:
    wire.responses[0] = ok(menu)
    with pytest.raises(Interrupted, match="without a list of commands"):
        client(wire.url).commands("de")


# Requests that never left


def test_a_refused_connection_is_unreachable() -> None:
    error = fault(f"http://127.0.0.1:{free_port()}")
    assert isinstance(error, Unreachable)
    assert str(error) == "connection refused or not possible"


def test_an_unknown_host_is_unreachable(monkeypatch: pytest.MonkeyPatch) -> None:
    def unknown(*_: Any, **__: Any) -> None:
        raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")

    monkeypatch.setattr(socket, "getaddrinfo", unknown)
    error = fault("http://telegram.invalid")
    assert isinstance(error, Unreachable)
    assert str(error) == "the host's name is unknown"


def test_no_connection_in_time_is_unreachable(monkeypatch: pytest.MonkeyPatch) -> None:
    def late(*_: Any, **__: Any) -> None:
        raise TimeoutError("timed out")

    monkeypatch.setattr("urllib3.util.connection.create_connection", late)
    assert isinstance(fault("http://127.0.0.1:9"), Unreachable)


@contextmanager
def tls_server(answer: bytes) -> Iterator[str]:
    """A server that reads the first bytes of a TLS handshake, sends `answer`, and closes."""

    def serve_one() -> None:
        with contextlib.suppress(OSError):
            connection, _ = listener.accept()
            with connection:
                connection.recv(65536)
                connection.sendall(answer)

    with socket.create_server(("127.0.0.1", 0)) as listener:
        thread = threading.Thread(target=serve_one, daemon=True)
        thread.start()
        yield f"https://127.0.0.1:{listener.getsockname()[1]}"
    thread.join(5)


@pytest.mark.parametrize("answer", [response("400 Bad Request", "speak plainly"), b""], ids=["plain text", "cut off"])
def test_a_request_that_fails_in_the_tls_handshake_never_left(answer: bytes) -> None:
    with tls_server(answer) as url:
        assert isinstance(fault(url), Unreachable)


def test_a_redirect_is_not_followed_and_is_unreachable(wire: Wire) -> None:
    wire.responses[0] = response("302 Found", "", f"Location: {wire.url}/elsewhere")
    assert isinstance(fault(wire.url), Unreachable)
    assert len(wire.received) == 1


# Requests of unknown outcome


@pytest.mark.parametrize(
    "respond",
    [
        CLOSE,
        b"HTTP/1.1 200 OK\r\n",
        b"no HTTP at all\r\n\r\n",
        response("200 OK", '{"ok": tr', length=500),
        response("200 OK", ""),
        response("200 OK", "<html>welcome</html>"),
        response("200 OK", "[]"),
        response("200 OK", b"\xff\xfe\x00"),
        response("200 OK", '{"ok": true}'),
        response("200 OK", '{"ok": "yes", "result": {"message_id": 1}}'),
        response("502 Bad Gateway", "<html>bad gateway</html>"),
        response("500 Internal Server Error", '{"ok": false, "error_code": 500, "description": "Internal"}'),
        response("504 Gateway Timeout", ""),
        refusal(502, "Bad Gateway"),
        ok(True),
        ok({"message_id": None}),
        ok({"message_id": "x"}),
        ok({"message_id": True}),
        ok({"message_id": 10**30}),
        ok({"message_id": math.inf}),
        ok({"message_id": 1.5}),
        ok([]),
    ],
)
def test_a_request_without_a_valid_response_is_interrupted(respond: bytes) -> None:
    with wired(respond) as wire:
        assert isinstance(fault(wire.url), Interrupted)
        assert len(wire.received) == 1, "a request of unknown outcome must not be repeated by the client"


def test_no_response_in_time_is_interrupted() -> None:
    error = wire_fault(HANG, timeout=0.1)
    assert isinstance(error, Interrupted)
    assert str(error) == "no response in time"


def test_a_connection_that_was_closed_while_idle_is_replaced(wire: Wire) -> None:
    wire.responses = type(wire.responses)([ok({"message_id": 1}), ok({"message_id": 2})])
    api = client(wire.url)
    assert [send(api), send(api)] == [1, 2]


@pytest.mark.parametrize(
    "result", [{"id": 42}, {"username": "x"}, {"id": "x", "username": "x"}, {"id": 10**30, "username": "x"}, [], True]
)
def test_a_get_me_without_id_or_name_is_interrupted(wire: Wire, result: Any) -> None:
    wire.responses[0] = ok(result)
    with pytest.raises(Interrupted):
        client(wire.url).get_me()


def test_updates_that_are_not_a_list_are_interrupted(wire: Wire) -> None:
    wire.responses[0] = ok({"update_id": 1})
    with pytest.raises(Interrupted):
        client(wire.url).get_updates(None, 0, ())


# Requests that Telegram refused


@pytest.mark.parametrize(
    ("respond", "code", "description", "retry_after", "migrated"),
    [
        (refusal(400, "Bad Request: chat not found"), 400, "Bad Request: chat not found", None, None),
        (refusal(403, "Forbidden: bot was blocked"), 403, "Forbidden: bot was blocked", None, None),
        (refusal(409, "Conflict: webhook"), 409, "Conflict: webhook", None, None),
        (refusal(429, "Too Many Requests", retry_after=7), 429, "Too Many Requests", 7.0, None),
        (refusal(429, "Too Many Requests", retry_after="soon"), 429, "Too Many Requests", None, None),
        (refusal(429, "Too Many Requests", retry_after=math.nan), 429, "Too Many Requests", None, None),
        (refusal(429, "Too Many Requests", retry_after=math.inf), 429, "Too Many Requests", None, None),
        (refusal(429, "Too Many Requests", retry_after=10**11), 429, "Too Many Requests", None, None),
        (refusal(429, "Too Many Requests", retry_after=True), 429, "Too Many Requests", None, None),
        (refusal(429, "Too Many Requests", retry_after=7200), 429, "Too Many Requests", 3600.0, None),
        (response("429 Too Many Requests", "slow", "Retry-After: 3"), 429, "Too Many Requests", 3.0, None),
        (refusal(400, "upgraded", migrate_to_chat_id=-1007), 400, "upgraded", None, -1007),
        (refusal(400, "upgraded", migrate_to_chat_id="x"), 400, "upgraded", None, None),
        (refusal(400, "upgraded", migrate_to_chat_id=True), 400, "upgraded", None, None),
        (refusal(400, "upgraded", migrate_to_chat_id=-(10**30)), 400, "upgraded", None, None),
        (response("200 OK", '{"ok":false,"error_code":400,"description":"x","parameters":7}'), 400, "x", None, None),
        (response("403 No", '{"ok":false,"error_code":true,"description":"x"}'), 403, "x", None, None),
        (response("403 No", '{"ok":false,"error_code":99999,"description":"x"}'), 403, "x", None, None),
        (response("403 No", '{"ok":false,"error_code":-1,"description":"x"}'), 403, "x", None, None),
        (response("403 No", '{"ok":false,"description":7}'), 403, "7", None, None),
        (response("403 No", '{"ok":false,"description":"a\\u0000 \\ud83d"}'), 403, "a �", None, None),
    ],
)  # fmt: skip
def test_a_definite_refusal_is_refused(
    respond: bytes, code: int, description: str, retry_after: float | None, migrated: int | None
) -> None:
    error = wire_fault(respond)
    assert isinstance(error, Refused)
    assert (error.code, error.description) == (code, description)
    assert (error.retry_after, error.migrate_to_chat_id, error.token_rejected) == (retry_after, migrated, False)
    assert str(error) == f"{code} {description}"


@pytest.mark.parametrize(
    ("respond", "rejected"),
    [
        (refusal(401, "Unauthorized"), True),
        (refusal(404, "Not Found"), True),
        (refusal(404, "Not Found: method not found"), False),
    ],
)
def test_a_rejected_token_is_distinguished_from_other_refusals(respond: bytes, rejected: bool) -> None:
    error = wire_fault(respond)
    assert isinstance(error, Refused)
    assert error.token_rejected is rejected


# The token


def by_token(received: Received) -> bytes:
    return ok({"message_id": 5}) if ROTATED in received.path else refusal(401, "Unauthorized")


def test_a_rotated_token_is_used_at_once(wire: Wire) -> None:
    wire.responses[0] = by_token
    api = client(wire.url, TOKEN, ROTATED)
    assert [send(api), send(api)] == [5, 5]
    assert [received.path.split("/")[1] for received in wire.received] == [f"bot{t}" for t in (TOKEN, ROTATED, ROTATED)]


def test_a_rejected_token_that_stays_the_same_is_not_tried_again(wire: Wire) -> None:
    wire.responses[0] = by_token
    assert isinstance(fault(wire.url), Refused)
    assert len(wire.received) == 1


def test_a_rotation_between_two_threads_is_seen_by_both(wire: Wire) -> None:
    wire.responses[0] = by_token
    api = client(wire.url, TOKEN, ROTATED)
    sent: list[int] = []
    threads = [threading.Thread(target=lambda: sent.append(send(api))) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(5)
    assert sent == [5] * 8


def test_a_token_that_cannot_be_resolved_again_leaves_the_refusal_as_it_was(wire: Wire) -> None:
    given = iter([SecretStr(TOKEN)])

    def resolve() -> SecretStr:
        try:
            return next(given)
        except StopIteration:
            raise CredentialError("gone") from None

    wire.responses[0] = by_token
    with pytest.raises(Refused) as caught:
        send(BotApi(wire.url, Credential(resolve), 5))
    assert caught.value.code == 401


def faults() -> Iterator[BotApiError]:
    yield fault(f"http://127.0.0.1:{free_port()}")
    yield fault("not an address")
    for respond in (CLOSE, response("200 OK", "{"), refusal(401, "Unauthorized"), refusal(500, "Internal"), HANG):
        yield wire_fault(respond, timeout=0.1)
    with tls_server(b"") as url:
        yield fault(url)


def test_no_error_shows_the_token() -> None:
    for error in faults():
        shown = f"{error} {error!r} {error.args} {vars(error)} " + "".join(traceback.format_exception(error))
        assert TOKEN not in shown


def test_no_error_carries_one_that_holds_the_token() -> None:
    """`from None` hides a context from a printed traceback, not from a tool that reports exceptions."""
    for error in faults():
        carried = error.__cause__ or error.__context__
        while carried is not None:
            assert TOKEN not in f"{carried} {carried!r}", f"a {type(carried).__name__} below {error!r} has the token"
            carried = carried.__cause__ or carried.__context__


def test_what_telegram_says_is_short_and_shows_no_token(wire: Wire) -> None:
    wire.responses = deque(
        [
            ok({"id": 42, "username": f"{TOKEN} " + "z" * 10_000}),
            ok({"url": f"https://x/{TOKEN}"}),
            ok([{"update_id": 1, "message": {"text": f"/bot{TOKEN}/"}}]),
            refusal(400, "y" * 10_000),
        ]
    )
    api = client(wire.url)
    assert api.get_me() == Bot(42, "<credential> " + "z" * 87)
    assert api.webhook() == "https://x/<credential>"
    assert api.get_updates(None, 0, ()) == [{"update_id": 1, "message": {"text": "/bot<credential>/"}}]
    with pytest.raises(Refused) as caught:
        send(api)
    assert caught.value.description == "y" * 300


# Long polls and connections


def test_a_long_poll_may_take_its_wait_in_addition_to_the_timeout(wire: Wire) -> None:
    def later(_: Received) -> bytes:
        time.sleep(0.3)
        return ok([])

    wire.responses[0] = later
    assert client(wire.url, timeout=0.1).get_updates(None, 1, ()) == []


def test_threads_do_not_wait_for_one_another(wire: Wire) -> None:
    together = threading.Barrier(6, timeout=5)

    def once_all_are_there(received: Received) -> bytes:
        together.wait()
        return ok({"message_id": received.body["chat_id"]})

    wire.responses[0] = once_all_are_there
    api = client(wire.url)
    sent: list[int] = []

    def send_to(chat_id: int) -> Callable[[], None]:
        return lambda: sent.append(api.send_message(chat_id, "x", reply_to=None, topic_id=None, html=False))

    threads = [threading.Thread(target=send_to(chat_id)) for chat_id in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(5)
    assert sorted(sent) == list(range(6))


def test_any_character_of_a_text_arrives_unchanged(wire: Wire) -> None:
    wire.responses[0] = ok({"message_id": 1})
    text = '🎉\u2028\0"\\ é漢'
    client(wire.url).send_message(1, text, reply_to=None, topic_id=None, html=False)
    assert json.loads(json.dumps(wire.received[0].body))["text"] == text

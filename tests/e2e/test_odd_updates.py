"""Updates that can't be confirmed or read, beside good ones, from a Bot API that keeps them until confirmed."""

from __future__ import annotations

import json

import pytest

from tests.support import wire
from tests.support.updates import raw_message, raw_update
from tests.support.world import World

pytestmark = pytest.mark.e2e

WITHOUT_ID = '{"message": {"text": "no id"}}'
UNREADABLE = {
    11: '{"update_id": 11, "message": {"date": ' + "9" * 5000 + "}}",
    12: '{"update_id": 12, "message": ' + "[" * 3000 + "]" * 3000 + "}",
    13: '{"update_id": 13, "message": {"location": {"latitude": NaN}}}',
}
READABLE = {
    10: json.dumps(raw_update(10, body=raw_message("first", message_id=1))),
    14: json.dumps(raw_update(14, body=raw_message("year 9999", message_id=2, date=253_402_300_799))),
}


class BotApi:
    """Answers as Telegram does, with the texts of updates as they are."""

    def __init__(self) -> None:
        self.held = UNREADABLE | READABLE
        self.sent: list[str] = []

    def __call__(self, request: wire.Received) -> bytes:
        method = request.path.rsplit("/", 1)[-1]
        if method == "getUpdates":
            offset = request.body.get("offset", 0)
            self.held = {update_id: text for update_id, text in self.held.items() if update_id >= offset}
            texts = [WITHOUT_ID, *(self.held[update_id] for update_id in sorted(self.held))]
            return wire.response("200 OK", '{"ok": true, "result": [' + ", ".join(texts) + "]}")
        if method == "sendMessage":
            self.sent.append(request.body["text"])
            return wire.ok({"message_id": 100 + len(self.sent)})
        return wire.ok({"id": 42, "is_bot": True, "username": "our_bot", "url": ""})


def test_each_odd_update_is_in_quarantine_once_over_two_runs_and_the_good_ones_are_answered(world: World) -> None:
    api = BotApi()
    with wire.wired(api) as served:
        for _ in range(2):
            world.run_once(TELEGRAM_API_URL=served.url)
    assert api.held == {}
    assert sorted(api.sent) == ["echo: first", "echo: year 9999"]
    bronze = sorted(world.table("bronze"), key=lambda row: row["update_id"])
    assert [(row["update_id"], row["date"] is None) for row in bronze] == [(10, False), (14, True)]
    quarantine = [row["raw"] for row in world.table("quarantine")]
    assert len(quarantine) == 4
    assert set(UNREADABLE.values()) <= set(quarantine)
    assert sum('"no id"' in raw for raw in quarantine) == 1

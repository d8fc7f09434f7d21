"""A storage as a run leaves it, for the live page: messages in every state, without Spark."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from pipeline.replies.journal import Journal
from pipeline.settings import StorageSettings
from pipeline.storage.landing import Landing
from pipeline.storage.places import Storage
from pipeline.storage.record import Recorder
from pipeline.tables import BRONZE, FEEDBACK, QUARANTINE, SILVER
from tests.support.delta_rows import append
from tests.support.replies import accepted
from tests.support.updates import raw_message, raw_update

BOT = 42
LONG = "Llanfairpwllgwyngyllgogerychwyrndrobwllllantysiliogogoch" * 12
ARABIC = "ما هي عاصمة فرنسا؟"


class WatchedStorage:
    """Writes what a run would, a message at a time. Times are a few seconds ago."""

    def __init__(self, root: Path) -> None:
        self.places: Storage = StorageSettings(storage=root).places
        self.places.prepare()
        self.places.claim(BOT)
        self.landing = Landing(self.places.landing, BOT)
        self.journal = Journal(self.places.journal)
        self.recorder = Recorder(root)
        self._count = 0

    def serves(self, **problems: str) -> None:
        """The run says that it serves, and what fails."""
        self.recorder.set(state="serving", bot_id=BOT, bot_username="our_bot", batch_id=3)
        for service, reason in problems.items():
            self.recorder.report(service, reason)
        self.recorder.save(always=True)

    def lands(self, text: str = "hi", **message: Any) -> int:
        """A message that is in the landing; its seq."""
        self._count += 1
        body = raw_message(text, message_id=self._count, **message)
        path = self.landing.land([raw_update(self._count, body=body)])
        assert path is not None
        return int(path.name.partition("-")[0])

    def accepts(self, text: str = "hi") -> int:
        """A question that the journal has, and no table yet; its seq."""
        seq = self.lands(text)
        now = datetime.now(UTC)
        self.journal.record(accepted(text, seq=seq, message_id=self._count, update_id=self._count, received_at=now))
        return seq

    def stores(
        self,
        text: str = "hi",
        answer: str = "hello",
        *,
        disposition: str = "answer",
        seq: int | None = None,
        **silver: Any,
    ) -> int:
        """A message whose rows are in bronze and, if it is to be answered, in silver; its seq."""
        if seq is None:
            self._count += 1
            seq = int(datetime.now(UTC).timestamp() * 1e6) - 8_000_000 + self._count
        at = datetime.fromtimestamp(seq / 1e6, UTC)
        identity = {"bot_id": BOT, "update_id": self._count, "seq": seq, "message_id": self._count}
        bronze = {
            "kind": "message", "disposition": disposition, "chat_id": 7, "chat_type": "private", "author_name": "Ada",
            "text": text, "received_at": at, "ingested_at": at + timedelta(seconds=0.2),
            "source_file": f"{seq}-1-1.jsonl", "batch_id": 1, "raw": json.dumps({"update_id": self._count}),
        }  # fmt: skip
        append(BRONZE, Path(self.places.bronze), identity | bronze)
        if disposition == "answer":
            row = {
                "channel_id": 7, "conversation_type": "private", "user_message": text, "llm_response": answer,
                "model_name": "a-model", "answer_status": "answered", "delivery_status": "sent",
                "reply_message_ids": [1000 + self._count], "received_at": at, "asked_at": at + timedelta(seconds=0.3),
                "first_token_at": at + timedelta(seconds=0.5), "answered_at": at + timedelta(seconds=1),
                "delivered_at": at + timedelta(seconds=1.1), "processed_at": at + timedelta(seconds=3), "batch_id": 1,
            }  # fmt: skip
            append(SILVER, Path(self.places.silver), identity | row | silver)
        return seq

    def quarantines(self, reason: str = "message: not an object", raw: str = '{"update": {"message": 42}}') -> None:
        row = {"reason": reason, "raw": raw, "source_file": "5-1-1.jsonl", "ingested_at": datetime.now(UTC)}
        append(QUARANTINE, Path(self.places.quarantine), row)

    def votes(self, vote: str = "up") -> None:
        """A press under the answer of the latest message."""
        row = {
            "bot_id": BOT, "update_id": 9000 + self._count, "seq": 9000 + self._count, "channel_id": 7,
            "message_id": 1000 + self._count, "question_message_id": self._count, "vote": vote,
            "received_at": datetime.now(UTC),
        }  # fmt: skip
        append(FEEDBACK, Path(self.places.feedback), row)

    def warns(self, text: str) -> None:
        line = {"event": text, "level": "warning", "timestamp": datetime.now(UTC).isoformat()}
        with (self.places.root / "pipeline.log").open("a") as log:
            log.write(json.dumps(line) + "\n")


def full(root: Path) -> WatchedStorage:
    """A storage with a message in each state."""
    storage = WatchedStorage(root)
    storage.serves(model="503: busy")
    storage.stores("What is a lakehouse?", "A data lake with the guarantees of a warehouse.")
    storage.votes()
    storage.stores(ARABIC, "باريس هي عاصمة فرنسا.")
    storage.stores(LONG, LONG * 3)
    storage.stores("Did this arrive?", delivery_status="unknown", delivered_at=None, error="no response")
    storage.stores("Rejected", answer_status="fallback", error="the model refused it")
    storage.stores("an edit", disposition="edit")
    storage.quarantines()
    storage.warns("the model fails, reason: 503: busy")
    storage.accepts("Who waits?")
    storage.lands("Just landed")
    return storage

"""Stand-ins for what the stream works on: tables, lanes, and a journal and a landing that record their calls."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Sequence
from pathlib import Path
from typing import Any

from pipeline.conversations.memory import Memory
from pipeline.messages.identity import Identity
from pipeline.messages.origin import Probe, probe_update
from pipeline.messages.question import Question
from pipeline.model.answering import Answering
from pipeline.replies.journal import Journal
from pipeline.replies.reply import Part, PartState, Reply
from pipeline.storage.landing import Landing, injected_file
from pipeline.stream.leftover import Leftover
from pipeline.stream.processor import BatchProcessor
from pipeline.stream.rows import Row
from pipeline.stream.table_writer import Tables, TableWriter
from pipeline.tables import BRONZE, FEEDBACK, QUARANTINE, SILVER, Table
from tests.support.replies import NOON, answer
from tests.support.updates import BOT, raw_message, raw_press, raw_update

Event = tuple[str, Any]


class FakeClock:
    def __init__(self, seconds: float = 1_800_000_000.0) -> None:
        self.seconds = seconds

    def __call__(self) -> float:
        return self.seconds


class FakeTable:
    """A table in memory."""

    def __init__(self, table: Table, events: list[Event]) -> None:
        self.table = table
        self.rows: list[dict[str, Any]] = []
        self.commits = 0
        self.fails_with: Exception | None = None
        """What the next append raises, before anything is appended."""
        self.fails_after: Exception | None = None
        """What the next append raises once it has appended."""
        self._events = events

    def append(self, rows: Sequence[Row]) -> None:
        if not rows:
            return
        self._events.append((f"{self.table.name} append", len(rows)))
        error, self.fails_with = self.fails_with, None
        if error is not None:
            raise error
        self.commits += 1
        self.rows += [dict(zip(self.table.column_names, self.table.ordered(row), strict=True)) for row in rows]
        error, self.fails_after = self.fails_after, None
        if error is not None:
            raise error

    def known(self, identities: Iterable[Identity]) -> set[Identity]:
        wanted = set(identities)
        self._events.append((f"{self.table.name} known", len(wanted)))
        return wanted & {Identity(*(row[name] for name in self.table.identity)) for row in self.rows}

    def ask(self, statement: str) -> list[dict[str, Any]]:
        self._events.append((f"{self.table.name} ask", statement))
        return []

    def known_lines(self, names: Collection[str]) -> set[tuple[str, str]]:
        if names:
            self._events.append((f"{self.table.name} lines", len(names)))
        return {(row["source_file"], row["raw"]) for row in self.rows if row["source_file"] in names}


class FakeTables(Tables):
    bronze: FakeTable
    silver: FakeTable
    quarantine: FakeTable
    feedback: FakeTable

    def __init__(self, events: list[Event]) -> None:
        super().__init__(*(FakeTable(table, events) for table in (BRONZE, SILVER, QUARANTINE, FEEDBACK)))


class FakeLanes:
    """Lanes that answer and deliver when the test says so."""

    def __init__(self, journal: Journal, events: list[Event]) -> None:
        self.accepted: list[str] = []
        """The texts of the questions, in the order in which they came."""
        self.prepared: list[str] = []
        """The same of those that were prepared."""
        self.ahead: list[Answering | None] = []
        """What each acceptance was to be answered by."""
        self.room: Callable[[], bool] = lambda: True
        """Whether there is room; called by each wait for it."""
        self.stopped: list[tuple[int, int]] = []
        self._journal = journal
        self._events = events
        self._open: dict[str, Reply] = {}

    @property
    def open(self) -> int:
        return len(self._open)

    def prepare(self, questions: Iterable[Question]) -> list[Reply]:
        questions = list(questions)
        self.prepared += [question.text for question in questions]
        return [Reply.accepted(question) for question in questions]

    def accept(self, replies: Iterable[Reply], ahead: Answering | None = None) -> None:
        replies = list(replies)
        assert all(self._journal.get(reply.key) is not None for reply in replies), "accepted before it is durable"
        self._events.append(("accept", len(replies)))
        self.ahead.append(ahead)
        self.accepted += [reply.question.text for reply in replies]
        self._open |= {reply.key: reply for reply in replies}

    def stop_writing(self, chat_id: int, draft_id: int) -> None:
        self.stopped.append((chat_id, draft_id))

    def wait_for_room(self, most: int, timeout: float) -> bool:
        return self.room()

    def finish(self) -> None:
        """Answer and deliver whatever is open."""
        sent = (Part(text="hello", state=PartState.SENT, message_id=1),)
        self._journal.record(*(reply.with_answer(answer(), sent) for reply in self._open.values()))
        self._open.clear()


class RecordingJournal(Journal):
    def __init__(self, folder: Path, events: list[Event]) -> None:
        super().__init__(folder)
        self._events = events

    def record(self, *replies: Reply) -> None:
        super().record(*replies)
        if any(reply.answer is None for reply in replies):
            self._events.append(("journal accepted", len(replies)))

    def forget(self, keys: Iterable[str]) -> None:
        keys = list(keys)
        super().forget(keys)
        if keys:
            self._events.append(("journal forget", len(keys)))


class RecordingLanding(Landing):
    """A landing that records which files are finished."""

    def __init__(self, folder: Path, bot_id: int, clock: FakeClock, events: list[Event]) -> None:
        super().__init__(folder, bot_id, clock)
        self._events = events

    def finish(self, names: Iterable[str]) -> None:
        names = sorted(names)
        super().finish(names)
        if names:
            self._events.append(("finish", names))


class StreamWorld:
    """A storage on disk, tables in memory, and the runs over them: micro-batches and rounds of the table writer."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.clock = FakeClock()
        self.events: list[Event] = []
        self.tables = FakeTables(self.events)
        self.committed: list[tuple[int, int]] = []
        self.durable = 0
        """How often the tables were said to be durable."""
        self.update_id = 0
        self.run()

    def run(self, **settings: Any) -> None:
        """Begin a run of the pipeline over the storage: only what is durable is left of the one before."""
        self.clock.seconds += 10
        self.landing = RecordingLanding(self.folder / "landing", BOT.id, self.clock, self.events)
        self.journal = RecordingJournal(self.folder / "journal", self.events)
        self.lanes = FakeLanes(self.journal, self.events)
        self.writer = TableWriter(
            self.tables, self.landing, self.journal, made_durable=self._note_durable, now=self.clock
        )
        allowed = {name: settings[name] for name in ("allowed_chats", "allowed_users") if name in settings}
        self.leftover = Leftover(self.landing, BOT, self.journal, self.tables.silver, self.writer, **allowed)
        self.memory = Memory()
        self.processor = BatchProcessor(
            BOT,
            self.journal,
            self.lanes,
            self.writer,
            self.memory,
            run_began=self.landing.first_seq,
            **{"committed": lambda *batch: self.committed.append(batch), "now": self.clock, **settings},
        )

    def _note_durable(self) -> None:
        self.durable += 1
        self.events.append(("durable", self.durable))

    def land(self, *texts: str, chat_id: int = 7, user_id: int = 99) -> str:
        """Land messages in one file; returns its name."""
        updates = []
        for text in texts:
            self.update_id += 1
            sender = {"id": user_id, "is_bot": False, "first_name": "Ann"}
            body = raw_message(text, chat_id=chat_id, message_id=self.update_id, **{"from": sender})
            updates.append(raw_update(self.update_id, body=body))
        path = self.landing.land(updates)
        assert path is not None
        return path.name

    def press(self, thumb: str) -> str:
        """Land a press under the answer to message 5, in a file of its own; returns its name."""
        self.update_id += 1
        path = self.landing.land([raw_press(self.update_id, f"feedback:1:{thumb}:1:5")])
        assert path is not None
        return path.name

    def photos(self, *captions: str | None, album: str = "a") -> str:
        """Land the photos of an album in one file; returns its name."""
        updates = []
        for caption in captions:
            self.update_id += 1
            body = raw_message(None, message_id=self.update_id, photo=[], caption=caption, media_group_id=album)
            updates.append(raw_update(self.update_id, body=body))
        path = self.landing.land(updates)
        assert path is not None
        return path.name

    def inject(self, *names: str, seconds: float = 0) -> str:
        """Inject a probe for each name, in one file; returns its name."""
        now = NOON.fromtimestamp(self.clock.seconds + seconds, NOON.tzinfo)
        file = injected_file([(Probe(id=name), probe_update(name, NOON)) for name in names], BOT.id, now)
        (self.folder / "landing" / file.name).write_bytes(file.content)
        return file.name

    def write(self, name: str, text: str) -> str:
        """Put a file into the landing; returns its name."""
        (self.folder / "landing" / name).write_text(text)
        return name

    def process(self, *files: str, batch_id: int = 0) -> None:
        """Let a micro-batch of these files be called. One that has left the landing is missing from it."""
        lines = [(line, name) for name in files for line in self.landing.read(name) or []]
        self.processor.process(lines, self.tables.silver, batch_id)

    def answer(self) -> None:
        """Let all open replies end, and a round be written."""
        self.lanes.finish()
        self.writer.write()

    def silver(self) -> list[str]:
        return [row["user_message"] for row in self.tables.silver.rows]

    def bronze(self) -> list[str | None]:
        return [row["text"] for row in self.tables.bronze.rows]

    def votes(self) -> list[str]:
        return [row["vote"] for row in self.tables.feedback.rows]

    def quarantine(self) -> list[str]:
        return [row["raw"] for row in self.tables.quarantine.rows]

    def steps(self) -> list[str]:
        """The names of the events so far, which are then forgotten."""
        names = [name for name, _ in self.events]
        self.events.clear()
        return names

    @property
    def waiting(self) -> set[str]:
        return {path.name for path in self.landing.waiting()}

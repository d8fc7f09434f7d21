"""A storage as it is after a million messages, and how long a start on it takes.

`python -m scripts.benches.programs.large_storage --messages 1000000`. The storage is begun by a run, which creates
tables, checkpoint and record; what months of use would add is then written as the product leaves it:

- bronze and silver: rows in files as a compaction makes them, the latest appends as small files, a log of the commits
  that are kept, and in it the files that compactions of the last hour replaced (these are named only, and not there);
- the landing: 48 hours of finished files at ten messages a second, in packs, and those of the last hour unpacked;
- the checkpoint: a log of files that were read, just below the size at which it is replaced.

The rows are short, so a table of long messages has more files; the number of commits does not depend on it.
"""

from __future__ import annotations

import json
import tempfile
import time
import zipfile
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, NamedTuple

import typer

from pipeline.storage.done import DONE
from pipeline.storage.record import read_record
from pipeline.tables import BRONZE, SILVER, Table
from pipeline.terminal import say
from scripts.benches.contenders import OURS
from scripts.benches.stage import Latency, Stage, stage

if TYPE_CHECKING:
    import pyarrow

_BOT = 42
_ROWS_IN_LARGE_FILE = 50_000
_ROWS_IN_SMALL_FILE = 30
"""Ten messages a second, one append in three seconds."""
_LINES_IN_MEMBER = 100
_TIMES = ("received_at", "ingested_at", "date", "answered_at", "delivered_at", "processed_at")


class Size(NamedTuple):
    """How much a storage has."""

    messages: int = 1_000_000
    commits: int = 1200
    """Commits in the log of a table: those that are kept, and some until the next checkpoint."""
    small_files: int = 200
    """Appends since the last compaction."""
    replaced: int = 1_200
    """Files that compactions of the last hour replaced: the log names them as long."""
    done_hours: int = 48
    done_per_hour: int = 36_000
    files_read: int = 50_000
    """Files in the checkpoint's log."""


def build(storage: Path, size: Size, now: float) -> None:
    """Add to a storage, which a run has begun, what so many messages leave. No run may be under way."""
    _add_rows(storage / BRONZE.name, BRONZE, size, now)
    _add_rows(storage / SILVER.name, SILVER, size, now)
    _add_done(storage / "landing", size, now)
    _add_files_read(storage, size.files_read)


def _add_rows(place: Path, table: Table, size: Size, now: float) -> None:
    from deltalake import DeltaTable, PostCommitHookProperties, write_deltalake

    # Spark makes a checkpoint at every tenth commit; one at the end of each part stands for them here.
    hooks = PostCommitHookProperties(create_checkpoint=False, cleanup_expired_logs=False)
    found = DeltaTable(place)
    schema = found.to_pyarrow_table().schema

    def append(first: int, count: int) -> int:
        rows = _rows(table, schema, range(first, first + count), now)
        write_deltalake(found, rows, mode="append", post_commithook_properties=hooks)
        return first + count

    compacted = max(0, size.commits - size.small_files)
    in_small_files = min(size.messages, size.commits * _ROWS_IN_SMALL_FILE)
    small = max(1, in_small_files // max(1, size.commits))
    done = 0
    while done < size.messages - in_small_files:
        done = append(done, min(_ROWS_IN_LARGE_FILE, size.messages - in_small_files - done))
    for _ in range(compacted):
        done = append(done, small)
    found.optimize.compact(target_size=16 * 2**20, post_commithook_properties=hooks)
    _add_replaced(place, size.replaced)
    found.update_incremental()
    found.create_checkpoint()
    for _ in range(size.small_files):
        done = append(done, small)
    if done < size.messages:
        append(done, size.messages - done)


def _rows(table: Table, schema: pyarrow.Schema, numbers: range, now: float) -> pyarrow.Table:
    import pyarrow as pa

    began = datetime.fromtimestamp(now, UTC) - timedelta(days=30)
    at = [began + timedelta(milliseconds=100 * n) for n in numbers]
    seqs = [int(now * 1e6) - 30 * 86_400_000_000 + 100_000 * n for n in numbers]
    values: dict[str, Callable[[], list[Any]]] = {
        "bot_id": lambda: [_BOT] * len(numbers),
        "update_id": lambda: [1 + n for n in numbers],
        "seq": lambda: seqs,
        "message_id": lambda: [1 + n for n in numbers],
        "chat_id": lambda: [1 + n % 1000 for n in numbers],
        "channel_id": lambda: [1 + n % 1000 for n in numbers],
        "raw": lambda: [json.dumps(_update(n)) for n in numbers],
        "text": lambda: [_text(n) for n in numbers],
        "user_message": lambda: [_text(n) for n in numbers],
        "llm_response": lambda: [f"echo: {_text(n)}" for n in numbers],
        "source_file": lambda: [f"{seq}-{1 + n}-{1 + n}.jsonl" for n, seq in zip(numbers, seqs, strict=True)],
        **dict.fromkeys(_TIMES, lambda: at),
    }
    fixed = {"kind": "message", "disposition": "answer", "answer_status": "answered", "delivery_status": "sent"}
    columns = []
    for name in table.column_names:
        column = values[name]() if name in values else [fixed.get(name)] * len(numbers)
        columns.append(pa.array(column, schema.field(name).type))
    return pa.table(columns, schema=schema)


def _text(number: int) -> str:
    return f"What is the capital of country {number * 7919 % 10_007}, and how many people live there?"


def _update(number: int) -> dict[str, Any]:
    person = {"id": 1 + number % 1000, "first_name": "Ada", "username": f"ada{number % 1000}"}
    message = {
        "message_id": 1 + number,
        "from": {**person, "is_bot": False, "language_code": "en"},
        "chat": {**person, "type": "private"},
        "date": 1_800_000_000 + number // 10,
        "text": _text(number),
    }
    return {"update_id": 1 + number, "message": message}


def _add_replaced(place: Path, count: int) -> None:
    """A commit that removes files, as compactions do: the log names them until an hour has passed."""
    commits = place / "_delta_log"
    version = 1 + max(int(path.stem) for path in commits.glob("*.json") if path.stem.isdigit())
    now = int(time.time() * 1000)
    about = {"timestamp": now, "operation": "OPTIMIZE", "operationParameters": {}}
    lines: list[dict[str, Any]] = [{"commitInfo": about}]
    for number in range(count):
        name = f"part-00000-{number:08d}-0000-0000-0000-000000000000-c000.snappy.parquet"
        removed = {"path": name, "deletionTimestamp": now, "dataChange": False, "extendedFileMetadata": True}
        lines.append({"remove": {**removed, "partitionValues": {}, "size": 12_000}})
    text = "\n".join(json.dumps(line, separators=(",", ":")) for line in lines)
    (commits / f"{version:020d}.json").write_text(f"{text}\n")


def _add_done(landing: Path, size: Size, now: float) -> None:
    """The packs of the hours that are over, as `DoneFiles.pack` writes them, and the files since then."""
    this_hour = int(now // 3600)
    number = 0
    for hour in range(this_hour - size.done_hours, this_hour):
        began = datetime.fromtimestamp(hour * 3600, UTC)
        folder = landing / DONE / began.date().isoformat()
        folder.mkdir(parents=True, exist_ok=True)
        files = list(_landed(hour * 3600, size.done_per_hour, number))
        number += len(files)
        if hour == this_hour - 1:
            for seq, update_id, line in files:
                (folder / f"{seq}-{update_id}-{update_id}.jsonl").write_text(line)
            continue
        with zipfile.ZipFile(folder / f"{began:%Y-%m-%dT%H}.zip", "w", zipfile.ZIP_DEFLATED) as pack:
            for start in range(0, len(files), _LINES_IN_MEMBER):
                some = files[start : start + _LINES_IN_MEMBER]
                name = f"{some[0][0]}-{some[0][1]}-{some[-1][1]}.jsonl"
                pack.writestr(name, "".join(line for _, _, line in some))
            pack.comment = str(files[-1][0]).encode()


def _landed(began: float, count: int, first: int) -> Iterator[tuple[int, int, str]]:
    """(seq, update_id, line) of files that were landed in an hour."""
    for number in range(count):
        seq = int((began + 3600 * number / count) * 1e6)
        received = datetime.fromtimestamp(seq / 1e6, UTC).isoformat()
        envelope = {"seq": seq, "bot_id": _BOT, "received_at": received, "update": _update(first + number)}
        yield seq, first + number + 1, json.dumps(envelope) + "\n"


def _add_files_read(storage: Path, count: int) -> None:
    """Files that the query has read, in the checkpoint's newest log of them."""
    folder = storage / "checkpoints" / "silver" / "sources" / "0"
    logs = [path for path in folder.iterdir() if path.name.removesuffix(".compact").isdigit()]
    newest = max(logs, key=lambda path: int(path.name.removesuffix(".compact")))
    entries = newest.read_text().splitlines()
    entry = json.loads(entries[-1])
    stem = entry["path"].rpartition("/")[0]
    for number in range(count):
        path = f"{stem}/{1_800_000_000_000_000 + number}-{number}-{number}.jsonl"
        entries.append(json.dumps({**entry, "path": path}, separators=(",", ":")))
    newest.write_text("\n".join(entries))
    newest.with_name(f".{newest.name}.crc").unlink(missing_ok=True)


class Start(NamedTuple):
    serving: float
    """Seconds from the start of the process until it serves."""
    answered: float
    """Seconds until the reply to a message that waited at Telegram."""


def measured_start(surroundings: Stage) -> Start:
    """Start on the storage, and end the run once it has replied."""
    before = surroundings.replies
    surroundings.say("are you there?", 7)
    began = time.monotonic()
    surroundings.start()
    while (record := read_record(surroundings.storage)) is None or (record.state, record.pid) != (
        "serving",
        surroundings.require_running(),
    ):
        time.sleep(0.05)
    serving = time.monotonic() - began
    surroundings.wait_for_replies(before + 1)
    answered = time.monotonic() - began
    surroundings.stop()
    return Start(serving, answered)


def main(
    messages: Annotated[int, typer.Option(help="Rows of bronze and of silver.")] = 1_000_000,
    done_hours: Annotated[int, typer.Option(help="Hours of finished files, ten a second.")] = 48,
    starts: Annotated[int, typer.Option(help="How often to start on it.")] = 2,
) -> None:
    size = Size(messages=messages, done_hours=done_hours)
    with tempfile.TemporaryDirectory() as folder, stage(OURS, Path(folder), Latency(0.2)) as surroundings:
        _show("empty storage", measured_start(surroundings))
        began = time.monotonic()
        build(surroundings.storage, size, time.time())
        say(f"built in {time.monotonic() - began:.0f} s: {size}")
        for _ in range(starts):
            _show(f"{messages} messages", measured_start(surroundings))


def _show(storage: str, start: Start) -> None:
    say(f"{storage}: serves after {start.serving:.1f} s, a reply after {start.answered:.1f} s")


if __name__ == "__main__":
    typer.run(main)

"""A power cut: the run is killed, and whatever it wrote and did not sync is empty. The run after it loses nothing."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import pytest

from tests.support.world import World, repeated

pytestmark = pytest.mark.e2e

_RECORD_SYNCS = """
import os
fsync = os.fsync
record = os.open({record!r}, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
def fsync_and_record(opened):
    path, state = os.readlink(f"/proc/self/fd/{{opened}}"), os.fstat(opened)
    fsync(opened)
    os.write(record, f"{{state.st_ino}} {{state.st_mtime_ns}} {{path}}\\n".encode())
os.fsync = fsync_and_record
"""
_DIE_AT = """
import signal
from pipeline.stream.delta import DeltaTable
from pipeline.stream.delta_log import DeltaLog
from pipeline.storage.landing import Landing
append, finish, sync = DeltaTable.append, Landing.finish, DeltaLog.sync
def die(): os.killpg(0, signal.SIGKILL)  # the JVM ends at the same instant
table = []
def append_or_die(self, rows):
    if rows: table[:] = [self.table.name]
    append(self, rows)
    if rows and {moment!r} == "after " + self.table.name: die()
def sync_or_die(self):
    if {moment!r} == "before the sync of " + "".join(table): die()
    sync(self)
def finish_or_die(self, names):
    names = list(names)
    finish(self, names)
    if any("tick" not in name for name in names) and {moment!r} == "after the files are finished": die()
DeltaTable.append, Landing.finish, DeltaLog.sync = append_or_die, finish_or_die, sync_or_die
"""


def _cut_power(storage: Path, record: Path) -> list[str]:
    """Empty every file of a storage that was written after its last sync; which ones."""
    synced = set()
    for line in record.read_text().splitlines():
        inode, modified, _ = line.split(" ", 2)
        synced.add((int(inode), int(modified)))
    emptied = []
    for path in storage.rglob("*"):
        if not path.is_file() or path.is_relative_to(storage / "logs") or path.is_relative_to(storage / "scratch"):
            continue
        state = path.stat()
        # The times of landing files are set after the sync; all of them are written by `write_durably`.
        if path.is_relative_to(storage / "landing") or (state.st_ino, state.st_mtime_ns) in synced:
            continue
        if state.st_size:
            path.write_bytes(b"")
            emptied.append(str(path.relative_to(storage)))
    return emptied


@pytest.mark.timeout(600)  # four runs
@pytest.mark.parametrize(
    "moments",
    [
        ("after the files are finished", "before the sync of bronze", "before the sync of silver"),
        ("after bronze", "after silver"),
    ],
    ids="; ".join,
)
def test_what_was_not_synced_is_emptied_and_no_message_is_lost_or_repeated(
    world: World, tmp_path: Path, moments: Sequence[str]
) -> None:
    record = tmp_path / "synced"
    recording = _RECORD_SYNCS.format(record=str(record))
    texts = []
    for moment in moments:
        texts += world.burst(10, chats=5, text=moment)
        job = world.run(prelude=recording + _DIE_AT.format(moment=moment))
        assert job.wait(150) == -9, job.log
        emptied = _cut_power(world.storage, record)
        assert any(name.startswith("checkpoints/") for name in emptied), "nothing syncs Spark's checkpoint"
    texts += world.burst(3, chats=3, text="later")
    world.run_once()
    assert sorted(row["text"] for row in world.table("bronze")) == sorted(texts)
    assert sorted(row["user_message"] for row in world.table("silver")) == sorted(texts)
    assert not repeated([sent["text"] for sent in world.sent()])
    unknown = {row["user_message"] for row in world.table("silver") if row["delivery_status"] == "unknown"}
    assert set(texts) - {sent["text"].removeprefix("echo: ") for sent in world.sent()} <= unknown

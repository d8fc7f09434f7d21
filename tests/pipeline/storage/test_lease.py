"""A storage has one running pipeline."""

import json
import os
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from pipeline.storage.lease import Lease, LeaseHeld
from tests.support.waiting import eventually

ROOT = Path(__file__).parents[3]


def record(folder: Path) -> dict[str, object]:
    found: dict[str, object] = json.loads((folder / "lease.json").read_text())
    return found


def write_record(folder: Path, **values: object) -> None:
    (folder / "lease.json").write_text(json.dumps({"owner": "other", "host": "far", "pid": 7, **values}))


def test_a_lease_is_held_until_it_is_released(tmp_path: Path) -> None:
    first, second = Lease(tmp_path), Lease(tmp_path)
    first.acquire()
    assert record(tmp_path)["pid"] == os.getpid()
    with pytest.raises(LeaseHeld, match=rf"^PIPELINE_STORAGE .* is in use by process {os.getpid()} on .+: stop that "):
        second.acquire()
    first.release()
    assert not (tmp_path / "lease.json").exists()
    second.acquire()
    second.release()


def test_a_refused_pipeline_takes_nothing_from_the_holder(tmp_path: Path) -> None:
    first, second = Lease(tmp_path), Lease(tmp_path)
    first.acquire()
    before = record(tmp_path)
    with pytest.raises(LeaseHeld):
        second.acquire()
    second.release()
    assert record(tmp_path) == before
    with pytest.raises(LeaseHeld):
        Lease(tmp_path).acquire()
    first.release()


def test_the_lease_of_a_killed_process_is_free_at_once(tmp_path: Path) -> None:
    script = (
        "import os, signal, sys; from pathlib import Path; from pipeline.storage.lease import Lease\n"
        "Lease(Path(sys.argv[1])).acquire(); os.kill(os.getpid(), signal.SIGKILL)"
    )
    killed = subprocess.run([sys.executable, "-c", script, str(tmp_path)], cwd=ROOT, check=False)
    assert killed.returncode == -9
    assert record(tmp_path)["pid"] != os.getpid()
    lease = Lease(tmp_path)
    lease.acquire()
    assert record(tmp_path)["pid"] == os.getpid()
    lease.release()


def test_a_record_that_cannot_be_read_does_not_hide_that_the_storage_is_in_use(tmp_path: Path) -> None:
    first = Lease(tmp_path)
    first.acquire()
    (tmp_path / "lease.json").write_text("{")
    with pytest.raises(LeaseHeld, match="in use by another process"):
        Lease(tmp_path).acquire()
    first.release()


class Volume:
    """A folder that stands for a volume, where only the record decides. Its clock moves when somebody sleeps."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.now = time.time()
        self.on_sleep: Callable[[], None] = lambda: None

    def time(self) -> float:
        return self.now

    monotonic = time

    def sleep(self, seconds: float) -> None:
        self.now += seconds
        self.on_sleep()

    def renewed_by_another(self) -> None:
        write_record(self.folder, renewed_at=self.now)


@pytest.fixture
def volume(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Volume:
    volume = Volume(tmp_path)
    monkeypatch.setattr("pipeline.storage.lease.time", volume)
    monkeypatch.setattr("pipeline.storage.lease.on_volume", lambda _: True)
    return volume


def test_on_a_volume_a_fresh_record_keeps_others_out(volume: Volume) -> None:
    first = Lease(volume.folder)
    first.acquire()
    with pytest.raises(LeaseHeld, match=f"process {os.getpid()} on "):
        Lease(volume.folder).acquire(patience=5.0)
    assert first.lost is False
    first.release()
    assert not (volume.folder / "lease.json").exists()


def test_on_a_volume_a_record_that_nobody_renews_counts_as_abandoned(volume: Volume) -> None:
    write_record(volume.folder, renewed_at=volume.now - 10)
    before = volume.now
    lease = Lease(volume.folder)
    lease.acquire()
    assert record(volume.folder)["pid"] == os.getpid()
    assert volume.now - before >= 50
    lease.release()


def test_on_a_volume_a_record_that_is_renewed_meanwhile_keeps_others_out(volume: Volume) -> None:
    write_record(volume.folder, renewed_at=volume.now - 50)
    volume.on_sleep = volume.renewed_by_another
    with pytest.raises(LeaseHeld, match="process 7 on far"):
        Lease(volume.folder).acquire()
    assert record(volume.folder)["owner"] == "other"


def test_on_a_volume_the_last_to_write_of_two_holds_the_lease(volume: Volume) -> None:
    volume.on_sleep = volume.renewed_by_another
    lease = Lease(volume.folder)
    with pytest.raises(LeaseHeld, match="process 7 on far"):
        lease.acquire()
    lease.release()
    assert record(volume.folder)["owner"] == "other", "another's record is not ours to remove"


def test_a_holder_notices_that_its_lease_was_taken(volume: Volume, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("pipeline.storage.lease._RENEW_EVERY", 0.01)
    lease = Lease(volume.folder)
    lease.acquire()
    lease.check()
    write_record(volume.folder, renewed_at=0)
    eventually(lambda: lease.lost)
    with pytest.raises(LeaseHeld, match=r"^PIPELINE_STORAGE .* was taken over by another pipeline: stop one of them$"):
        lease.check()
    assert record(volume.folder)["owner"] == "other"
    lease.release()

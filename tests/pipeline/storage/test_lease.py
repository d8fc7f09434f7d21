"""A storage has one running pipeline."""

import errno
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
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


@pytest.fixture
def held(volume: Volume, monkeypatch: pytest.MonkeyPatch) -> Iterator[Lease]:
    """A lease of a run whose own renewals the test leaves out: the process was frozen."""
    monkeypatch.setattr("pipeline.storage.lease._RENEW_EVERY", 3600.0)
    lease = Lease(volume.folder)
    lease.acquire()
    yield lease
    lease._released.set()


def test_while_the_record_is_fresh_it_is_not_even_read(volume: Volume, held: Lease) -> None:
    (volume.folder / "lease.json").unlink()
    volume.now += 25
    held.confirm()


@pytest.mark.parametrize("gap", [31.0, 75.0, 3600.0, -3600.0])
def test_a_run_that_wakes_up_after_its_lease_was_taken_is_refused(volume: Volume, held: Lease, gap: float) -> None:
    volume.now += gap
    volume.renewed_by_another()
    for _ in range(2):
        with pytest.raises(LeaseHeld, match="was taken over by another pipeline"):
            held.confirm()
    assert held.lost
    assert record(volume.folder)["owner"] == "other"


def test_a_run_that_wakes_up_after_its_successor_has_finished_is_refused(volume: Volume, held: Lease) -> None:
    volume.now += 75
    (volume.folder / "lease.json").unlink()
    with pytest.raises(LeaseHeld):
        held.confirm()
    assert not (volume.folder / "lease.json").exists()


@pytest.mark.parametrize("gap", [40.0, 75.0])
def test_a_run_whose_lease_nobody_took_renews_it_and_goes_on(volume: Volume, held: Lease, gap: float) -> None:
    volume.now += gap
    held.confirm()
    assert volume.now - float(str(record(volume.folder)["renewed_at"])) <= 1.0


def test_of_two_that_find_a_stale_lease_the_last_to_write_holds_it(volume: Volume, held: Lease) -> None:
    volume.now += 75
    volume.on_sleep = volume.renewed_by_another
    with pytest.raises(LeaseHeld):
        held.confirm()
    assert record(volume.folder)["owner"] == "other"


def test_a_run_that_was_frozen_between_reading_and_writing_its_record_gives_up(
    volume: Volume, held: Lease, monkeypatch: pytest.MonkeyPatch
) -> None:
    write = held._write

    def frozen_before() -> None:
        volume.now += 75
        write()

    monkeypatch.setattr(held, "_write", frozen_before)
    volume.now += 40
    with pytest.raises(LeaseHeld):
        held.confirm()


def frozen_before_writing(lease: Lease, volume: Volume, monkeypatch: pytest.MonkeyPatch, seconds: float) -> None:
    write = lease._write

    def frozen() -> None:
        volume.now += seconds
        write()

    monkeypatch.setattr(lease, "_write", frozen)


@pytest.mark.parametrize(("age", "gap"), [(75.0, 5.0), (50.0, 25.0)])
def test_after_a_freeze_before_its_write_a_run_waits_until_another_would_have_noticed(
    volume: Volume, held: Lease, monkeypatch: pytest.MonkeyPatch, age: float, gap: float
) -> None:
    frozen_before_writing(held, volume, monkeypatch, gap)
    volume.now += age
    before = volume.now
    held.confirm()
    assert volume.now - before >= gap + 30


@pytest.mark.parametrize(("gap", "wait"), [(0.0, 1.0), (5.0, 30.0)])
def test_a_start_that_was_frozen_before_its_write_waits_until_another_would_have_noticed(
    volume: Volume, monkeypatch: pytest.MonkeyPatch, gap: float, wait: float
) -> None:
    lease = Lease(volume.folder)
    frozen_before_writing(lease, volume, monkeypatch, gap)
    before = volume.now
    lease.acquire()
    lease._released.set()
    assert volume.now - before == pytest.approx(gap + wait)


@pytest.mark.parametrize("on_a_volume", [False, True])
def test_after_the_end_of_a_run_a_thread_of_it_is_refused(
    tmp_path: Path, request: pytest.FixtureRequest, on_a_volume: bool
) -> None:
    if on_a_volume:
        request.getfixturevalue("volume")
    lease = Lease(tmp_path)
    lease.acquire()
    lease.confirm()
    lease.release()
    with pytest.raises(LeaseHeld, match=r"^PIPELINE_STORAGE .* was given back: this run has ended$"):
        lease.confirm()


def unreadable(*_: object) -> str:
    raise OSError(5, "Input/output error")


def test_a_record_that_cannot_be_read_confirms_nothing_and_loses_nothing(
    volume: Volume, held: Lease, monkeypatch: pytest.MonkeyPatch
) -> None:
    volume.now += 75
    with monkeypatch.context() as patched:
        patched.setattr(Path, "read_text", unreadable)
        with pytest.raises(OSError, match="Input/output error"):
            held.confirm()
    held.confirm()


def test_the_runs_check_notices_the_same_but_an_outage_of_the_volume_ends_no_run(
    volume: Volume, held: Lease, monkeypatch: pytest.MonkeyPatch
) -> None:
    volume.now += 75
    with monkeypatch.context() as patched:
        patched.setattr(Path, "read_text", unreadable)
        held.check()
    volume.renewed_by_another()
    with pytest.raises(LeaseHeld):
        held.check()


def test_a_record_that_cannot_be_read_is_not_taken_for_a_free_storage(
    volume: Volume, monkeypatch: pytest.MonkeyPatch
) -> None:
    volume.renewed_by_another()
    with monkeypatch.context() as patched:
        patched.setattr(Path, "read_text", unreadable)
        with pytest.raises(OSError, match="Input/output error"):
            Lease(volume.folder).acquire()
    assert record(volume.folder)["owner"] == "other"


def test_a_disk_without_locks_is_not_taken_for_one_that_is_in_use(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def no_locks(*_: object) -> None:
        raise OSError(errno.ENOLCK, "No locks available")

    monkeypatch.setattr("pipeline.storage.lease.fcntl.flock", no_locks)
    with pytest.raises(OSError, match="No locks available"):
        Lease(tmp_path).acquire()


def test_on_a_local_disk_the_lock_confirms(tmp_path: Path) -> None:
    lease = Lease(tmp_path)
    lease.acquire()
    write_record(tmp_path, renewed_at=0)
    lease.confirm()
    lease.release()


FROZEN = """
import os, signal, sys, threading; from pathlib import Path
import pipeline.storage.lease as lease_module
from pipeline.replies.delivery import Sender
from pipeline.replies.journal import Journal
from tests.support.fakes import FakeApi
from tests.support.replies import PartState, answered, part
lease_module.on_volume = lambda _: True
lease_module._RENEW_EVERY, lease_module._FRESH_FOR, lease_module._STALE_AFTER = 0.2, 0.5, 1.0
lease_module._SETTLE = 0.1
root = Path(sys.argv[1])
lease = lease_module.Lease(root)
lease.acquire()
sender = Sender(Journal(root / "journal", lease.confirm), FakeApi(), "hold", threading.Event())
for seq in range(1, 5):
    if seq == 3:
        # Not in the middle of a renewal, whose write would come after the other's: that has tests of its own.
        with lease._renewing:
            os.kill(os.getpid(), signal.SIGSTOP)
    print(sender.send(answered(part("x", PartState.SENDING), seq=seq), 0).effect, flush=True)
"""


def test_a_real_process_that_was_frozen_sends_nothing_after_its_lease_was_taken(tmp_path: Path) -> None:
    command = [sys.executable, "-c", FROZEN, str(tmp_path)]
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True) as frozen:
        assert frozen.stdout is not None
        _, status = os.waitpid(frozen.pid, os.WUNTRACED)
        assert os.WIFSTOPPED(status)
        time.sleep(1.5)
        write_record(tmp_path, renewed_at=time.time())
        before = sorted(path.name for path in (tmp_path / "journal").glob("0*"))
        frozen.send_signal(signal.SIGCONT)
        effects = frozen.stdout.read().splitlines()
        frozen.wait(30)
    assert effects == ["none", "none", "not_recorded", "not_recorded"]
    assert sorted(path.name for path in (tmp_path / "journal").glob("0*")) == before
    assert record(tmp_path)["owner"] == "other"


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

"""Intake against a fake Telegram that really deletes what is confirmed."""

import json
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from pipeline.storage.landing import Landing
from pipeline.storage.lease import LeaseHeld
from pipeline.telegram.client import BotApi, BotApiError, Interrupted, Refused, Unreachable
from pipeline.telegram.intake import Intake, IntakeEnded, Poll, conflict_line, next_offset
from pipeline.telegram.update import KINDS
from tests.support.updates import Json, raw_press, raw_update


class Telegram(BotApi):
    """Holds updates until an offset above them is passed; records those that are deleted but not landed."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.held: list[Any] = []
        self.faults: list[BotApiError] = []
        self.offsets: list[int | None] = []
        self.waits: list[float] = []
        self.lost: list[Any] = []
        self.lose_responses = False

    def get_updates(self, offset: int | None, wait: float, kinds: tuple[str, ...]) -> list[Any]:
        assert kinds == KINDS
        self.offsets.append(offset)
        self.waits.append(wait)
        if self.faults:
            raise self.faults.pop(0)
        confirmed = [update for update in self.held if offset is not None and update["update_id"] < offset]
        self.lost += [update for update in confirmed if update not in landed(self.folder)]
        self.held = [update for update in self.held if update not in confirmed]
        if self.lose_responses:
            raise Interrupted("the connection broke before a response")
        return self.held[:100]


def landed(folder: Path) -> list[Any]:
    files = sorted(folder.rglob("*.jsonl"))
    return [json.loads(line)["update"] for file in files for line in file.read_text().splitlines()]


def updates(*ids: int) -> list[Json]:
    return [raw_update(update_id) for update_id in ids]


class Clock:
    """Seconds that a test moves."""

    def __init__(self) -> None:
        self.seconds = 100.0

    def __call__(self) -> float:
        return self.seconds


class Run:
    """An intake with its landing; records what it reports."""

    def __init__(self, folder: Path, telegram: Telegram, patience: float, clock: Clock) -> None:
        self.reports: list[tuple[str, str | None]] = []
        self.counts: list[int] = []
        self.noticed: list[tuple[Any, bool]] = []
        """Each update that `notice` got, and whether it was durable then."""
        self.landing = Landing(folder, 42)
        self.intake = Intake(
            telegram,
            self.landing,
            poll_seconds=50.0,
            conflict_patience=patience,
            landed=self.counts.append,
            notice=lambda updates: self.noticed.extend((each, each in landed(folder)) for each in updates),
            clock=clock,
            report=lambda service, reason: self.reports.append((service, reason)),
        )

    def attempts(self, count: int) -> list[Poll | None]:
        return [self.intake.attempt(NoWait()) for _ in range(count)]


class NoWait(threading.Event):
    """A stop event that is never set, and on which waiting takes no time."""

    def __init__(self) -> None:
        super().__init__()
        self.waited: list[float | None] = []

    def wait(self, timeout: float | None = None) -> bool:
        self.waited.append(timeout)
        return False


@pytest.fixture
def telegram(tmp_path: Path) -> Telegram:
    return Telegram(tmp_path)


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def start(tmp_path: Path, telegram: Telegram, clock: Clock) -> Callable[..., Run]:
    return lambda patience=60.0: Run(tmp_path, telegram, patience, clock)


Start = Callable[..., Run]


def test_the_first_poll_has_no_offset_and_the_offset_is_dropped_once_all_is_confirmed(
    telegram: Telegram, start: Start
) -> None:
    run = start()
    telegram.held = updates(10, 11)
    assert [run.intake.poll() for _ in range(3)] == [Poll(2, False), Poll(0, True), Poll(0, True)]
    telegram.held = updates(3)  # after a week of silence: a lower number, picked at random
    assert [run.intake.poll() for _ in range(2)] == [Poll(1, False), Poll(0, True)]
    assert telegram.offsets == [None, 12, None, None, 4]
    assert (telegram.held, telegram.lost, run.counts) == ([], [], [2, 1])


def test_what_is_new_is_noticed_once_as_soon_as_it_is_durable(telegram: Telegram, start: Start) -> None:
    run = start()
    telegram.held = [*updates(1), raw_press(2)]
    run.intake.poll()
    run.intake.poll()
    assert run.noticed == [(raw_update(1), True), (raw_press(2), True)]
    telegram.held = [raw_press(2), *updates(3)]
    run = start()
    run.intake.poll()
    assert run.noticed == [(raw_update(3), True)]


def test_everything_is_landed_once_and_nothing_is_confirmed_before_it_is_durable(
    tmp_path: Path, telegram: Telegram, start: Start
) -> None:
    run = start()
    telegram.held = everything = updates(*range(250))
    assert [run.intake.poll().landed for _ in range(4)] == [100, 100, 50, 0]
    assert landed(tmp_path) == everything
    assert telegram.lost == []
    assert telegram.offsets == [None, 100, 200, 250]


def test_after_a_landing_failure_nothing_is_confirmed_and_the_updates_come_again(
    tmp_path: Path, telegram: Telegram, start: Start, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = start()
    telegram.held = updates(10)
    run.intake.poll()
    telegram.held += updates(11)

    def full(_: Path, __: bytes, **___: float) -> None:
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patched:
        patched.setattr("pipeline.storage.landing.write_durably", full)
        with pytest.raises(OSError, match="No space"):
            run.intake.poll()
        assert run.attempts(2) == [None, None]
        assert telegram.held == updates(11)
    assert run.attempts(2) == [Poll(1, False), Poll(0, True)]
    assert telegram.offsets == [None, 11, 11, 11, 11, 12]
    assert (landed(tmp_path), telegram.lost) == (updates(10, 11), [])
    assert run.reports == [("intake", "landing can't be written: No space left on device"), ("intake", None)]


def test_a_lost_response_after_confirmation_loses_nothing(tmp_path: Path, telegram: Telegram, start: Start) -> None:
    run = start()
    telegram.held = updates(10)
    run.intake.poll()
    telegram.lose_responses = True
    assert run.attempts(2) == [None, None]
    telegram.lose_responses = False
    telegram.held = updates(11)
    assert run.attempts(2) == [Poll(1, False), Poll(0, True)]
    assert (landed(tmp_path), telegram.lost) == (updates(10, 11), [])


def test_updates_that_a_former_run_landed_are_recognised_and_confirmed(
    tmp_path: Path, telegram: Telegram, start: Start
) -> None:
    telegram.held = updates(*range(150))
    start().intake.poll()
    run = start()
    telegram.held += updates(150)
    everything = list(telegram.held)
    assert [run.intake.poll() for _ in range(3)] == [Poll(0, False), Poll(51, False), Poll(0, True)]
    assert landed(tmp_path) == everything
    assert (telegram.held, telegram.lost, telegram.offsets) == ([], [], [None, None, 100, 151])


def test_a_restart_that_fails_to_land_still_recognises_later(
    tmp_path: Path, telegram: Telegram, start: Start, monkeypatch: pytest.MonkeyPatch
) -> None:
    telegram.held = updates(1, 2)
    start().intake.poll()
    telegram.held += updates(3)
    run = start()
    with monkeypatch.context() as patched:
        patched.setattr(run.landing, "land", lambda _: (_ for _ in ()).throw(OSError(5, "I/O error")))
        assert run.attempts(1) == [None]
    assert run.attempts(1) == [Poll(1, False)]
    assert landed(tmp_path) == updates(1, 2, 3)


def test_an_empty_poll_does_not_end_the_recognition_of_what_a_former_run_landed(
    tmp_path: Path, telegram: Telegram, start: Start
) -> None:
    telegram.held = updates(1, 2)
    start().intake.poll()
    held, telegram.held = telegram.held, []
    run = start()
    assert run.intake.poll() == Poll(0, True)
    telegram.held = held
    assert [run.intake.poll() for _ in range(2)] == [Poll(0, False), Poll(0, True)]
    assert landed(tmp_path) == updates(1, 2)


ODD = ["odd", {"message": {}}, {"update_id": True}, {"update_id": 1.5}, {"update_id": -3}, {"update_id": "9"}]
ODD += [{"update_id": 2**63}, {"update_id": 10**30}]


class StuckTelegram(Telegram):
    """Delivers updates without a usable id with each poll, since nothing confirms them."""

    def get_updates(self, offset: int | None, wait: float, kinds: tuple[str, ...]) -> list[Any]:
        assert offset is None or offset > 0
        return [*ODD, *super().get_updates(offset, wait, kinds)]


def test_updates_without_a_usable_id_are_landed_once_also_over_restarts_and_hold_nothing_up(tmp_path: Path) -> None:
    telegram = StuckTelegram(tmp_path)
    telegram.held = updates(4)
    run = Run(tmp_path, telegram, 60.0, Clock())
    assert run.attempts(3) == [Poll(9, False), Poll(0, True, True), Poll(0, True, True)]
    run = Run(tmp_path, telegram, 60.0, Clock())
    telegram.held = updates(5)
    assert run.attempts(2) == [Poll(1, False), Poll(0, True, True)]
    assert sorted(map(json.dumps, landed(tmp_path))) == sorted(map(json.dumps, [*ODD, *updates(4, 5)]))
    assert (telegram.held, telegram.lost) == ([], [])


def test_polls_that_bring_only_what_cannot_be_confirmed_are_followed_by_growing_pauses(tmp_path: Path) -> None:
    run, stop = Run(tmp_path, StuckTelegram(tmp_path), 60.0, Clock()), NoWait()
    for _ in range(8):
        run.intake.attempt(stop)
    assert stop.waited == [0.1, 0.2, 0.4, 0.8, 1.6, 2.0, 2.0]


def test_a_server_that_ignores_offsets_makes_no_busy_loop(tmp_path: Path, telegram: Telegram, start: Start) -> None:
    run, stop = start(), NoWait()
    telegram.get_updates = lambda *_: updates(7)  # type: ignore[method-assign]
    polls = [run.intake.attempt(stop) for _ in range(3)]
    assert polls == [Poll(1, False), Poll(0, True, True), Poll(0, True, True)]
    assert landed(tmp_path) == updates(7)
    assert stop.waited == [0.1, 0.2]


def test_a_run_that_lost_its_storage_neither_polls_nor_lands(telegram: Telegram, start: Start) -> None:
    def taken() -> None:
        raise LeaseHeld("taken over")

    run = start()
    telegram.held = updates(1)
    run.intake.poll()
    run.landing.confirm = taken
    with pytest.raises(LeaseHeld):
        run.attempts(1)
    assert telegram.offsets == [None]
    with pytest.raises(LeaseHeld):
        run.landing.land(updates(2))
    with pytest.raises(LeaseHeld):
        run.landing.tick()


@pytest.mark.parametrize(
    ("polled", "before", "after"),
    [
        ([], None, None),
        ([], 5, None),
        (updates(7, 9, 8), None, 10),
        (updates(3), 900, 4),
        (["odd", {"update_id": "9"}, {"update_id": True}, raw_update(4)], None, 5),
        (["odd"], 5, 5),
    ],
)
def test_the_next_offset_confirms_what_came_and_nothing_else(
    polled: list[Any], before: int | None, after: int | None
) -> None:
    assert next_offset(polled, before) == after


CONFLICT = Refused(409, "Conflict: terminated by other getUpdates request")


def test_a_conflict_is_tolerated_for_a_while(telegram: Telegram, start: Start) -> None:
    run = start(60.0)
    telegram.faults = [CONFLICT, CONFLICT]
    telegram.held = updates(1)
    assert run.attempts(3) == [None, None, Poll(1, False)]
    assert run.reports == [("intake", str(CONFLICT)), ("intake", None)]


def test_a_conflict_that_stays_ends_the_intake_in_one_line(telegram: Telegram, start: Start, clock: Clock) -> None:
    run = start(60.0)
    telegram.faults = [CONFLICT] * 3
    assert run.attempts(1) == [None]
    clock.seconds = 159.9
    assert run.attempts(1) == [None]
    clock.seconds = 160.0
    with pytest.raises(IntakeEnded) as caught:
        run.attempts(1)
    assert str(caught.value) == conflict_line(CONFLICT.description)


def test_successful_polls_between_conflicts_do_not_reset_the_patience(
    telegram: Telegram, start: Start, clock: Clock
) -> None:
    """Two pollers that take turns both succeed now and then."""
    run = start(60.0)
    for _ in range(2):
        telegram.faults = [CONFLICT]
        run.attempts(2)
        clock.seconds += 30
    telegram.faults = [CONFLICT]
    with pytest.raises(IntakeEnded):
        run.attempts(1)


def test_a_conflict_long_ago_is_forgotten(telegram: Telegram, start: Start, clock: Clock) -> None:
    run = start(60.0)
    telegram.faults = [CONFLICT]
    run.attempts(1)
    clock.seconds = 161.0
    run.attempts(1)
    telegram.faults = [CONFLICT]
    assert run.attempts(1) == [None]


@pytest.mark.parametrize(
    ("description", "fix"),
    [
        ("Conflict: can't use getUpdates method while webhook is active", "call deleteWebhook first"),
        ("Conflict: terminated by other getUpdates request", "stop it, or use another bot"),
    ],
)
def test_a_conflict_names_its_fix(description: str, fix: str) -> None:
    line = conflict_line(description)
    assert line.startswith("TELEGRAM_BOT_TOKEN: ")
    assert line.endswith(fix)
    assert description in line


@pytest.mark.parametrize(
    ("fault", "waits"),
    [
        (Unreachable("no connection"), [0.5, 1.0, 2.0, 4.0, 8.0, 15.0, 15.0]),
        (Refused(400, "no"), [0.5, 1.0, 2.0, 4.0, 5.0, 5.0, 5.0]),
        (Refused(429, "slow", 3.0), [3.0] * 7),
    ],
)
def test_the_wait_after_a_failure_grows_up_to_a_bound(
    telegram: Telegram, start: Start, fault: BotApiError, waits: list[float]
) -> None:
    run, stop = start(), NoWait()
    telegram.faults = [fault] * 7
    for _ in range(7):
        assert run.intake.attempt(stop) is None
    assert stop.waited == waits
    assert run.reports == [("intake", str(fault))]


def test_it_polls_until_the_stop(telegram: Telegram, start: Start) -> None:
    run, stop = start(), threading.Event()
    telegram.held = updates(1)
    run.intake._landed = lambda _: stop.set()
    run.intake.run(stop)
    assert (telegram.offsets, telegram.waits) == ([None], [50.0])


def test_a_failure_at_the_stop_is_not_reported(telegram: Telegram, start: Start) -> None:
    run, stop = start(0.0), threading.Event()
    stop.set()
    telegram.faults = [CONFLICT]
    assert run.intake.attempt(stop) is None
    assert run.reports == []


def test_the_same_update_without_an_id_twice_in_one_poll_is_landed_once(
    tmp_path: Path, telegram: Telegram, start: Start
) -> None:
    run = start()
    telegram.get_updates = lambda *_: [{}, raw_update(4), {}]  # type: ignore[method-assign]
    assert run.intake.poll() == Poll(2, False)
    assert landed(tmp_path).count({}) == 1


def test_an_update_without_an_id_is_landed_once_although_the_rest_of_its_poll_fails_to_be(
    tmp_path: Path, telegram: Telegram, start: Start, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = start()
    telegram.get_updates = lambda *_: [{}, raw_update(4)]  # type: ignore[method-assign]
    land = run.landing.land

    def full_for_the_good(updates: list[Any]) -> Path | None:
        if raw_update(4) in updates:
            raise OSError(28, "No space left on device")
        return land(updates)

    with monkeypatch.context() as patched:
        patched.setattr(run.landing, "land", full_for_the_good)
        assert run.attempts(1) == [None]
    assert run.attempts(1) == [Poll(1, False)]
    assert sorted(map(str, landed(tmp_path))) == sorted(map(str, [{}, raw_update(4)]))


@pytest.mark.parametrize("finished", [True, False])
def test_two_restarts_in_a_row_with_lost_confirmations_and_an_empty_poll_land_nothing_twice(
    tmp_path: Path, telegram: Telegram, start: Start, finished: bool
) -> None:
    odd = {"update_id": "9", "message": {}}
    polled = [*updates(1, 2), odd]
    for expected in (3, 0, 0):
        run = start()
        telegram.get_updates = lambda *_: []  # type: ignore[method-assign]
        assert run.intake.poll() == Poll(0, True)
        telegram.get_updates = lambda *_: polled  # type: ignore[method-assign]
        assert run.intake.poll().landed == expected
        if finished:
            run.landing.finish([path.name for path in run.landing.waiting()])
    assert len(landed(tmp_path)) == 3


@pytest.mark.parametrize("update_id", [True, 7.0, -1, 2**63 - 1, 2**70, "7", None, [7]])
def test_an_id_that_no_offset_can_express_is_landed_once_over_restarts_and_passes_no_offset(
    tmp_path: Path, telegram: Telegram, start: Start, update_id: object
) -> None:
    telegram.offsets = []

    def polled(offset: int | None, *_: object) -> list[Any]:
        telegram.offsets.append(offset)
        return [{"update_id": update_id, "message": {}}]

    telegram.get_updates = polled  # type: ignore[method-assign, assignment]
    counts = []
    for polls in (1, 1, 2):
        run = start()
        counts += [run.intake.poll().landed for _ in range(polls)]
    assert (counts, set(telegram.offsets)) == ([1, 0, 0, 0], {None})

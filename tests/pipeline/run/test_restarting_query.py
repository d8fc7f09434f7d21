"""The streaming query: when it is restarted, and when it has processed everything."""

from __future__ import annotations

import threading
from collections.abc import Callable

import pytest
from py4j.protocol import Py4JNetworkError

from pipeline.errors import OperatorError, RunFailed
from pipeline.run.restarting_query import RestartingQuery
from tests.support.run_parts import Works


class FakeQuery:
    def __init__(self) -> None:
        self.active: bool | Exception = True
        self.error: BaseException | None = None
        self.on_process: Callable[[], None] = lambda: None
        self.on_stop: Callable[[], None] = lambda: None
        self.processed = 0
        self.stops = 0

    @property
    def isActive(self) -> bool:  # noqa: N802
        if isinstance(self.active, Exception):
            raise self.active
        return self.active

    def exception(self) -> BaseException | None:
        return self.error

    def processAllAvailable(self) -> None:  # noqa: N802
        self.on_process()
        self.processed += 1

    def stop(self) -> None:
        self.stops += 1
        self.on_stop()

    def fail(self, error: BaseException | None = None) -> None:
        self.active, self.error = False, error


class FakeStream:
    """Its queries, in the order of their starts."""

    def __init__(self) -> None:
        self.queries: list[FakeQuery] = []
        self.busy = threading.Event()
        self.begun = 0
        self.processed = 0
        self.callback_failed = False
        self.oversized = False
        self.calls: list[str] = []
        self.begun_anew: list[str] = []
        self.setting_aside_fails_with: OSError | None = None
        self.start_fails_with: Exception | None = None

    def start(self) -> FakeQuery:
        if self.start_fails_with is not None:
            raise self.start_fails_with
        self.calls.append("start")
        self.queries.append(FakeQuery())
        return self.queries[-1]

    def begin_anew(self, reason: str) -> None:
        if self.setting_aside_fails_with is not None:
            raise self.setting_aside_fails_with
        self.begun_anew.append(reason)


class Reports(list[tuple[str, str | None]]):
    def __call__(self, service: str, reason: str | None) -> None:
        self.append((service, reason))


@pytest.fixture
def stream() -> FakeStream:
    return FakeStream()


@pytest.fixture
def reports() -> Reports:
    return Reports()


@pytest.fixture
def query(stream: FakeStream, reports: Reports, works: Works) -> RestartingQuery:
    query = RestartingQuery(stream, reports, start_in_background=works)
    query.start(100.0)
    return query


def _fail(query: RestartingQuery, stream: FakeStream, now: float, error: BaseException | None = None) -> None:
    stream.queries[-1].fail(error)
    query.check(now)


def test_the_tables_are_created_before_the_first_query_and_only_then(
    query: RestartingQuery, stream: FakeStream
) -> None:
    _fail(query, stream, 100.0)
    query.check(101.0)
    assert stream.calls == ["start", "start"]


def test_a_query_that_runs_is_left_alone(query: RestartingQuery, stream: FakeStream, reports: Reports) -> None:
    for second in range(100, 300):
        query.check(float(second))
    assert (len(stream.queries), reports) == (1, [])


def test_a_failed_query_is_reported_and_restarted_after_a_second(
    query: RestartingQuery, stream: FakeStream, reports: Reports
) -> None:
    _fail(query, stream, 100.0, RuntimeError("micro-batch 7: OSError\nwith a long trace"))
    assert reports == [("stream", "micro-batch 7: OSError")]
    query.check(100.9)
    assert len(stream.queries) == 1
    query.check(101.0)
    assert len(stream.queries) == 2
    query.check(150.0)
    assert len(stream.queries) == 2, "the second one runs"


def test_the_wait_doubles_with_each_failure_up_to_a_minute(query: RestartingQuery, stream: FakeStream) -> None:
    waits, now = [], 100.0
    for _ in range(9):
        failed_at, starts = now, len(stream.queries)
        _fail(query, stream, now)
        while len(stream.queries) == starts:
            now += 1.0
            query.check(now)
        waits.append(now - failed_at)
    assert waits == [1.0, 2.0, 4.0, 8.0, 16.0, 32.0, 60.0, 60.0, 60.0]


def test_failures_are_forgotten_once_a_query_has_run_for_more_than_a_minute(
    query: RestartingQuery, stream: FakeStream, reports: Reports
) -> None:
    _fail(query, stream, 100.0, RuntimeError("first"))
    query.check(101.0)
    query.check(161.0)
    assert reports == [("stream", "first")]
    query.check(161.1)
    query.check(170.0)
    assert reports == [("stream", "first"), ("stream", None)]
    _fail(query, stream, 200.0, RuntimeError("second"))
    query.check(201.0)
    assert len(stream.queries) == 3, "it waits a second, as after a first failure"


@pytest.mark.parametrize(
    ("error", "reason"),
    [
        (None, "it ended"),
        (RuntimeError(""), "RuntimeError"),
        (RuntimeError("  spaced\nmore"), "spaced"),
        (RuntimeError("x" * 300), "x" * 200),
    ],
)
def test_the_reason_is_the_first_line_and_short(
    query: RestartingQuery, stream: FakeStream, reports: Reports, error: BaseException | None, reason: str
) -> None:
    _fail(query, stream, 100.0, error)
    assert reports == [("stream", reason)]


@pytest.mark.parametrize("error", [Py4JNetworkError("no answer"), ConnectionRefusedError()])
def test_without_its_jvm_the_run_has_failed(query: RestartingQuery, stream: FakeStream, error: Exception) -> None:
    stream.queries[0].active = error
    with pytest.raises(
        RunFailed, match=r"^Spark's JVM is gone: see logs/spark\.log in the storage; a new run "
    ) as caught:
        query.check(100.0)
    assert caught.value.__cause__ is None


def test_a_restart_without_a_jvm_fails_the_run_too(query: RestartingQuery, stream: FakeStream) -> None:
    _fail(query, stream, 100.0)
    stream.start_fails_with = ConnectionRefusedError()
    with pytest.raises(RunFailed, match=r"^Spark's JVM is gone"):
        query.check(101.0)


@pytest.mark.parametrize("error", [OSError(28, "No space left"), RuntimeError("metadata")])
def test_a_query_that_does_not_start_is_a_failure_and_tried_again_later(
    stream: FakeStream, reports: Reports, error: Exception
) -> None:
    query = RestartingQuery(stream, reports)
    stream.start_fails_with = error
    query.start(100.0)
    assert [service for service, _ in reports] == ["stream"]
    query.check(101.0)
    assert len(reports) == 2
    stream.start_fails_with = None
    query.check(102.9)
    assert stream.queries == []
    query.check(103.0)
    assert len(stream.queries) == 1


def test_what_an_operator_must_fix_ends_the_run_at_a_restart_too(query: RestartingQuery, stream: FakeStream) -> None:
    _fail(query, stream, 100.0)
    stream.start_fails_with = OperatorError("fix it")
    with pytest.raises(OperatorError, match=r"^fix it$"):
        query.check(101.0)


# A checkpoint that can't be continued


def test_the_second_failure_of_spark_in_a_row_begins_a_new_checkpoint(
    query: RestartingQuery, stream: FakeStream
) -> None:
    _fail(query, stream, 100.0, RuntimeError("first"))
    assert stream.begun_anew == []
    query.check(101.0)
    _fail(query, stream, 102.0, RuntimeError("wrong basePath"))
    assert stream.begun_anew == ["Spark can't continue the last one (wrong basePath)"]
    query.check(104.0)
    _fail(query, stream, 105.0)
    assert len(stream.begun_anew) == 1, "the new one gets two attempts too"


def test_a_micro_batch_between_two_failures_of_spark_shows_that_the_checkpoint_works(
    query: RestartingQuery, stream: FakeStream
) -> None:
    for now in (100.0, 200.0, 300.0):
        stream.processed += 1
        _fail(query, stream, now)
        query.check(now + 90)
    assert stream.begun_anew == []


def test_failures_of_our_own_callback_never_begin_a_new_checkpoint(query: RestartingQuery, stream: FakeStream) -> None:
    for number in range(6):
        # Spark calls the callback in every second query only.
        stream.callback_failed = number % 2 == 0
        _fail(query, stream, 100.0 * number)
        query.check(100.0 * number + 90)
    assert stream.begun_anew == []


def test_a_jvm_that_is_gone_never_begins_a_new_checkpoint(query: RestartingQuery, stream: FakeStream) -> None:
    _fail(query, stream, 100.0)
    query.check(101.0)
    stream.queries[-1].active = Py4JNetworkError("no answer")
    with pytest.raises(RunFailed):
        query.check(102.0)
    assert stream.begun_anew == []


def test_a_checkpoint_that_cannot_be_set_aside_is_tried_again(query: RestartingQuery, stream: FakeStream) -> None:
    stream.setting_aside_fails_with = OSError(5, "Input/output error")
    now = 100.0
    for _ in range(4):
        _fail(query, stream, now)
        now += 90
        query.check(now)
    stream.setting_aside_fails_with = None
    for _ in range(2):
        _fail(query, stream, now)
        now += 90
        query.check(now)
    assert len(stream.begun_anew) == 1


def test_a_query_that_does_not_stop_in_time_for_its_renewal_is_restarted_once_it_has_ended(
    query: RestartingQuery, stream: FakeStream
) -> None:
    def fails() -> None:
        raise TimeoutError("the stream thread did not stop")

    stream.queries[0].on_stop = fails
    query.renew()
    query.check(101.0)
    assert len(stream.queries) == 1, "two queries never run at the same time"
    stream.queries[0].fail()
    query.check(102.0)
    query.check(103.0)
    assert len(stream.queries) == 2


def test_it_says_what_the_stream_says(query: RestartingQuery, stream: FakeStream) -> None:
    assert (query.begun, query.busy, query.oversized) == (0, False, False)
    stream.begun = 3
    stream.busy.set()
    stream.oversized = True
    assert (query.begun, query.busy, query.oversized) == (3, True, True)


def test_catching_up_is_asked_in_the_background_once(query: RestartingQuery, stream: FakeStream, works: Works) -> None:
    assert not query.catch_up()
    assert not query.catch_up()
    assert [work.name for work in works.all] == ["catch-up"]
    works.last.end()
    assert query.catch_up()
    assert query.catch_up()
    assert (len(works.all), stream.queries[0].processed) == (1, 1)


def test_a_query_that_fails_while_catching_up_has_not_caught_up_and_the_next_is_asked(
    query: RestartingQuery, stream: FakeStream, works: Works
) -> None:
    query.catch_up()

    def fails() -> None:
        raise RuntimeError("it failed")

    stream.queries[0].on_process = fails
    works.last.end()
    _fail(query, stream, 100.0)
    assert not query.catch_up()
    assert len(works.all) == 1, "there is no query to ask"
    query.check(101.0)
    assert not query.catch_up()
    works.last.end()
    assert query.catch_up()
    assert [q.processed for q in stream.queries] == [0, 1]


def test_a_question_to_a_failed_query_that_never_returns_does_not_hold_the_next(
    query: RestartingQuery, stream: FakeStream, works: Works
) -> None:
    query.catch_up()
    _fail(query, stream, 100.0)
    query.check(101.0)
    query.catch_up()
    assert len(works.all) == 2


def test_finishing_waits_ten_seconds_at_most_for_the_last_commit(
    query: RestartingQuery, stream: FakeStream, works: Works
) -> None:
    query.catch_up()
    works.last.end()
    works.end_when_joined = True
    assert query.finish()
    assert works.last.joined == [10.0]
    assert stream.queries[0].processed == 2


def test_a_finish_that_takes_too_long_is_no_finish_and_all_is_asked_again(query: RestartingQuery, works: Works) -> None:
    query.catch_up()
    works.last.end()
    assert query.catch_up()
    assert not query.finish(), "that it had caught up before counts no more"
    assert not query.catch_up()
    assert len(works.all) == 3


def test_there_is_no_finish_without_a_query(query: RestartingQuery, stream: FakeStream, works: Works) -> None:
    _fail(query, stream, 100.0)
    works.end_when_joined = True
    assert not query.finish()


def test_a_renewal_stops_the_query_and_the_next_check_starts_another(
    query: RestartingQuery, stream: FakeStream, reports: Reports
) -> None:
    query.renew()
    assert (len(stream.queries), stream.queries[0].stops) == (1, 1)
    query.renew()
    assert stream.queries[0].stops == 1
    query.check(100.1)
    assert (len(stream.queries), reports) == (2, []), "a renewal is not a failure"


def test_a_stop_ends_the_query_and_never_raises(query: RestartingQuery, stream: FakeStream) -> None:
    def fails() -> None:
        raise Py4JNetworkError("no answer")

    stream.queries[0].on_stop = fails
    query.stop()
    assert stream.queries[0].stops == 1


def test_a_stop_without_a_query_does_nothing(stream: FakeStream, reports: Reports) -> None:
    RestartingQuery(stream, reports).stop()
    assert stream.queries == []

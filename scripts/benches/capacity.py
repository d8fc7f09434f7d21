"""How much a deployment needs for so many messages a second, and what breaks first: the model of docs/scaling.md."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from pipeline.stream.table_writer import ROUND_AFTER
from pipeline.telegram.pacing import CHAT_BURST, CHAT_WINDOW
from scripts.benches.contenders import CONCURRENCY, OURS, SEND_RATE
from scripts.benches.measures import TurnResult, shortest_burst
from scripts.benches.scenarios import CALLS_PER_EXECUTOR, Sizes

_DAY = 86_400
_MONTH = 30 * _DAY
_MILLION = 1_000_000
_LARGE_FILE = 128 * 2**20
"""Bytes of a file that compaction makes."""


@dataclass(frozen=True)
class Assumptions:
    """What the model is given. Measured ones are from docs/performance.md; put your own numbers here."""

    bot_sends: float = 25.0
    """Messages a second of one bot: `PIPELINE_SEND_RATE`. Telegram allows about 30."""
    model_seconds: float = 2.0
    tokens: int = 400
    """Of one question with its instructions and its answer."""
    calls_at_once: int = CONCURRENCY
    """Of a run on its driver: `PIPELINE_CONCURRENCY`; as many again on each executor."""
    python_seconds: float = 0.003
    """CPU of the driver's Python for one message (measured in a burst). Python uses one core."""
    append_seconds: float = ROUND_AFTER
    """Between two appends of one run to a table."""
    commit_seconds: float = 1.0
    """Of one append; appends to one table come one after the other."""
    row_bytes: int = 600
    """Of one message in bronze, compressed, most of it the raw update."""
    token_price: float = 0.5
    """Dollars for a million tokens."""
    run_price: float = 0.5
    """Dollars for an hour of a run's machine, of four cores, or of one executor."""


@dataclass(frozen=True)
class Need:
    """What so many messages a second need."""

    rate: float
    bots: int
    """Also the runs: a storage belongs to one bot, and to one run."""
    calls_at_once: float
    executors: int
    driver_share: float
    """Of the one core that a driver's Python can use; above 1 it can't keep up."""
    tokens_a_minute: float
    commits: float
    """A second, if all runs append to the same tables."""
    rows_a_file: float
    files_a_day: float
    """Of bronze, before compaction; silver has as many."""
    large_files_a_day: int
    gib_a_day: float
    model_dollars: float
    """A month."""
    machine_dollars: float
    """A month."""


def need(rate: float, given: Assumptions) -> Need:
    bots = math.ceil(rate / given.bot_sends)
    share = rate / bots
    calls = rate * given.model_seconds
    beyond = share * given.model_seconds > given.calls_at_once
    executors = bots * math.ceil(share * given.model_seconds / given.calls_at_once) if beyond else 0
    appends = min(1 / given.append_seconds, share)
    day_bytes = rate * _DAY * given.row_bytes
    return Need(
        rate=rate,
        bots=bots,
        calls_at_once=calls,
        executors=executors,
        driver_share=share * given.python_seconds,
        tokens_a_minute=60 * rate * given.tokens,
        commits=bots * appends,
        rows_a_file=share / appends,
        files_a_day=bots * appends * _DAY,
        large_files_a_day=math.ceil(day_bytes / _LARGE_FILE),
        gib_a_day=day_bytes / 2**30,
        model_dollars=rate * _MONTH * given.tokens * given.token_price / _MILLION,
        machine_dollars=(bots + executors) * _MONTH / 3600 * given.run_price,
    )


def loads(rate: float, given: Assumptions) -> dict[str, float]:
    """How much of each limit one run of one bot would use; what is highest breaks first, and it breaks above 1."""
    found = {
        "sends of one bot": rate / given.bot_sends,
        "calls of the model at once": rate * given.model_seconds / given.calls_at_once,
        "Python of the driver": rate * given.python_seconds,
        "commits of a table": given.commit_seconds * min(1 / given.append_seconds, rate),
    }
    return dict(sorted(found.items(), key=lambda item: -item[1]))


DESIGNS = (
    ("10/s", 10.0, Assumptions()),
    ("1,000/s", 1_000.0, Assumptions()),
    ("1,000/s, paid sends", 1_000.0, Assumptions(bot_sends=1_000.0)),
    ("100,000/s", 100_000.0, Assumptions()),
    ("100,000/s, paid sends", 100_000.0, Assumptions(bot_sends=1_000.0)),
)
"""The columns of the table. With paid sends Telegram allows 1,000 messages a second and takes a fee for each."""


def needs_rows() -> Iterator[tuple[str, ...]]:
    """The table of docs/scaling.md: what each design needs."""
    needs = [need(rate, given) for _, rate, given in DESIGNS]
    yield ("", *(title for title, _, _ in DESIGNS))
    yield ("bots, each with its own run", *(f"{each.bots:,}" for each in needs))
    yield ("calls of the model at once", *(f"{each.calls_at_once:,.0f}" for each in needs))
    yield ("executors", *(f"{each.executors:,}" for each in needs))
    yield ("a driver's Python, of one core", *(f"{each.driver_share:.0%}" for each in needs))
    yield ("million model tokens a minute", *(f"{each.tokens_a_minute / _MILLION:,.2f}" for each in needs))
    yield ("commits a second, shared tables", *(f"{each.commits:,.1f}" for each in needs))
    yield ("rows in a file", *(f"{each.rows_a_file:,.0f}" for each in needs))
    yield ("files a day of bronze", *(f"{each.files_a_day:,.0f}" for each in needs))
    yield ("the same after compaction", *(f"{each.large_files_a_day:,}" for each in needs))
    yield ("GiB a day of bronze", *(f"{each.gib_a_day:,.1f}" for each in needs))
    yield ("model, $ a month", *(f"{each.model_dollars:,.0f}" for each in needs))
    yield ("machines, $ a month", *(f"{each.machine_dollars:,.0f}" for each in needs))


def loads_rows() -> Iterator[tuple[str, ...]]:
    """The second table: how much of each limit one run of one bot would use."""
    given = Assumptions()
    rates = (10.0, 1_000.0, 100_000.0)
    found = [loads(rate, given) for rate in rates]
    yield ("one bot, one run, as installed", *(f"{rate:,.0f}/s" for rate in rates))
    for limit in found[-1]:
        yield (limit, *(f"{each[limit]:,.2f}" for each in found))


# The model against what was measured


@dataclass(frozen=True)
class Comparison:
    """A prediction and what was measured; it fits from `least` to `most` times the prediction."""

    name: str
    predicted: float
    measured: float
    least: float
    most: float

    @property
    def fits(self) -> bool:
        return self.least * self.predicted <= self.measured <= self.most * self.predicted

    @property
    def line(self) -> str:
        return (
            f"{self.name}: predicted {self.predicted:.2f}, measured {self.measured:.2f} "
            f"({self.measured / self.predicted:.2f} times; {self.least:g} to {self.most:g} fit): "
            f"{'fits' if self.fits else 'does not fit'}"
        )


def comparisons(results: Sequence[TurnResult], sizes: Sizes) -> list[Comparison]:
    """Each formula that the report has measured, for ours."""
    found = []
    for result in results:
        kind, _, number = result.scenario.partition("-")
        if result.contender != OURS.name:
            continue
        python = result.python_seconds / max(result.messages, 1)
        if kind == "executors":
            calls = CALLS_PER_EXECUTOR * int(number)
            seconds = shortest_burst(result.messages, sizes.executor_model_seconds, calls, SEND_RATE)
            found.append(Comparison(f"{number} executor(s), seconds", seconds, result.values["last reply"], 0.98, 1.35))
        elif kind == "burst":
            chats = int(number.partition("-")[2])
            limit = shortest_burst(result.messages, sizes.model_seconds, CONCURRENCY, SEND_RATE, chats)
            seconds = max(limit, result.messages * python) + sizes.model_seconds
            found.append(
                Comparison(
                    f"{result.messages} at once in {chats} chats, seconds",
                    seconds,
                    result.values["last reply"],
                    0.7,
                    1.5,
                )
            )
        elif kind == "backlog":
            found.append(
                Comparison(
                    "backlog, messages/s",
                    min(1 / python, sizes.backlog_chats * CHAT_BURST / CHAT_WINDOW),
                    result.values["messages/s"],
                    0.5,
                    1.4,
                )
            )
    return found


def fits(found: Sequence[Comparison]) -> bool:
    """Whether all fit, and there is at least one."""
    return bool(found) and all(comparison.fits for comparison in found)

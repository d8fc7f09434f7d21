"""The scenarios of the benchmark, each with its contenders."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from pydantic import BaseModel

from scripts.benches.arrivals import irregular, pauses, shuffled
from scripts.benches.contenders import AIOGRAM, CONCURRENCY, CONTENDERS, LOOP, OURS, SEND_RATE, Contender
from scripts.benches.exchanges import Exchange
from scripts.benches.measures import TurnResult, percentile, shortest_burst
from scripts.benches.stage import SLOW_WORD, Latency, Measured, Stage, stage
from scripts.benches.trace import TraceStep, trace

_WAVES = 3
"""How often so many messages come before anything is measured."""
_SLOW_CHATS = 1_000_000
"""The chats in which the slow answers are: above this number, one for each."""
CALLS_PER_EXECUTOR = 16
"""`concurrency` counts for each executor."""
_CORES_PER_EXECUTOR = 2
"""The calls at once are shared among the cores; Spark counts two as soon as there is one."""


class Sizes(BaseModel):
    """How much is sent. The short form shows that everything works; its times say nothing."""

    singles: int = 60
    singles_of_the_loop: int = 20
    """It takes seconds for each."""
    pause: float = 1.5
    """Seconds at most before the next single message; at least a third of it."""
    steady_seconds: float = 60.0
    bursts: tuple[tuple[int, int], ...] = ((120, 120), (1000, 200), (1000, 1000))
    """Messages, and the chats that they are spread over."""
    chats: int = 200
    neighbours: int = 1000
    questions: int = 2000
    backlog: int = 20_000
    backlog_chats: int = 2_000
    """Telegram allows a chat five messages in five seconds: few chats would be all there is to measure."""
    idle_seconds: float = 60.0
    conversations: int = 6
    """Few: each then has as many turns as the model is given."""
    starts: int = 5
    settling_seconds: float = 10.0
    wave: int = 20
    model_seconds: float = 0.2
    slow_seconds: float = 20.0
    executor_model_seconds: float = 1.0


SHORT = Sizes(
    singles=3,
    singles_of_the_loop=2,
    pause=0.3,
    steady_seconds=1.0,
    bursts=((12, 6),),
    chats=20,
    neighbours=20,
    questions=40,
    backlog=60,
    backlog_chats=60,
    idle_seconds=0.5,
    conversations=1,
    starts=1,
    settling_seconds=0.0,
    wave=1,
    slow_seconds=1.0,
)


@dataclass(frozen=True)
class Scenario:
    """`play` does everything after the warm-up, or the start too, and returns the measured part with its values."""

    name: str
    contenders: tuple[Contender, ...]
    play: Callable[[Stage, Sizes], TurnResult]
    latency: Callable[[Sizes], Latency] = lambda sizes: Latency(sizes.model_seconds, sizes.slow_seconds)
    options: tuple[str, ...] = ()
    """Options of ours."""
    from_the_start: bool = False
    """Whether the start is part of it: it begins on an empty stage."""


def scenarios(sizes: Sizes) -> list[Scenario]:
    """All of them, in the order of the table."""
    everybody, quick = (OURS, AIOGRAM, LOOP), (OURS, AIOGRAM)
    return [
        Scenario("one", everybody, _one_at_a_time),
        Scenario("steady-3", quick, _steady("steady-3", 3)),
        Scenario("steady-10", quick, _steady("steady-10", 10)),
        # To the loop it is all one over how many chats: few are enough.
        *(_burst(count, chats, everybody if chats <= sizes.chats else quick) for count, chats in sizes.bursts),
        Scenario("slow", quick, _slow_neighbours),
        *(_executors(number) for number in (1, 2)),
        Scenario("backlog", quick, _backlog, lambda sizes: Latency(0.0), from_the_start=True),
        Scenario("idle", everybody, _idle),
        Scenario("memory-on", (OURS,), _conversations("memory-on")),
        Scenario("memory-off", (OURS,), _conversations("memory-off"), options=("--context-turns=0",)),
        Scenario("memory-start", (OURS,), _after_a_start, from_the_start=True),
    ]


@dataclass(frozen=True)
class PlannedTurn:
    scenario: Scenario
    contender: Contender

    @property
    def alone(self) -> bool:
        """Whether it needs a stage of its own."""
        return self.scenario.from_the_start or bool(self.scenario.options)


def plan(chosen: Sequence[Scenario], *, shared: bool) -> list[list[PlannedTurn]]:
    """The turns, scenario by scenario, each on a stage of its own; `shared`: one stage for each contender's."""
    turns = [PlannedTurn(scenario, contender) for scenario in chosen for contender in scenario.contenders]
    if not shared:
        return [[turn] for turn in turns]
    together = [[turn for turn in turns if turn.contender is each and not turn.alone] for each in CONTENDERS]
    return [group for group in together if group] + [[turn] for turn in turns if turn.alone]


def played(turns: Sequence[PlannedTurn], sizes: Sizes, folder: Path) -> Iterator[tuple[TurnResult, list[TraceStep]]]:
    """Play the turns on one stage, and check what was answered. The trace is empty for all but one of ours.

    Raises ContenderFailed and WrongReplies.
    """
    first = turns[0]
    with stage(first.contender, folder, first.scenario.latency(sizes)) as here:
        if not first.scenario.from_the_start:
            here.start(*first.scenario.options)
            _warm_up(here, sizes)
        for turn in turns:
            result = turn.scenario.play(here, sizes)
            traced = turn.contender is OURS and turn.scenario.name == "one"
            yield result, _trace(here) if traced else []


def _trace(here: Stage) -> list[TraceStep]:
    bronze, silver = here.rows("bronze"), here.rows("silver")
    return trace(here.received(), bronze, here.model_calls(), here.sent(), silver, prefix="single ")


def _warm_up(here: Stage, sizes: Sizes) -> None:
    """Start what only a first message starts, and let the JVM compile."""
    for wave in range(1, _WAVES + 1):
        here.say_all([(f"warm-up {wave}.{number}", number + 1) for number in range(sizes.wave)])
        here.wait_for_replies(wave * sizes.wave)
    time.sleep(sizes.settling_seconds)


def _one_at_a_time(here: Stage, sizes: Sizes) -> TurnResult:
    count = sizes.singles_of_the_loop if here.contender is LOOP else sizes.singles
    with here.measured() as measured:
        for number, pause in enumerate(pauses(count, sizes.pause / 3, sizes.pause, seed=1)):
            time.sleep(pause)
            before = here.replies
            here.say(f"single {number}", chat_id=number + 1)
            here.wait_for_replies(before + 1)
    return _result(here, "one", measured, _percentiles(measured.exchanges, sizes.model_seconds, 50, 95), limit=0.0)


def _steady(name: str, rate: int) -> Callable[[Stage, Sizes], TurnResult]:
    def play(here: Stage, sizes: Sizes) -> TurnResult:
        times = irregular(round(rate * sizes.steady_seconds), sizes.steady_seconds, seed=rate)
        before = here.replies
        with here.measured() as measured:
            here.say_at(times, _spread(f"{name} message", len(times), sizes.chats))
            here.wait_for_replies(before + len(times))
        return _result(
            here, name, measured, _percentiles(measured.exchanges, sizes.model_seconds, 50, 95, 99), limit=0.0
        )

    return play


def _burst(count: int, chats: int, contenders: tuple[Contender, ...]) -> Scenario:
    name = f"burst-{count}-{chats}"

    def play(here: Stage, sizes: Sizes) -> TurnResult:
        before = here.replies
        with here.measured() as measured:
            here.say_all(_spread(f"{name} message", count, chats))
            here.wait_for_replies(before + count)
        limit = shortest_burst(count, sizes.model_seconds, CONCURRENCY, SEND_RATE, chats)
        return _result(here, name, measured, {"last reply": _until_the_last(measured.exchanges)}, limit)

    return Scenario(name, contenders, play)


def _slow_neighbours(here: Stage, sizes: Sizes) -> TurnResult:
    slow = max(sizes.neighbours // 50, 1)
    others = sizes.neighbours - slow
    chats = {f"{SLOW_WORD} {number}": _SLOW_CHATS + number for number in range(slow)}
    chats |= dict(_spread("neighbour", others, sizes.chats))
    before = here.replies
    with here.measured() as measured:
        here.say_all([(text, chats[text]) for text in shuffled(list(chats), seed=4)])
        here.wait_for_replies(before + sizes.neighbours)
    quick = [exchange for exchange in measured.exchanges if exchange.chat_id < _SLOW_CHATS]
    values = {"last of the others": _until_the_last(quick), "last reply": _until_the_last(measured.exchanges)}
    limit = shortest_burst(others, sizes.model_seconds, CONCURRENCY, SEND_RATE, sizes.chats)
    return _result(here, "slow", measured, values, limit)


def _executors(number: int) -> Scenario:
    name = f"executors-{number}"
    at_once = CALLS_PER_EXECUTOR * number

    def play(here: Stage, sizes: Sizes) -> TurnResult:
        before = here.replies
        with here.measured() as measured:
            here.say_all(_spread(f"{name} question", sizes.questions, sizes.questions))
            here.wait_for_replies(before + sizes.questions)
        values = {
            "last reply": _until_the_last(measured.exchanges),
            "calls at once": float(here.most_calls_at_once()),
        }
        limit = shortest_burst(sizes.questions, sizes.executor_model_seconds, at_once, SEND_RATE)
        return _result(here, name, measured, values, limit)

    options = (
        f"--spark-master=local-cluster[{number},{_CORES_PER_EXECUTOR},1024]",
        f"--concurrency={CALLS_PER_EXECUTOR}",
        "--distribute-above=8",
        "--max-open=10000",
    )
    return Scenario(name, (OURS,), play, lambda sizes: Latency(sizes.executor_model_seconds), options)


def _backlog(here: Stage, sizes: Sizes) -> TurnResult:
    # Telegram has it before the bot starts. In pieces, since it comes over HTTP.
    messages = _spread("waiting message", sizes.backlog, sizes.backlog_chats)
    for start in range(0, len(messages), 2000):
        here.say_all(messages[start : start + 2000])
    began = time.time()
    here.start()
    with here.measured() as measured:
        here.wait_for_replies(sizes.backlog)
    times = [exchange.sent_at for exchange in measured.exchanges]
    first, last = min(times), max(times)
    values = {
        "messages/s": (len(times) - 1) / max(last - first, 0.001),
        "first reply": first - began,
        "MiB": measured.peak_mib,
    }
    return _result(here, "backlog", measured, values)


def _idle(here: Stage, sizes: Sizes) -> TurnResult:
    with here.measured() as measured:
        time.sleep(sizes.idle_seconds)
    used = measured.cpu.python + measured.cpu.jvm
    return _result(here, "idle", measured, {"% of a core": 100 * used / measured.seconds}, limit=0.0)


def _conversations(name: str) -> Callable[[Stage, Sizes], TurnResult]:
    def play(here: Stage, sizes: Sizes) -> TurnResult:
        with here.measured() as measured:
            for number, pause in enumerate(pauses(sizes.singles, sizes.pause / 3, sizes.pause, seed=1)):
                time.sleep(pause)
                before = here.replies
                here.say(f"{name} {number}", chat_id=1 + number % sizes.conversations)
                here.wait_for_replies(before + 1)
        return _result(here, name, measured, _percentiles(measured.exchanges, sizes.model_seconds, 50, 95), limit=0.0)

    return play


def _after_a_start(here: Stage, sizes: Sizes) -> TurnResult:
    """The first message to each of several runs, in a conversation of the run before."""
    here.start()
    _warm_up(here, sizes)
    first: list[Exchange] = []
    for number in range(sizes.starts):
        here.require_kept()
        here.stop()
        here.start()
        here.wait_until_serving()
        before = here.replies
        with here.measured() as measured:
            here.say(f"memory-start {number}", chat_id=1)
            here.wait_for_replies(before + 1)
        first += measured.exchanges
    measured.exchanges = first
    return _result(here, "memory-start", measured, _percentiles(first, sizes.model_seconds, 50, 95), limit=0.0)


def _spread(text: str, count: int, chats: int) -> list[tuple[str, int]]:
    """Numbered texts, over so many private chats in turn."""
    return [(f"{text} {number}", 1 + number % chats) for number in range(count)]


def _percentiles(found: Sequence[Exchange], model_seconds: float, *percents: int) -> dict[str, float]:
    beyond = [exchange.seconds - model_seconds for exchange in found]
    return {f"p{percent}": percentile(beyond, percent) for percent in percents}


def _until_the_last(found: Iterable[Exchange]) -> float:
    """Seconds from the first message to the last reply."""
    listed = list(found)
    return max(exchange.sent_at for exchange in listed) - min(exchange.received_at for exchange in listed)


def _result(
    here: Stage, scenario: str, measured: Measured, values: dict[str, float], limit: float | None = None
) -> TurnResult:
    return TurnResult(
        scenario=scenario,
        contender=here.contender.name,
        messages=len(measured.exchanges),
        values=values,
        limit=limit,
        python_seconds=measured.cpu.python,
        jvm_seconds=measured.cpu.jvm,
        service_seconds=measured.services.python,
        peak_mib=measured.peak_mib,
    )

"""A deployment with ceilings whose process dies at any step, and a model that keeps a ledger of its own. No Spark."""

from __future__ import annotations

import random
from collections import Counter, defaultdict
from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, NamedTuple

from pipeline.conversations.context import Context, without_context
from pipeline.limits.accounts import Payer
from pipeline.limits.ceilings import Ceiling, Ceilings, day_of, month_of
from pipeline.limits.charge import Tokens
from pipeline.limits.ledger import Ledger, Spent, Told
from pipeline.messages.question import Question
from pipeline.model.answering import Done
from pipeline.model.outcome import Outcome, Verdict
from pipeline.model.request import Asked
from pipeline.replies.journal import Journal
from pipeline.replies.lanes import Lanes
from pipeline.replies.preparation import Preparation
from pipeline.replies.reply import Reply
from pipeline.run.spending import kept_in
from pipeline.storage.durable import DurableFolder
from tests.support.fakes import FakeApi, ManualLoop
from tests.support.replies import question

MAX_TOKENS = 50
LIMIT_TEXTS = ("You have reached", "This chat has reached", "I have reached")


class Died(BaseException):
    """The process was killed."""


class Call(NamedTuple):
    asked: Asked
    done: Done
    at: datetime


class CountingModel:
    """Counts each call that reaches it, whoever learns of it, by user, by chat and of all."""

    def __init__(self, chance: random.Random, now: Callable[[], datetime]) -> None:
        self._chance = chance
        self._now = now
        self.under_way: list[Call] = []
        self.calls = 0
        self.days: dict[tuple[datetime, Ceiling, int], int] = Counter()
        self.months: dict[datetime, Tokens] = defaultdict(Tokens)

    def submit(self, asked: Sequence[Asked], done: Done) -> None:
        self.under_way += [Call(each, done, self._now()) for each in asked]

    def withdraw(self) -> list[Question]:
        """Those that it has not begun with: some of the calls under way."""
        taken = [call for call in self.under_way if self._chance.random() < 0.3]
        self.under_way = [call for call in self.under_way if call not in taken]
        return [call.asked.question for call in taken]

    def answer(self) -> None:
        """End some call: with an answer, an error, or without a word about the cost."""
        call = self.under_way.pop(self._chance.randrange(len(self.under_way)))
        verdict = self._chance.choice(
            [Verdict.ANSWERED] * 6 + [Verdict.UNREADABLE, Verdict.REJECTED, Verdict.FAILING, Verdict.UNREACHABLE]
        )
        cost = self._spend(call) if verdict is not Verdict.UNREACHABLE else None
        says = cost if self._chance.random() < 0.8 else None
        call.done(
            call.asked.question,
            Outcome(
                verdict=verdict,
                text="yes" if verdict is Verdict.ANSWERED else "",
                reason="" if verdict is Verdict.ANSWERED else "no luck",
                prompt_tokens=says and says.prompt,
                completion_tokens=says and says.completion,
            ),
        )

    def lose_callers(self) -> None:
        """Those who asked are gone; most of what they asked was answered all the same."""
        for call in self.under_way:
            if self._chance.random() < 0.8:
                self._spend(call)
        self.under_way = []

    def _spend(self, call: Call) -> Tokens:
        most = call.asked.request.most_prompt_tokens
        # Half of the calls cost all that they can.
        share = 1.0 if self._chance.random() < 0.5 else self._chance.random()
        cost = Tokens(prompt=int(most * share), completion=int(MAX_TOKENS * share))
        at = self._chance.choice([call.at, self._now()])
        asked = call.asked.question
        for ceiling, subject in ((Ceiling.USER, asked.author_id), (Ceiling.CHAT, asked.chat_id), (Ceiling.ALL, 0)):
            assert subject is not None
            self.days[day_of(at), ceiling, subject] += cost.total
        self.months[month_of(at)] += cost
        self.calls += 1
        return cost

    def assert_within(self, ceilings: Ceilings) -> None:
        for (day, ceiling, subject), total in self.days.items():
            assert not getattr(ceilings, ceiling) or total <= getattr(ceilings, ceiling), (day, ceiling, subject, total)
        if ceilings.price_a_month:
            for tokens in self.months.values():
                assert ceilings.prices.of(tokens) <= ceilings.limit(Ceiling.PRICE)


class _NoMemory:
    looks_back = False

    def context_of(self, asked: Question) -> Context | None:
        return without_context(asked)

    def remember(self, reply: Reply) -> None: ...


class _NoThread:
    def start(self) -> None: ...


class Deployment:
    """What survives a process: Telegram, the model, the journal's folder, silver. And the process that runs now.

    `fault` is called before and after each write of the journal and may raise `Died`.
    """

    def __init__(self, folder: Path, ceilings: Ceilings, seed: int, monkeypatch: Any) -> None:
        self.chance = random.Random(seed)
        self.clock = datetime(2026, 11, 30, 20, tzinfo=UTC)
        self.ceilings = ceilings
        self.most_reservations = 16
        self.folder = folder
        self.model = CountingModel(self.chance, lambda: self.clock)
        self.api = FakeApi()
        self.silver: dict[str, Reply] = {}
        self.asked: dict[str, Question] = {}
        self.landed: list[Question] = []
        """Which no process has accepted yet."""
        self.fault: Callable[[], None] = lambda: None
        self.deaths = 0
        self._seq = 0
        deployment = self

        class Clock(datetime):
            @classmethod
            def now(cls, _: object = None) -> datetime:  # type: ignore[override]
                return deployment.clock

        monkeypatch.setattr("pipeline.replies.work.datetime", Clock)
        monkeypatch.setattr("pipeline.replies.lanes.EventLoop", ManualLoop)

        def write(folder: DurableFolder, name: str, content: bytes) -> None:
            deployment._write(folder, name, content)

        monkeypatch.setattr(DurableFolder, "write", write)
        self.begin()

    def _write(self, folder: DurableFolder, name: str, content: bytes) -> None:
        self.fault()
        (folder.path / name).write_bytes(content)
        self.fault()

    def say(self, user: int, chat: int) -> None:
        """A person's message reaches the landing."""
        self._seq += 1
        asked = question("x" * self.chance.randrange(1, 300), seq=self._seq, author_id=user, chat_id=chat)
        self.asked[asked.key] = asked
        self.landed.append(asked)

    # A process

    def begin(self) -> None:
        self.journal = Journal(self.folder)
        self.ledger = Ledger(self.ceilings, lambda: self.clock, most_reservations=self.most_reservations)
        self.ledger.begin(kept_in(self.journal.replies().values()))
        self.loaded = False
        self.lanes = Lanes(
            self.journal,
            self.model,
            self.api,
            Preparation(_NoMemory(), self.ledger, MAX_TOKENS),
            send_rate=1e9,
            model_attempts=2,
            model_alive=lambda: self.chance.random() < 0.5,
        )
        self.lanes._thread = _NoThread()  # type: ignore[assignment]
        assert isinstance(self.lanes._loop, ManualLoop)
        self.loop = self.lanes._loop
        self.lanes.start()

    def die(self) -> None:
        self.deaths += 1
        self.model.lose_callers()

    def stop(self) -> None:
        """An orderly end: no further call begins, and what is known is kept."""
        self.lanes._stopping.set()
        self.lanes._dispatcher.save_answers()
        self.lanes._dispatcher.take_back()
        self.die()

    def read_silver(self) -> None:
        """As `run.spending.read_silver` does it, with the rows that silver has."""
        day, month = day_of(self.clock), month_of(self.clock)
        counted = self.ledger.counted
        spent, told = [], []
        for reply in self.silver.values():
            asked, answer = reply.question, reply.answer
            assert answer is not None
            payer = Payer(asked.author_id, asked.chat_id)
            if reply.error and reply.error.startswith("ceiling: ") and reply.delivery_status != "withheld":
                told.append(Told(reply.error, payer))
            if answer.answered_at >= month and asked.identity not in counted:
                today = answer.answered_at >= day
                spent.append(Spent(payer if today else None, reply.charge.settled, day if today else month))
        self.ledger.load(spent, told)
        self.loaded = True
        self.lanes.look_again()

    def accept(self, most: int = 5) -> None:
        """A micro-batch; if the process dies in it, the next one gets its messages again."""
        batch = self.landed[:most]
        known = [asked for asked in batch if self.journal.get(asked.key) is None and asked.key not in self.silver]
        if known:
            replies = self.lanes.prepare(known)
            self.journal.record(*replies)
            self.fault()
            self.lanes.accept(replies)
        del self.landed[: len(batch)]

    def write_silver(self) -> None:
        """A round of the table writer."""
        finished = self.journal.finished()
        self.silver |= {reply.key: reply for reply in finished}
        self.fault()
        self.journal.forget([reply.key for reply in finished])

    def run_job(self) -> None:
        _, job = self.loop.jobs.pop(self.chance.randrange(len(self.loop.jobs)))
        job()

    def pass_time(self, seconds: float) -> None:
        self.clock += timedelta(seconds=seconds)
        self.loop.time += seconds

    def step(self) -> None:
        """Something happens that can happen now."""
        possible: list[Callable[[], object]] = [lambda: self.loop.turn(0)] * 3
        possible.append(lambda: self.pass_time(self.chance.choice([0.1, 1.0, 20.0])))
        if self.landed:
            possible += [self.accept] * 2
        if self.loop.jobs:
            possible += [self.run_job] * 3
        if self.model.under_way:
            possible += [self.model.answer] * 2
        if not self.loaded:
            possible.append(self.read_silver)
        if self.journal.finished_count:
            possible.append(self.write_silver)
        self.chance.choice(possible)()

    def survive(self, action: Callable[[], object]) -> None:
        """Do it; if the process dies of it, the next one begins."""
        try:
            action()
        except Died:
            self.die()
            # At its start it may die as well, and then another one begins.
            fault, self.fault = self.fault, lambda: None
            self.begin()
            self.fault = fault

    def finish(self) -> None:
        """Let all be answered; no process dies any more."""
        self.fault = lambda: None
        for _ in range(200_000):
            if not self.loaded:
                self.read_silver()
            while self.landed:
                self.accept()
            while self.loop.jobs:
                self.run_job()
            if self.model.under_way:
                self.model.answer()
            if not self.loop.turn(0):
                if not self.lanes.open:
                    break
                self.pass_time(1.0)
        self.write_silver()

    def assert_each_answered_once(self) -> None:
        assert self.silver.keys() == self.asked.keys()
        repeated = [
            reply_to for reply_to, count in Counter(s.reply_to for s in self.api.delivered).items() if count > 1
        ]
        assert repeated == []

    def assert_told_once(self) -> None:
        """Nobody got the polite text twice for the same ceiling and time; a chat counts as one for its own."""
        by_message = {(asked.chat_id, asked.message_id): asked for asked in self.asked.values()}
        told: Counter[tuple[str, int]] = Counter()
        for sent in self.api.delivered:
            if sent.text.startswith(LIMIT_TEXTS) and sent.reply_to is not None:
                asked = by_message[sent.chat_id, sent.reply_to]
                of_user = sent.text.startswith(LIMIT_TEXTS[0])
                told[sent.text, (asked.author_id or 0) if of_user else asked.chat_id] += 1
        assert told, "nobody met a ceiling"
        assert max(told.values()) == 1

"""Lanes: every open reply on its way to a terminal state, in order within a chat, concurrently across chats.

The one way into this package for the rest of the run. It owns the thread on which `dispatcher` decides.
"""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Callable, Iterable

import structlog

from pipeline.errors import RunFailed
from pipeline.messages.question import Question
from pipeline.model.answering import Answering
from pipeline.replies.delivery import AnswerFormat, Sender, begun_as_plain
from pipeline.replies.dispatcher import Dispatcher
from pipeline.replies.event_loop import EventLoop, place_of
from pipeline.replies.journal import Journal
from pipeline.replies.preparation import Preparation, asked_of
from pipeline.replies.reply import OnUnknown, Reply
from pipeline.replies.work import ready_answer
from pipeline.telegram.client import BotApi
from pipeline.telegram.progress.drafts import DraftSender
from pipeline.telegram.progress.typing_action import Typist

log = structlog.get_logger(__name__)

_STOP_TURN = 0.05
"""Seconds between two looks at what is to be kept, while a stop waits for requests."""


class Lanes:
    """Takes accepted replies to their terminal states.

    Threads: public methods are for any thread. Everything about a reply's way belongs to the dispatcher, and so to the
    thread "lanes", which calls `report` too; `model_alive` is called on threads of its own. What both sides use is
    thread-safe by itself: the event loop's `post`, the flag of the stop, and the keys of the open replies. The thread
    "lanes" writes `_failure` once.
    """

    def __init__(
        self,
        journal: Journal,
        answering: Answering,
        api: BotApi,
        preparation: Preparation,
        *,
        send_rate: float,
        model_attempts: int,
        answer_format: AnswerFormat = "plain",
        feedback: bool = False,
        drafts: bool = False,
        privacy_contact: str = "",
        on_unknown: OnUnknown = "hold",
        model_alive: Callable[[], bool] = lambda: False,
        report: Callable[[str, str | None], None] = lambda service, reason: None,
    ) -> None:
        """`send_rate`: messages a second over all chats. `model_attempts`: how often one message is asked for.
        `feedback`: whether the buttons for a vote are under answers of the model. `drafts`: whether an answer is shown
        while it is written. `privacy_contact`: whom people ask about their data.

        `model_alive` asks the model something harmless, and may block: if the model answers that, a message that fails
        alone is itself at fault. `report` is called with a service and the reason when its outage begins, and with None
        when it ends.
        """
        self._journal = journal
        self._on_unknown = on_unknown
        self._report = report
        self._loop = EventLoop()
        self._stopping = threading.Event()
        self._failure: str | None = None
        """Why the thread "lanes" ended by itself."""
        self._open = OpenReplies()
        self._preparation = preparation
        self._typist = Typist(api)
        self._drafts = DraftSender(
            api,
            enabled=drafts,
            as_shown=begun_as_plain if answer_format == "html" else str,
            first_shown=self._typist.end,
        )
        self._dispatcher = Dispatcher(
            self._loop,
            answering,
            preparation,
            Sender(journal, api, on_unknown, self._stopping, self._drafts.wait_for_last),
            self._typist,
            self._drafts,
            send_rate=send_rate,
            model_attempts=model_attempts,
            answer_format=answer_format,
            feedback=feedback,
            privacy_contact=privacy_contact,
            model_alive=model_alive,
            report=report,
            finished=self._open.remove,
            stopping=self._stopping.is_set,
        )
        self._thread = threading.Thread(target=self._run, name="lanes", daemon=True)

    def start(self) -> None:
        """Begin, with the replies that a former run left open. Raises OSError where the journal can't be written."""
        left = [reply for reply in self._journal.replies().values() if not reply.terminal]
        resumed = [reply.resumed(self._on_unknown) for reply in left]
        changed = [after for before, after in zip(left, resumed, strict=True) if before != after]
        if changed:
            self._journal.record(*changed)
            log.warning("replies of unknown outcome", count=len(changed), on_unknown=self._on_unknown)
        self._thread.start()
        self.accept(reply for reply in resumed if not reply.terminal)

    def prepare(self, questions: Iterable[Question]) -> list[Reply]:
        """Replies to accept these questions with, in their order, prepared where that can be done now.

        For whoever accepts questions, so that one write to the journal does for both. What depends on an answer that is
        still to come, or on what others spend before it, is prepared later.
        """
        replies: list[Reply] = []
        unfinished = self._open.chats() if self._preparation.in_order else set()
        for question in questions:
            reply = Reply.accepted(question)
            if question.chat_id not in unfinished and ready_answer(question) is None:
                prepared = self._preparation.prepare(reply)
                reply = prepared if isinstance(prepared, Reply) else reply
            if self._preparation.in_order:
                unfinished.add(question.chat_id)
            replies.append(reply)
        return replies

    def accept(self, replies: Iterable[Reply], ahead: Answering | None = None) -> None:
        """Take over replies that the journal has; those that are open already are passed over.

        `ahead` is asked at once for the answers of those that are prepared, before each is the first of its chat.
        """
        new = self._open.add(sorted(replies, key=lambda reply: reply.question.seq))
        asked = []
        if ahead is not None:
            asked = [asked_of(reply) for reply in new if reply.answer is None and reply.context is not None]
        keys = {each.question.key for each in asked}
        self._loop.post(lambda: self._dispatcher.accept(new, keys))
        if ahead is not None and asked:
            # After the event above, so that each outcome finds its reply.
            ahead.submit(asked, self._dispatcher.post_outcome)

    def look_again(self) -> None:
        """Any thread: what the preparation needs has changed, for example because silver was read."""
        self._loop.post(self._dispatcher.look_again)

    def stop_writing(self, chat_id: int, draft_id: int) -> None:
        """Any thread: a person wants no more of the answer whose draft this is. Ignored if the answer is there."""
        self._loop.post(lambda: self._dispatcher.stop_writing(chat_id, draft_id))

    @property
    def open(self) -> int:
        """How many replies are not yet terminal."""
        return len(self._open)

    def check(self) -> None:
        """Raise RunFailed if nobody is answered any more, because the thread "lanes" has ended by itself."""
        if self._failure is not None:
            raise RunFailed(f"{self._failure}: a new run continues with what is left")

    def wait_for_room(self, most: int, timeout: float) -> bool:
        """Wait until fewer than `most` replies are open; False after `timeout` seconds. A stop ends it, with True."""
        return self._open.wait_until_below(most, timeout)

    def stop(self, grace: float) -> None:
        """Begin no further call; wait up to `grace` seconds for sends under way; keep the answers that have come."""
        self._stopping.set()
        self._typist.stop()
        self._drafts.stop()
        self._open.end_waits()
        self._loop.post(lambda: None)  # ends the loop's wait
        if self._thread.is_alive():
            self._thread.join(grace)

    def _run(self) -> None:
        """On the thread "lanes": the event loop, and after the stop what is still to be kept."""
        try:
            self._loop.run(until=self._stopping.is_set)
        except BaseException as error:  # whatever it is, a run that answers nobody must not go on
            self._failure = f"the thread that answers has ended ({type(error).__name__} at {place_of(error)})"
            self._stopping.set()
            with contextlib.suppress(Exception):
                self._report("lanes", self._failure)
            # Micro-batches wait for room here, and nobody else would end their wait.
            self._open.end_waits()
        self._keep_answers()

    def _keep_answers(self) -> None:
        """Record the answers that the model was paid for, also if this process is killed meanwhile."""
        while self._dispatcher.requests:
            self._loop.guard(self._dispatcher.save_answers)
            self._loop.handle_event(_STOP_TURN)
        while self._loop.handle_event(0):
            pass
        self._loop.guard(self._dispatcher.save_answers)
        self._loop.guard(self._dispatcher.take_back)


class OpenReplies:
    """The keys of the replies that are not yet terminal, and waiting for them. Thread-safe."""

    def __init__(self) -> None:
        self._keys: dict[str, int] = {}
        """Each with its chat."""
        self._limits: list[int] = []
        """For each wait: below which number of open replies it ends."""
        self._waits_ended = False
        self._changed = threading.Condition()
        """Held for every use of those above; notified when a wait may end, since each look costs the replies time."""

    def __len__(self) -> int:
        with self._changed:
            return len(self._keys)

    def add(self, replies: Iterable[Reply]) -> list[Reply]:
        """Add replies. Returns those that were not open already."""
        new = []
        with self._changed:
            for reply in replies:
                if reply.key not in self._keys:
                    self._keys[reply.key] = reply.question.chat_id
                    new.append(reply)
        return new

    def chats(self) -> set[int]:
        """The chats with open replies."""
        with self._changed:
            return set(self._keys.values())

    def remove(self, key: str) -> None:
        with self._changed:
            self._keys.pop(key, None)
            if any(len(self._keys) < limit for limit in self._limits):
                self._changed.notify_all()

    def end_waits(self) -> None:
        """End every wait, and from now on each one at its beginning."""
        with self._changed:
            self._waits_ended = True
            self._changed.notify_all()

    def wait_until_below(self, most: int, timeout: float) -> bool:
        """Wait until fewer than `most` are open; False after `timeout` seconds."""
        with self._changed:
            self._limits.append(most)
            try:
                return self._changed.wait_for(lambda: self._waits_ended or len(self._keys) < most, timeout)
            finally:
                self._limits.remove(most)

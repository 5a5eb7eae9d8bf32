"""Two workers in pieces, and the channel that they send on, which writes down what it really got.

What may leave is held against the judge at the moment its attempt is committed: afterwards nobody can stop it.
"""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from sqlalchemy import select, update

from campaigns.composing.composer import Composer
from campaigns.gates import DISPATCH_GATES
from core.clock import VirtualClock
from core.dispatching import Claim, Ended, Ready
from core.ids import new_id
from core.messages import OutboundMessage
from core.outcomes import Outcome
from core.purposes import Purpose
from storage.outbox.columns import table
from storage.outbox.outbox import Outbox
from storage.outbox.recovery import JournalMarks
from storage.tables import Message
from tests.bot.machine.judge import Thread
from tests.bot.machine.stage import CHANNELS, LINKS, Cast, Cuttable
from tests.invariants.outcomes import MADE, not_sent
from tests.invariants.world import datetime_of_old

_MESSAGES = table(Message)
PROMISE = "Thank you, I have asked a colleague"


@dataclass
class Worker:
    """One process: what it holds in memory, and the journal that outlives it."""

    id: str
    outbox: Outbox
    begun: list[tuple[Ready, str]] = field(default_factory=list)
    ended: list[Ended] = field(default_factory=list)
    marked_started: set[str] = field(default_factory=set)
    marked_ended: dict[str, Outcome] = field(default_factory=dict)
    dead: bool = False


class Sending:
    """The half of the world that sends."""

    store: Cuttable
    clock: VirtualClock
    cast: Cast
    threads: dict[str, Thread]
    composed: dict[str, tuple[int, int]]
    answers: dict[str, str]
    refused_texts: set[str]

    def open_the_channel(self) -> None:
        self.got: Counter[str] = Counter()
        self.bodies: dict[str, str] = {}
        self.doubtful: set[str] = set()
        self.turned_down: set[str] = set()
        self.composer = Composer(self.store, self.clock, LINKS)  # type: ignore[arg-type]
        self.workers = [self._hire(), self._hire()]

    def _hire(self) -> Worker:
        id_ = new_id()
        return Worker(id_, Outbox(self.store, self.clock, DISPATCH_GATES, worker=id_))  # type: ignore[arg-type]

    async def register(self) -> None:
        for worker in self.workers:
            await worker.outbox.register("here", "boot", "")

    async def begin(self, worker: Worker) -> bool:
        """Claim, compose, commit the attempts."""
        for channel in CHANNELS:
            claims = await worker.outbox.claim(channel, 5)
            made = await self.composer.compose(claims) if claims else {}
            for id_, what in made.items():
                assert isinstance(what, OutboundMessage), f"{id_} cannot be composed: {what}"
            batch = [Ready(one, new_id(), channel, "", made[one.message_id].text) for one in claims]  # type: ignore[union-attr]
            if not batch:
                continue
            rows = await self._rows([one.claim.message_id for one in batch])
            allowed = await worker.outbox.begin(batch)
            for ready in batch:
                if ready.claim.message_id in allowed:
                    self._may_leave(ready.claim, rows[ready.claim.message_id])
                    worker.begun.append((ready, ready.body))
        return True

    async def _rows(self, ids: list[str]) -> Mapping[str, Any]:
        async with self.store.read() as connection:
            return {row.id: row for row in await connection.execute(select(_MESSAGES).where(_MESSAGES.c.id.in_(ids)))}

    def _may_leave(self, claim: Claim, row: Any) -> None:
        now = self.clock.now()
        if claim.campaign_id is not None:
            quiet = [one for one in self.threads.values() if self.id_of(one.customer) == claim.customer_id]
            assert not any(one.quiet(now) for one in quiet), "a campaign writes into a chat, or right after it"
            return
        thread = self.threads[row.conversation_id]
        assert self.id_of(thread.customer) == claim.customer_id, "written to somebody else"
        if claim.message_id in self.answers or claim.purpose is Purpose.SERVICE:
            return
        hands, answers = self.composed[claim.message_id]
        if str(row.content["text"]).startswith(PROMISE):
            assert answers == thread.answers, "the promise of an answer leaves after the answer"
            return
        assert not thread.held, "the bot talks over a person"
        assert hands == thread.hands, "what the bot wrote before a person had it leaves"

    def id_of(self, customer: int) -> str:
        return self.cast.people[customer].id

    async def send(self, worker: Worker, outcome: str) -> None:
        """One message through the socket; ``outcome`` also says where the worker dies on the way, if it does."""
        ready, text = worker.begun.pop(0)
        id_ = ready.claim.message_id
        if outcome == "stale":
            worker.ended.append(Ended(ready.attempt_id, id_, not_sent()))
            return
        worker.marked_started.add(ready.attempt_id)
        if outcome == "death before the socket":
            self.doubtful.add(id_)
            self.kill(worker)
            return
        if outcome in ("accepted", "taken, no answer", "death after acceptance"):
            self.got[id_] += 1
            self.bodies[id_] = text
            assert self.got[id_] == 1, f"sent twice: {text}"
            assert not [one for one in self.refused_texts if one in text], f"what was refused is sent: {text}"
        if outcome == "death after acceptance":
            self.kill(worker)
            return
        if outcome == "lost, no answer":
            self.doubtful.add(id_)
        if outcome == "content refused":
            self.turned_down.add(id_)
        result = MADE[outcome](id_)
        worker.marked_ended[ready.attempt_id] = result
        worker.ended.append(Ended(ready.attempt_id, id_, result))

    async def record(self, worker: Worker) -> None:
        ended, worker.ended = worker.ended, []
        if ended:
            await worker.outbox.record(ended)

    def kill(self, worker: Worker) -> None:
        worker.dead = True
        worker.begun.clear()
        worker.ended.clear()

    async def recover(self) -> None:
        for place, worker in enumerate(self.workers):
            if worker.dead:
                self.workers[place] = successor = self._hire()
                await successor.outbox.register("here", "boot", "")
                marks = JournalMarks(frozenset(worker.marked_started), dict(worker.marked_ended))
                await successor.outbox.recover(worker.id, marks)
        async with self.store.write() as connection:  # the database's clock goes on while everybody stands still
            held = _MESSAGES.c.lease_until.is_not(None) & (_MESSAGES.c.worker.not_in([one.id for one in self.workers]))
            await connection.execute(update(_MESSAGES).where(held).values(lease_until=datetime_of_old()))
        await self.workers[0].outbox.sweep()

    async def states(self) -> dict[str, Any]:
        async with self.store.read() as connection:
            return {row.id: row for row in await connection.execute(select(_MESSAGES))}

    def late(self, row: Any) -> bool:
        """Whether it could not leave in time."""
        until: datetime | None = row.not_after
        return until is not None and self.clock.now() >= until

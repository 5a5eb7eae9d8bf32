"""The world of the invariants: a store, two workers in pieces, a provider with a ledger, customers, a clock.

A worker is what a process is to the store: claims, attempts and outcomes in memory, and a journal that outlives it.
Each of its steps can be taken alone, so that anything may come between two of them, its death included.
"""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from sqlalchemy import select, update

from bot.handoff.requesting import Handoffs
from campaigns.applying import version_hash
from campaigns.definition import CampaignBody, CampaignDefinition
from campaigns.engine import HANDOFF, WEBHOOK
from campaigns.gates import DISPATCH_GATES
from campaigns.live import WORKSPACE
from campaigns.operating.pausing import CatchUp
from campaigns.responding.receipts import settle_parked
from campaigns.running.agenda import agenda
from campaigns.running.answering import ON_ANSWER, AnswerActions
from campaigns.running.commands import CommandRunner, Finish, OpenCommand
from campaigns.running.runner import Runner
from campaigns.running.waiting import release_held
from campaigns.starting.entry import enrol_group
from core.addresses import identity_key
from core.clock import VirtualClock
from core.dispatching import Claim, Ended, Ready
from core.errors import PermanentKind
from core.ids import new_id
from core.machines.campaign import CampaignState
from core.machines.message import MessageState
from core.messages import EMAIL, SMS, TELEGRAM, Address
from core.outcomes import Outcome
from core.wakeup import LocalWakeup
from storage.outbox.columns import table
from storage.outbox.outbox import Outbox
from storage.outbox.recovery import JournalMarks
from storage.store import Store
from storage.tables import (
    Campaign,
    CampaignVersion,
    Consent,
    Customer,
    Enrolment,
    Identity,
    Inbound,
    Message,
    OfferCode,
    Setting,
)
from tests.invariants.acts import Acts
from tests.invariants.campaigns import CHANNELS, STOCK, Shop
from tests.invariants.cast import DRAWS, ZONES, Person
from tests.invariants.oracles import Oracles, may_arrive
from tests.invariants.outcomes import MADE, not_sent

MOST_BATCHES = 300
"""More than any plan of these few journeys can take: an engine that never rests is told at once."""


@dataclass
class Hands:
    """One worker's memory, and its journal."""

    id: str
    outbox: Outbox
    claims: list[Claim] = field(default_factory=list)
    begun: list[Ready] = field(default_factory=list)
    ended: list[Ended] = field(default_factory=list)
    marked_started: set[str] = field(default_factory=set)
    marked_ended: dict[str, Outcome] = field(default_factory=dict)
    dead: bool = False


class World(Acts, Oracles):
    """Everything, with one method for each thing that can happen. What must hold is asserted where it can break."""

    def __init__(self, store: Store, start: datetime, shop: Shop) -> None:
        self.store = store
        self.shop = shop
        self.clock = VirtualClock(start)
        wakeup = LocalWakeup()
        self.runner = Runner(store, self.clock, wakeup)
        self.called: Counter[str] = Counter()
        self.commands = CommandRunner(
            store,
            self.clock,
            {
                HANDOFF: Handoffs(store, self.clock),
                ON_ANSWER: AnswerActions(store, self.clock, wakeup),
                WEBHOOK: self._call,
            },
        )
        self.people: list[Person] = []
        self.campaigns: dict[str, Campaign] = {}
        self.definitions: dict[str, CampaignDefinition] = {}
        self.unreachable: set[str] = set()
        self.ledger: Counter[tuple[str, str, str]] = Counter()
        self.taken: dict[str, Ready] = {}
        self.dispatched_at: dict[str, datetime] = {}
        self.judged: dict[str, str] = {}
        self.disowned: set[str] = set()
        self.vouched: set[str] = set()
        self.acknowledged: set[str] = set()
        self.paused: set[str] = set()
        self.ended: set[str] = set()
        self.stopped = False
        self.workers = [self._hire(), self._hire()]

    # the set-up

    def _hire(self) -> Hands:
        id_ = new_id()
        return Hands(
            id_, Outbox(self.store, self.clock, DISPATCH_GATES, worker=id_, on_accepted=settle_parked_receipts)
        )

    async def set_up(self) -> None:
        now = self.clock.now()
        for worker in self.workers:
            await worker.outbox.register("here", "boot", "")
        async with self.store.session() as session:
            session.add(Setting(name=WORKSPACE, value=self.shop.config.model_dump(mode="json"), updated_at=now))
            for body in self.shop.bodies:
                name, version = body.definition.name, self._version(body)
                campaign = Campaign(
                    name=name, version=version, state=CampaignState.ACTIVE, created_at=now, updated_at=now
                )
                session.add(campaign)
                await session.flush()
                session.add(CampaignVersion(hash=version, campaign_id=campaign.id, body=body.as_json(), created_at=now))
                self.campaigns[name] = campaign
            for offer, codes in STOCK.items():
                session.add_all(OfferCode(offer=offer, code=code, imported_at=now) for code in codes)
            for number, zone in enumerate(ZONES):
                await self._person(session, number, zone, now)

    def _version(self, body: CampaignBody) -> str:
        version = version_hash(body)
        self.definitions[version] = body.definition
        return version

    async def _call(self, command: OpenCommand, finish: Finish) -> None:
        """A shop's own server: it is called, then the command is finished."""
        self.called[command.id] += 1
        async with self.store.write() as connection:
            await finish(connection)

    async def _person(self, session: Any, number: int, zone: str, now: datetime) -> None:
        customer = Customer(
            external_id=f"c{number}", zone=zone, draw=DRAWS[number], attributes={"vip": number % 2 == 0},
            created_at=now, updated_at=now,
        )  # fmt: skip
        session.add(customer)
        await session.flush()
        addresses = [
            Address(EMAIL, f"p{number}@example.org"),
            Address(TELEGRAM, str(7000 + number), "42"),
            Address(SMS, f"+1202555010{number}"),
        ]
        if number == 2:
            addresses.pop(1)  # one who never opened a chat with the bot
        identities = [
            Identity(customer_id=customer.id, channel=each.channel, scope=each.scope, address=each.value,
                     key=identity_key(each), created_at=now)
            for each in addresses
        ]  # fmt: skip
        session.add_all(identities)
        await session.flush()
        session.add_all(Consent(identity_id=each.id, purpose="marketing", granted=True, at=now) for each in identities)
        self.people.append(Person(customer.id, ZoneInfo(zone), {each.channel: each.id for each in identities}))

    # journeys

    async def enter(self, person: Person, campaign: str) -> None:
        """Enrol, as a start would: re-entry rules hold, each time is a new round."""
        campaigns = table(Campaign)
        id_ = self.campaigns[campaign].id
        async with self.store.write() as connection:
            row: Any = (await connection.execute(campaigns.select().where(campaigns.c.id == id_))).one()
            if row.state is not CampaignState.ACTIVE:
                return
            definition = self.definitions[row.version]
            await enrol_group(connection, row, definition, self.shop.config, [person.id], self.clock.now())

    async def plan(self) -> None:
        for _ in range(MOST_BATCHES):
            if not await self.runner.run_once():
                return
        raise AssertionError("the runner finds due journeys for ever")

    async def serve(self) -> None:
        """Carry out what campaigns asked others for, and let those go on whose live chat is over."""
        while await self.commands.run_once():
            pass
        await release_held(self.store, self.clock.now())

    async def move(self, by: timedelta) -> None:
        self.clock.advance_to(self.clock.now() + by)
        await self.workers[0].outbox.sweep()

    async def open_journeys(self, person: Person | None = None) -> set[str]:
        enrolments = table(Enrolment)
        wanted = select(enrolments.c.id).where(enrolments.c.closed_at.is_(None))
        if person is not None:
            wanted = wanted.where(enrolments.c.customer_id == person.id)
        async with self.store.read() as connection:
            return set(await connection.scalars(wanted))

    # a worker's steps

    async def claim(self, worker: Hands, channel: str, limit: int = 3) -> None:
        worker.claims += await worker.outbox.claim(channel, limit)

    async def unclaim(self, worker: Hands) -> None:
        held, worker.claims = worker.claims, []
        await worker.outbox.unclaim(held)

    async def begin(self, worker: Hands) -> None:
        """Commit the attempts, and hold what was let through against what the model knows."""
        held, worker.claims = worker.claims, []
        if not held:
            return
        closed = await self._closed([claim.enrolment_id for claim in held])
        batch = [Ready(claim, new_id(), claim.to.channel, "", "hello") for claim in held]
        talking = await self.talking()
        allowed = await worker.outbox.begin(batch)
        for ready in batch:
            if ready.claim.message_id in allowed:
                self._may_leave(ready.claim, closed, talking)
                self.dispatched_at[ready.claim.message_id] = self.clock.now()
                worker.begun.append(ready)

    async def _closed(self, enrolments: Sequence[str | None]) -> set[str]:
        rows = table(Enrolment)
        async with self.store.read() as connection:
            return set(
                await connection.scalars(
                    select(rows.c.id).where(rows.c.id.in_(enrolments), rows.c.closed_at.is_not(None))
                )
            )

    def _may_leave(self, claim: Claim, closed: set[str], talking: set[str]) -> None:
        person = next(each for each in self.people if each.id == claim.customer_id)
        now = self.clock.now()
        assert claim.enrolment_id not in closed, "invariant 2: dispatched after the journey's end"
        assert not person.withdrawn, "invariant 3: dispatched without consent"
        assert claim.identity_id not in self.unreachable, "invariant 3: dispatched to an unreachable address"
        assert may_arrive(now, person.zone, self.shop.config), f"invariant 4: {now.astimezone(person.zone)} there"
        assert person.id not in talking, "invariant 6: dispatched into a live chat, or less than a day after it"
        assert claim.campaign_id not in self.paused, "dispatched though the campaign is paused"
        assert claim.campaign_id not in self.ended, "dispatched though the campaign is stopped"
        assert not self.stopped, "dispatched through the emergency stop"

    async def send(self, worker: Hands, outcome: str) -> None:
        """One message through the socket. ``outcome`` also says where the worker dies on the way, if it does."""
        ready = worker.begun.pop(0)
        message_id = ready.claim.message_id
        if outcome == "stale":  # its turn came too late: the socket is not used
            worker.ended.append(Ended(ready.attempt_id, message_id, not_sent()))
            return
        worker.marked_started.add(ready.attempt_id)
        if outcome == "death before the socket":
            self.kill(worker)
            return
        if outcome in ("accepted", "taken, no answer", "death after acceptance"):
            self._accept(ready)
        if outcome == "death after acceptance":
            self.kill(worker)
            return
        result = MADE[outcome](message_id)
        if result.kind_of_failure == PermanentKind.BAD_ADDRESS:
            self.judged[ready.attempt_id] = ready.claim.identity_id
        worker.marked_ended[ready.attempt_id] = result
        worker.ended.append(Ended(ready.attempt_id, message_id, result))

    def _accept(self, ready: Ready) -> None:
        claim = ready.claim
        assert claim.enrolment_id is not None
        key = (claim.enrolment_id, claim.step, claim.leg)
        self.ledger[key] += 1
        self.taken[claim.message_id] = ready
        assert self.ledger[key] == 1, f"invariant 1: {key} reached the provider twice"

    async def record(self, worker: Hands) -> None:
        ended, worker.ended = worker.ended, []
        if ended:
            await worker.outbox.record(ended)
            self._note_addresses(ended)

    def _note_addresses(self, ended: Sequence[Ended]) -> None:
        self.unreachable |= {
            self.judged[end.attempt_id] for end in ended if end.outcome.kind_of_failure == PermanentKind.BAD_ADDRESS
        }

    def kill(self, worker: Hands) -> None:
        """kill -9: only the journal and the store are left."""
        worker.dead = True
        for memory in (worker.claims, worker.begun, worker.ended):
            memory.clear()

    async def recover(self, *, journal: bool) -> None:
        """The dead workers' successors settle what they left and take their places."""
        for place, worker in enumerate(self.workers):
            if not worker.dead:
                continue
            self.workers[place] = successor = self._hire()
            await successor.outbox.register("here", "boot", "")
            marks = JournalMarks(frozenset(worker.marked_started), dict(worker.marked_ended)) if journal else None
            await successor.outbox.recover(worker.id, marks)
            if journal:
                self._note_addresses([Ended(attempt, "", outcome) for attempt, outcome in worker.marked_ended.items()])

    async def leases_run_out(self) -> None:
        """The database's clock goes on while every worker stands still."""
        messages = table(Message)
        async with self.store.write() as connection:
            await connection.execute(
                update(messages).where(messages.c.lease_until.is_not(None)).values(lease_until=datetime_of_old())
            )
        await self.workers[0].outbox.sweep()

    # what must hold at every moment, and at the end

    async def check(self) -> None:
        states = await self.states()
        before_the_socket = (MessageState.PLANNED, MessageState.CLAIMED, MessageState.CANCELLED, MessageState.SKIPPED)
        for id_ in self.taken:
            assert states[id_] not in before_the_socket, f"{id_} reached the provider and is {states[id_].value}"
        proven = (MessageState.ACCEPTED, MessageState.DELIVERED, MessageState.READ)
        for id_, state in states.items():
            if state in proven and id_ not in self.taken:
                assert id_ in self.vouched, f"{id_} is {state.value} and no provider took it"

    async def play_out(self) -> None:
        """With everything let go and every provider well, each journey comes to its end."""
        await self.emergency(stop=False)
        for name in self.campaigns:
            await self.resume(name, CatchUp.SHIFT)
        for worker in self.workers:
            self.kill(worker)
        await self.recover(journal=True)
        await self._process_inbound()
        for _ in range(150):
            await self.move(timedelta())
            await self.plan()
            for person in self.people:
                await self.chat(person, live=False)
            await self.serve()
            await self._pump(self.workers[0])
            await self.check()
            left = await agenda(self.store, self.clock.now())
            if not left.idle:
                continue
            if left.next_at is None:
                assert not await self.open_journeys(), "a journey is open and nothing will ever move it"
                break
            await self.move(left.next_at - self.clock.now())
        else:
            raise AssertionError(f"{len(await self.open_journeys())} journeys do not come to their end")
        await self.serve()
        await self.workers[0].outbox.sweep()
        await self.audit(ended=True)

    async def _process_inbound(self) -> None:
        inbound = table(Inbound)
        async with self.store.write() as connection:
            await connection.execute(update(inbound).values(state="processed"))

    async def _pump(self, worker: Hands) -> None:
        for channel in CHANNELS:
            await self.claim(worker, channel, 50)
        await self.begin(worker)
        while worker.begun:
            await self.send(worker, "accepted")
        await self.record(worker)


def datetime_of_old() -> datetime:
    return datetime.fromisoformat("2020-01-01T00:00:00+00:00")


async def settle_parked_receipts(connection: Any, accepted: Sequence[tuple[str, str]], now: datetime) -> None:
    await settle_parked(connection, accepted, now)

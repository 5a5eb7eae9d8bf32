"""The real path for one town: scheduler, runner, outbox and desk as a service runs them, on a clock that jumps.

Providers take everything at once. What customers and agents do is that of a simulation's behaviour, done by the
functions that a service calls.
"""

import heapq
from collections import Counter
from datetime import UTC, datetime, timedelta
from itertools import count
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any, NamedTuple, cast

from sqlalchemy import select

from bot.conversations import log_inbound
from bot.senders import Sender
from campaigns.customers.consents import Proof
from campaigns.live import workspace_config
from campaigns.periods import zone_named
from campaigns.responding.answers import record_click, record_open, record_opt_out, record_reply
from campaigns.responding.attribution import NOTHING, attribute_link
from campaigns.responding.events import CustomerEvent, record_event
from campaigns.responding.receipts import record_reports
from campaigns.running.agenda import agenda
from campaigns.simulation.behaviour import Behaviour, Deed, Rule
from campaigns.starting.scheduler import Scheduler
from core.actors import Actor
from core.clock import EPOCH
from core.errors import PermanentKind
from core.ids import new_id
from core.machines.message import MessageState
from core.messages import EMAIL, Address, DeliveryReport, InboundMessage
from storage.outbox.columns import table
from storage.tables import Campaign, Conversation, Customer, Enrolment, Message
from tests.invariants.campaigns import CHANNELS
from tests.invariants.cast import Person
from tests.invariants.world import World

if TYPE_CHECKING:
    from bot.context import Context

MOST_ROUNDS = 200
KIND_OF_DEED = ("bounce", "open", "auto_reply", "click", "reply", "opt_out", "complaint")
"""Those of one instant happen in this order, events last."""
_MESSAGES, _ENROLMENTS, _CUSTOMERS, _CAMPAIGNS = table(Message), table(Enrolment), table(Customer), table(Campaign)
_CONVERSATIONS = table(Conversation)


class Taken(NamedTuple):
    """A message that a provider took, by names that a simulation has too."""

    key: str
    id: str
    who: str
    channel: str


class Reality:
    """Plays ``world`` with ``behaviour`` up to an instant."""

    def __init__(self, world: World, behaviour: Behaviour) -> None:
        self.world = world
        self.behaviour = behaviour
        self.scheduler = Scheduler(world.store, world.clock)
        self._heard: Counter[tuple[str, str]] = Counter()
        self._numbers = count()
        self._deeds: list[tuple[datetime, int, int, str, Deed, Taken | None]] = []
        self._turns: list[tuple[datetime, int, str, bool]] = []
        self._in_care: set[str] = set()

    async def run(self, until: datetime) -> None:
        begins = self.world.clock.now()
        for who, script in self.behaviour.scripts.items():
            for rule in script:
                if not rule.channel:
                    self._remember(begins + rule.after, who, rule, None)
        while True:
            now = self.world.clock.now()
            await self._settle(now)
            upcoming = [(await agenda(self.world.store, now)).next_at, await self.scheduler.next_start()]
            upcoming += [queue[0][0] for queue in (self._deeds, self._turns) if queue]
            at = min((at for at in upcoming if at is not None), default=until)
            if at >= until:
                self.world.clock.advance_to(until)
                return
            self.world.clock.advance_to(max(at, now + timedelta(microseconds=1)))

    def _remember(self, at: datetime, who: str, rule: Rule, about: Taken | None) -> None:
        kind = rule.deed.kind
        rank = KIND_OF_DEED.index(kind) if kind in KIND_OF_DEED else len(KIND_OF_DEED)
        heapq.heappush(self._deeds, (at.astimezone(UTC), rank, next(self._numbers), who, rule.deed, about))

    async def _settle(self, now: datetime) -> None:
        worker = self.world.workers[0]
        await worker.outbox.sweep()
        for _ in range(MOST_ROUNDS):
            await self.scheduler.tick()
            await self._act(now)
            await self.world.serve()
            while await self.world.runner.run_once():
                await self.world.serve()
            await self._care(now)
            for channel in CHANNELS:
                await self.world.claim(worker, channel, 50)
            await self.world.begin(worker)
            ids = [ready.claim.message_id for ready in worker.begun]
            while worker.begun:
                await self.world.send(worker, "accepted")
            await self.world.record(worker)
            await self._follow(ids, now)
            left = await agenda(self.world.store, now)
            if left.idle and not (self._deeds and self._deeds[0][0] <= now):
                return
        raise AssertionError("reality does not come to rest")

    # customers

    async def _follow(self, ids: list[str], now: datetime) -> None:
        """What comes of these messages."""
        rows = (
            select(_MESSAGES.c.id, _MESSAGES.c.channel, _MESSAGES.c.step, _MESSAGES.c.leg, _CUSTOMERS.c.external_id,
                   _CAMPAIGNS.c.name, _ENROLMENTS.c.round)
            .join(_CUSTOMERS, _CUSTOMERS.c.id == _MESSAGES.c.customer_id)
            .join(_CAMPAIGNS, _CAMPAIGNS.c.id == _MESSAGES.c.campaign_id)
            .join(_ENROLMENTS, _ENROLMENTS.c.id == _MESSAGES.c.enrolment_id)
            .where(_MESSAGES.c.id.in_(ids))
        )  # fmt: skip
        async with self.world.store.read() as connection:
            found = (await connection.execute(rows)).all()
        taken = sorted(
            Taken(f"{r.external_id}:{r.name}:{r.round}:{r.step}:{r.leg}", r.id, r.external_id, r.channel) for r in found
        )
        for message in taken:
            self._heard[message.who, message.channel] += 1
            nth = self._heard[message.who, message.channel]
            for rule in self.behaviour.scripts.get(message.who, ()):
                if rule.channel == message.channel and rule.nth == nth:
                    self._remember(now + rule.after, message.who, rule, message)

    async def _act(self, now: datetime) -> None:
        while self._deeds and self._deeds[0][0] <= now:
            *_, who, deed, about = heapq.heappop(self._deeds)
            person = self.world.people[int(who.removeprefix("c"))]
            async with self.world.store.write() as connection:
                await self._do(connection, person, who, deed, about, now)

    async def _do(
        self, connection: Any, person: Person, who: str, deed: Deed, about: Taken | None, now: datetime
    ) -> None:
        key = new_id()
        credited = await attribute_link(connection, about.id) if about is not None else NOTHING
        match deed.kind:
            case "reply" | "auto_reply":
                config = await workspace_config(connection)
                automatic = "auto-submitted" if deed.kind == "auto_reply" else ""
                channel = about.channel if about is not None else EMAIL
                context = cast("Context", SimpleNamespace(received_at=now, now=now, config=config))  # no token
                inbound = InboundMessage("account", key, Address(channel, "x"), "words", automatic=automatic)
                await log_inbound(connection, inbound, Sender(person.id, person.identities[channel], True), context)
                await record_reply(
                    connection, key=key, customer_id=person.id, channel=channel, at=now, now=now,
                    since=config.attribution_window.before(now, zone_named(config.zone)), attribution=credited,
                    automatic=automatic,
                )  # fmt: skip
            case "click" if about is not None:
                await record_click(connection, about.id, "link", at=now, now=now)
            case "open" if about is not None:
                await record_open(connection, about.id, at=now, now=now)
            case "bounce" if about is not None:
                report = DeliveryReport(
                    "account", f"p-{about.id}", MessageState.FAILED, key=key, message_id=about.id,
                    failure=PermanentKind.BAD_ADDRESS,
                )  # fmt: skip
                await record_reports(connection, [report], now)
            case "opt_out" | "complaint":
                proof = Proof("unsubscribe page", "", Actor("customer", person.id), now)
                await record_opt_out(
                    connection, key=key, customer_id=person.id, proof=proof, now=now, attribution=credited,
                    complaint=deed.kind == "complaint",
                )  # fmt: skip
                person.withdrawn = True
            case _:
                event = CustomerEvent("shop", key, who, deed.event, now, None, "")
                await record_event(connection, event, now)

    # agents

    async def _care(self, now: datetime) -> None:
        """Agents see who waits, come to them, and are done with them."""
        waiting = select(_CONVERSATIONS.c.customer_id).where(_CONVERSATIONS.c.state == "queued")
        async with self.world.store.read() as connection:
            queued = set(await connection.scalars(waiting)) - self._in_care
        chats = self.behaviour.chats
        for customer in sorted(queued):
            self._in_care.add(customer)
            answered_at = _whole_minute(now + chats.answer.low)
            heapq.heappush(self._turns, (answered_at, next(self._numbers), customer, True))
            done_at = _whole_minute(answered_at + chats.resolve.low)
            heapq.heappush(self._turns, (done_at, next(self._numbers), customer, False))
        while self._turns and self._turns[0][0] <= now:
            _, _, customer, live = heapq.heappop(self._turns)
            person = next(one for one in self.world.people if one.id == customer)
            await self.world.chat(person, live=live)
            if not live:
                self._in_care.discard(customer)
                await self.world.serve()


def _whole_minute(at: datetime) -> datetime:
    minute = timedelta(minutes=1)
    return EPOCH + -(-(at - EPOCH) // minute) * minute

"""Workers that lose a deadlock: they say so, go on, and nothing is lost, counted against anybody, or sent twice."""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Executable, func, select, text, update

from bot.processing import Processor
from campaigns.composing.composer import Composer
from campaigns.composing.links import Addresses, MessageLinks
from campaigns.definition import EVENT
from campaigns.gates import DISPATCH_GATES
from campaigns.responding import events
from campaigns.responding.arrivals import Arrival
from campaigns.responding.events import events_arrived
from campaigns.running.runner import Runner
from campaigns.starting.scheduler import Scheduler
from channels.adapter import Capabilities
from channels.dispatch import ChannelDispatcher
from channels.journal import Journal
from channels.rates import RateGate
from core.clock import SystemClock
from core.ids import new_id
from core.machines.enrolment import EnrolmentState
from core.machines.message import MessageState
from core.messages import EMAIL, ChannelEvent, OutboundMessage, RawInbound, Receipt
from core.wakeup import JOURNEYS, LocalWakeup
from otklik.service import Service
from storage.intake import Intake
from storage.outbox.columns import table
from storage.outbox.outbox import Outbox
from storage.store import Store
from storage.tables import Attempt, Customer, Enrolment, Event, Identity, Inbound, Message
from tests.bot.scene import Scene, body
from tests.conftest import NOW
from tests.faults.polling import until
from tests.faults.stage import fill

pytestmark = [pytest.mark.fault, pytest.mark.parametrize("store_url", ["postgresql"], indirect=True)]
CUSTOMERS = 5
SOON, LEASE = 50, 600.0
"""What was lost must not wait for the lease. It takes a second; fifteen where PostgreSQL looked for the deadlock before
there was one, and the lock's time-out ends it."""
_LOCK_CUSTOMERS = select(table(Customer).c.id).order_by(table(Customer).c.id).with_for_update(key_share=True)
_LOCK_IDENTITIES = select(table(Identity).c.id).with_for_update()
_LOCK_ENROLMENTS = select(table(Enrolment).c.id).with_for_update()
_LOCK_MESSAGES = select(table(Message).c.id).with_for_update()
_LOCK_INBOUND = select(table(Inbound).c.id).with_for_update()
_SOMEBODY_WAITS = text(
    "SELECT count(*) > 0 FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'"
)


async def cross(store: Store, first: Executable, second: Executable, held: asyncio.Event) -> None:
    """Take what a worker will want, and once it waits for that, want what it has: PostgreSQL ends the worker's."""
    async with store.write() as connection:
        await connection.execute(text("SET LOCAL deadlock_timeout = '1min'"))  # the other one finds out first
        await connection.execute(first)
        held.set()
        await until(partial(_somebody_waits, store), "the worker to wait", SOON)
        await connection.execute(second)


async def _somebody_waits(store: Store) -> bool:
    async with store.read() as connection:
        return bool(await connection.scalar(_SOMEBODY_WAITS))


@asynccontextmanager
async def running(work: Awaitable[Any]) -> AsyncIterator[asyncio.Future[Any]]:
    """``work`` in the background; that it has not ended by itself is checked at the end."""
    task = asyncio.ensure_future(work)
    try:
        yield task
        assert not task.done(), task
    finally:
        task.cancel()
        await asyncio.wait([task])


class Provider:
    """Takes every mail; before the first of them is acknowledged, ``meanwhile`` is awaited."""

    account = "email"
    capabilities = Capabilities(EMAIL, 100_000, sessions=2)

    def __init__(self, meanwhile: Callable[[], Awaitable[None]]) -> None:
        self.taken: Counter[str] = Counter()
        self._meanwhile = meanwhile

    async def open(self) -> None: ...

    async def close(self) -> None: ...

    async def check(self) -> str:
        return ""

    async def send(self, message: OutboundMessage) -> Receipt:
        self.taken[message.id] += 1
        if self.taken.total() == 1:
            await self._meanwhile()
        return Receipt(message.id)


@pytest.mark.parametrize("part", ["begin", "record"])
async def test_a_dispatcher_sends_what_it_lost(store: Store, tmp_path: Path, part: str) -> None:
    await fill(store, tmp_path, CUSTOMERS)
    await Scheduler(store, SystemClock()).tick()
    await Runner(store, SystemClock(), LocalWakeup()).run_once()
    held = asyncio.Event()

    async def in_the_way(first: Executable, second: Executable) -> None:
        crossing.append(asyncio.create_task(cross(store, first, second, held)))
        await held.wait()

    async def while_recording() -> None:
        if part == "record":
            await in_the_way(_LOCK_MESSAGES, _LOCK_ENROLMENTS)

    crossing: list[asyncio.Task[None]] = []
    if part == "begin":
        await in_the_way(_LOCK_ENROLMENTS, _LOCK_CUSTOMERS)
    provider, clock = Provider(while_recording), SystemClock()
    outbox = Outbox(store, clock, DISPATCH_GATES, worker=new_id(), lease_seconds=LEASE)
    await outbox.register("here", "boot", "")
    composer = Composer(store, clock, MessageLinks(Addresses("https://links.example.com", "a secret of this test")))
    journal, wakeup = Journal(tmp_path / "x.journal"), LocalWakeup()
    dispatcher = ChannelDispatcher(provider, outbox, composer, RateGate({}), journal, wakeup)
    async with running(dispatcher.run()):
        await until(partial(_accepted, store), f"{CUSTOMERS} mails", SOON)
        await asyncio.gather(*crossing)
    assert sorted(provider.taken.values()) == [1] * CUSTOMERS
    async with store.read() as connection:
        assert await connection.scalar(select(func.count()).select_from(Attempt)) == CUSTOMERS


async def _accepted(store: Store) -> bool:
    accepted = select(func.count()).where(table(Message).c.state == MessageState.ACCEPTED)
    async with store.read() as connection:
        return await connection.scalar(accepted) == CUSTOMERS


async def test_a_runner_moves_what_it_lost(store: Store, tmp_path: Path) -> None:
    await fill(store, tmp_path, CUSTOMERS)
    await Scheduler(store, SystemClock()).tick()
    wakeup, held = LocalWakeup(), asyncio.Event()
    runner = Runner(store, SystemClock(), wakeup)
    service = object.__new__(Service)
    service.wakeup, service.moving = wakeup, Counter()
    planned = select(func.count()).select_from(Message)

    async def all_planned() -> bool:
        async with store.read() as connection:
            return await connection.scalar(planned) == CUSTOMERS

    crossing = asyncio.create_task(cross(store, _LOCK_IDENTITIES, _LOCK_CUSTOMERS, held))
    await held.wait()
    async with running(service._loop(JOURNEYS, runner.run_once)):
        await crossing
        await until(all_planned, "the messages", SOON)


async def test_a_processor_processes_what_it_lost(store: Store) -> None:
    handled = 0

    def parse(raw: RawInbound) -> list[ChannelEvent]:
        return []

    class Waiting(Processor):
        async def _handle(self, connection: Any, item: Any, config: Any) -> None:
            nonlocal handled
            await connection.execute(_LOCK_CUSTOMERS)
            handled += 1

    async with store.session() as session:
        session.add(Customer(created_at=SystemClock().now(), updated_at=SystemClock().now()))
    async with Intake(store, SystemClock()) as intake:
        await intake.store([RawInbound("telegram", "telegram", "1", b"{}")])
    processor, held = Waiting(store, {"telegram": parse}, SystemClock(), "a secret of this test"), asyncio.Event()
    crossing = asyncio.create_task(cross(store, _LOCK_CUSTOMERS, _LOCK_INBOUND, held))
    await held.wait()
    await processor.run_once()
    await crossing
    await processor.run_once()
    assert handled == 1
    async with store.read() as connection:
        inbound = table(Inbound)
        assert (await connection.execute(select(inbound.c.state, inbound.c.tries))).one() == ("processed", 0)


async def test_a_sweep_and_an_outcome_lock_in_the_same_order(store: Store, tmp_path: Path) -> None:
    await fill(store, tmp_path, CUSTOMERS)
    await Scheduler(store, SystemClock()).tick()
    await Runner(store, SystemClock(), LocalWakeup()).run_once()
    outbox = Outbox(store, SystemClock(), DISPATCH_GATES, worker=new_id(), lease_seconds=0)
    claims = await outbox.claim(EMAIL, CUSTOMERS)
    async with store.write() as connection:  # as a worker left them that stands still
        dispatching = update(table(Message)).values(state=MessageState.DISPATCHING)
        await connection.execute(dispatching)
    held = asyncio.Event()
    crossing = asyncio.create_task(cross(store, _LOCK_ENROLMENTS, _LOCK_MESSAGES, held))
    await held.wait()
    assert await outbox.sweep() == len(claims) == CUSTOMERS
    await crossing


async def test_events_lock_all_their_customers_in_one_order(store: Store) -> None:
    """The customer whose send is answered stands behind the one whose goal is reached: found later, locked in order."""
    scene = Scene(store)
    first, second = await scene.person(), await scene.person()
    goal = await scene.enrol(first, await scene.campaign(body("goal")))
    waiting = await scene.campaign(body("waiting", until=frozenset({f"{EVENT}order"})))
    answered = await scene.enrol(second, waiting)
    await scene.message(second, answered)
    held, one = asyncio.Event(), _LOCK_CUSTOMERS.with_only_columns(table(Customer).c.id)
    by_id = table(Customer).c.id
    crossing = asyncio.create_task(cross(store, one.where(by_id == first.id), one.where(by_id == second.id), held))
    await held.wait()
    async with store.write() as connection:
        await connection.execute(text("SET LOCAL deadlock_timeout = '10ms'"))
        arrived = [Arrival(person.id, "order", NOW) for person in (second, first)]
        assert await events_arrived(connection, arrived, NOW) == 2
    await crossing
    assert [await scene.state(one) for one in (goal, answered)] == [EnrolmentState.CONVERTED, EnrolmentState.ANSWERED]


async def test_a_sweep_of_goals_commits_part_by_part(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(events, "SWEPT_AT_ONCE", 1)
    scene = Scene(store)
    people = [await scene.person() for _ in range(2)]
    campaign = await scene.campaign(body())
    first, second = [await scene.enrol(one, campaign) for one in people]
    async with store.session() as session:
        session.add_all(
            Event(customer_id=one.id, name="order", at=NOW, source="file", external_id=one.id, recorded_at=NOW)
            for one in people
        )

    async def converted() -> bool:
        return await scene.state(first) is EnrolmentState.CONVERTED

    async with store.write() as connection:
        await connection.execute(_LOCK_CUSTOMERS.where(table(Customer).c.id == people[1].id))
        sweeping = asyncio.create_task(events.sweep_goals(store, NOW))
        await until(converted, "the first part of the sweep", SOON)
        assert await scene.state(second) is EnrolmentState.WAITING
    async with asyncio.timeout(SOON):
        assert await sweeping == 2

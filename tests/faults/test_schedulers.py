"""Five schedulers on one store: every occurrence is there once, fired once in effect, and nobody enters twice."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, suppress
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from pathlib import Path

import pytest
from sqlalchemy import func, select, update

from campaigns.applying import apply
from campaigns.starting.entry import MISFIRE
from campaigns.starting.scheduler import FIRED, FIRING, SKIPPED, Scheduler
from campaigns.workspace.loader import load_workspace
from core.actors import Actor
from core.clock import VirtualClock
from core.errors import StoreUnavailable
from core.machines.enrolment import EnrolmentState
from storage import migrate
from storage.imports import ConsentGrant, CustomerOptions, import_customers
from storage.outbox.columns import table
from storage.store import Store
from storage.tables import Enrolment, Occurrence
from tests.databases import open_unsynced
from tests.faults.stage import CAMPAIGN, write_workspace

pytestmark = [pytest.mark.fault, pytest.mark.timeout(900)]
START = datetime(2026, 12, 1, 12, 0, tzinfo=UTC)
SCHEDULERS = 5
CUSTOMERS = 20


@pytest.fixture
async def stores(store_url: str, tmp_path: Path) -> AsyncIterator[list[Store]]:
    """The same store opened five times, as five processes would."""
    async with AsyncExitStack() as stack:
        stores = [await open_unsynced(store_url, pool_size=2) for _ in range(SCHEDULERS)]
        opened = [await stack.enter_async_context(store) for store in stores]
        await migrate.upgrade(opened[0])
        people = tmp_path / "people.csv"
        people.write_text("id,email,country\n" + "".join(f"{n},r{n}@example.org,GB\n" for n in range(CUSTOMERS)))
        grant = ConsentGrant("marketing", "a test", "yes")
        await import_customers(opened[0], people, CustomerOptions(consent=grant, now=START))
        yield opened


async def _apply(store: Store, folder: Path, start: str, **more: str) -> None:
    shop = write_workspace(folder)
    campaign = CAMPAIGN.replace("start: now", f"start: {start}") + "".join(f"{k}: {v}\n" for k, v in more.items())
    (shop / "campaigns" / "letters.yaml").write_text(campaign)
    await apply(store, load_workspace(shop), Actor("operator", "test"), START)


async def _look(scheduler: Scheduler) -> None:
    """One look, as the service takes it: whose turn never came on SQLite, or who lost, looks again."""
    while True:
        with suppress(StoreUnavailable):
            await scheduler.tick()
            return


async def _counts(store: Store) -> tuple[int, int, int]:
    """Occurrences, those fired, enrolments."""
    occurrences, enrolments = table(Occurrence), table(Enrolment)
    async with store.read() as connection:

        async def count(*what: object) -> int:
            return await connection.scalar(select(func.count()).select_from(*what)) or 0

        fired = await connection.scalar(select(func.count()).where(occurrences.c.outcome == FIRED))
        return await count(occurrences), fired or 0, await count(enrolments)


async def test_a_thousand_occurrences(stores: list[Store], tmp_path: Path) -> None:
    """Every minute for 1,000 minutes (200 on SQLite); the schedulers look together, each time 50 minutes later."""
    number = 1000 if stores[0].dialect == "postgresql" else 200
    await _apply(stores[0], tmp_path, '{cron: "* * * * *"}')
    clocks = [VirtualClock(START) for _ in stores]
    schedulers = [Scheduler(store, clock) for store, clock in zip(stores, clocks, strict=True)]
    assert timedelta(minutes=50) < MISFIRE
    for minutes in range(50, number + 1, 50):
        for clock in clocks:
            clock.advance_to(START + timedelta(minutes=minutes))
        await asyncio.gather(*map(_look, schedulers))
    assert await _counts(stores[0]) == (number, number, CUSTOMERS)


async def test_every_round_once(stores: list[Store], tmp_path: Path) -> None:
    """With re-entry each occurrence takes everybody in again: once, though five schedulers fire it."""
    await _apply(stores[0], tmp_path, '{cron: "0 * * * *"}', reentry="after 1h")
    clocks = [VirtualClock(START) for _ in stores]
    schedulers = [Scheduler(store, clock) for store, clock in zip(stores, clocks, strict=True)]
    enrolments = table(Enrolment)
    rounds = 6
    for hours, _ in pairwise(range(1, rounds + 2)):
        for clock in clocks:
            clock.advance_to(START + timedelta(hours=hours))
        await asyncio.gather(*map(_look, schedulers))
        assert await _counts(stores[0]) == (hours, hours, hours * CUSTOMERS)
        async with stores[0].write() as connection:
            await connection.execute(
                update(enrolments).values(state=EnrolmentState.EXHAUSTED, closed_at=clocks[0].now())
            )


async def test_an_interrupted_start_that_is_too_old_is_skipped(stores: list[Store], tmp_path: Path) -> None:
    await _apply(stores[0], tmp_path, '{cron: "0 * * * *"}')
    occurrences = table(Occurrence)
    clock = VirtualClock(START + timedelta(hours=1))
    scheduler = Scheduler(stores[0], clock)
    await scheduler.tick()
    async with stores[0].write() as connection:
        await connection.execute(update(occurrences).values(outcome=FIRING))
    clock.advance_to(START + timedelta(hours=2, minutes=30))
    await scheduler.tick()
    async with stores[0].read() as connection:
        outcomes = list(await connection.scalars(select(occurrences.c.outcome).order_by(occurrences.c.instant)))
    assert outcomes == [SKIPPED, FIRED]


async def test_five_that_start_together(stores: list[Store], tmp_path: Path) -> None:
    """The first look of all: the segment is filled once, and everybody enters once."""
    await _apply(stores[0], tmp_path, "now")
    schedulers = [Scheduler(store, VirtualClock(START)) for store in stores]
    entered = await asyncio.gather(*(scheduler.tick() for scheduler in schedulers))
    assert sum(entered) == CUSTOMERS
    assert await _counts(stores[0]) == (1, 1, CUSTOMERS)

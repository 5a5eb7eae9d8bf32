"""A refresh that asks only some finds what asking everybody finds, whatever happened and whatever time went by."""

import asyncio
import random
from datetime import datetime, timedelta
from functools import partial
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from sqlalchemy import insert, select, update

from campaigns.segments import changes, refresh
from campaigns.segments.compiling import compile_segment
from campaigns.segments.reading import read_stored
from campaigns.segments.refresh import refresh_segment
from core.clock import machine_now
from core.ids import new_id
from storage.outbox.columns import table
from storage.store import Store
from storage.tables import (
    Consent,
    ConsentRecord,
    Customer,
    CustomerTag,
    Event,
    Identity,
    Response,
    SegmentMembership,
    SegmentRefresh,
)
from tests.campaigns.segments.settling import settle
from tests.campaigns.segments.strategies import TICK, ZONE, town
from tests.conftest import NOW

WATCHED: dict[str, Any] = {
    "dormant": {"event": "order", "last": {"above": "30d"}},
    "spenders": [
        {"event": "order", "sum": {"above": 20}, "within": "2mo"}, {"event": "order", "last": {"above": "1d"}},
    ],
    "new": {"any": [{"field": "created_at", "below": "2mo"}, {"event": "order", "first": {"below": "30d"}}]},
    "never": {"not": {"event": "order"}},
    "buys-books": {"event": "order", "latest": {"category": "books"}, "not_within": "2h"},
    "agreed": [{"consent": "marketing", "channel": "email"}, {"channel": "email", "reachable": True}],
    "clicked": {"campaign": "any", "did": "clicked", "did_not": "replied", "within": "30d"},
    "entered": {"campaign": "winback", "did": "entered", "within": "1y"},
    "birthdays": {"field": "birthday", "within_next": "7d"},
    "tagged": [{"tag": "vip"}, {"not": {"field": "country", "is": "DE"}}],
    "given": {"offer": "winter-10", "within": "30d"},
    "half": [{"percent": 50}, {"event": "visit", "count": {"at_most": 1}, "within": "400d"}],
}  # fmt: skip
SEGMENTS = {name: read_stored(name, {"where": where}) for name, where in WATCHED.items()}


@pytest.fixture
def at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """No slack: what was seen once is not looked at again for being young."""
    monkeypatch.setattr(changes, "SLACK", timedelta())
    monkeypatch.setattr(refresh, "SLACK", timedelta())


def _next_millisecond() -> None:
    """Ids made from here on are of a later one."""
    seen = machine_now()
    while machine_now() - seen < timedelta(milliseconds=2):
        pass


async def _happen(store: Store, chance: random.Random, ids: list[str], now: datetime) -> None:
    """One thing that a shop or a customer does."""
    someone = chance.choice(ids)
    async with store.write() as connection:
        match chance.choice(["order", "visit", "field", "tag", "consent", "address", "click", "new"]):
            case "order" | "visit" as name:
                at = now - chance.choice([timedelta(), timedelta(hours=2), timedelta(days=29), timedelta(hours=-3)])
                event = Event(
                    customer_id=someone, name=name, at=at, amount_micros=25_000_000, source="t",
                    external_id=new_id(), recorded_at=now, properties={"category": chance.choice(["books", "toys"])},
                )  # fmt: skip
                await connection.execute(insert(table(Event)).values(event.model_dump()))
            case "field":
                values = {"country": chance.choice(["DE", "RU"]), "updated_at": now}
                await connection.execute(update(table(Customer)).where(table(Customer).c.id == someone).values(values))
            case "tag":
                tags = table(CustomerTag)
                await connection.execute(tags.delete().where(tags.c.customer_id == someone))
                if chance.random() < 0.7:
                    await connection.execute(insert(tags).values(customer_id=someone, tag="vip", at=now))
                where = table(Customer).c.id == someone
                await connection.execute(update(table(Customer)).where(where).values(updated_at=now))
            case "consent":
                found = (await connection.execute(select(table(Consent)).order_by(table(Consent).c.identity_id))).all()
                row = chance.choice(found)
                consents = table(Consent)
                where = (consents.c.identity_id == row.identity_id) & (consents.c.purpose == row.purpose)
                await connection.execute(update(consents).where(where).values(granted=not row.granted))
                identity = select(table(Identity).c.customer_id).where(table(Identity).c.id == row.identity_id)
                record = ConsentRecord(
                    identity_id=row.identity_id, customer_id=str(await connection.scalar(identity)),
                    purpose=row.purpose, granted=not row.granted, at=now,
                )  # fmt: skip
                await connection.execute(insert(table(ConsentRecord)).values(record.model_dump()))
            case "address":
                where = table(Identity).c.customer_id == someone
                reachable = chance.random() < 0.5
                await connection.execute(update(table(Identity)).where(where).values(reachable=reachable))
            case "click":
                click = Response(
                    key=new_id(), kind=chance.choice(["click", "reply"]), customer_id=someone, at=now,
                    campaign_id=new_id(),
                )  # fmt: skip
                await connection.execute(insert(table(Response)).values(click.model_dump()))
            case _:
                customer = Customer(created_at=now, updated_at=now)
                await connection.execute(insert(table(Customer)).values(customer.model_dump()))
                ids.append(customer.id)


async def _members(store: Store, name: str) -> set[Any]:
    rows = table(SegmentMembership)
    async with store.read() as connection:
        query = select(rows.c.customer_id).where(rows.c.segment == name, rows.c.left_at.is_(None))
        return set(await connection.scalars(query))


@pytest.mark.usefixtures("at_once")
@pytest.mark.parametrize("seed", [1, 2])
async def test_asking_some_finds_what_asking_everybody_finds(store: Store, seed: int) -> None:
    chance = random.Random(seed)
    people = {new_id(): person for person in town(60, seed)}
    for person in people.values():  # what a campaign knows has been; only events are told of before their time
        person.deeds = [deed for deed in person.deeds if deed.at <= NOW]
        person.grants = [grant for grant in person.grants if grant[1] <= NOW]
    ids = sorted(people)
    async with store.write() as connection:
        await settle(connection, people)
    now, incremental, moves = NOW, 0, 0
    for _ in range(14):
        for name in SEGMENTS:
            done = await refresh_segment(store, name, SEGMENTS, now=now, zone=ZONE)
            async with store.read() as connection:
                truth: set[Any] = set(await connection.scalars(compile_segment(name, SEGMENTS, now=now, zone=ZONE)))
            assert await _members(store, name) == truth, (name, now, done)
            assert done.size == len(truth)
            incremental += not done.full
            moves += 0 if done.full else done.entered + done.left
        _next_millisecond()
        for _ in range(chance.choice([0, 1, 3])):
            await _happen(store, chance, ids, now)
        now += chance.choice([TICK, timedelta(minutes=5), timedelta(hours=2), timedelta(days=1), timedelta(days=29)])
    assert incremental > 100
    assert moves > 50


ORDERED = {"ordered": read_stored("ordered", {"where": {"event": "order"}})}


@pytest.mark.usefixtures("at_once")
async def test_what_was_written_before_and_committed_after_a_refresh_is_found(store: Store) -> None:
    if store.dialect == "sqlite":
        pytest.skip("SQLite has one writer: nobody looks while a row waits for its commit")
    customers = [Customer(created_at=NOW, updated_at=NOW - timedelta(days=90)) for _ in range(2)]
    async with store.write() as connection:
        await connection.execute(insert(table(Customer)), [customer.model_dump() for customer in customers])
    await refresh_segment(store, "ordered", ORDERED, now=NOW, zone=ZONE)
    async with store.write() as late:
        await late.execute(select(1))
        _next_millisecond()
        event = Event(customer_id=customers[0].id, name="order", at=NOW, source="t", external_id="1", recorded_at=NOW)
        await late.execute(insert(table(Event)).values(event.model_dump()))
        _next_millisecond()
        meanwhile = await refresh_segment(store, "ordered", ORDERED, now=NOW + timedelta(hours=1), zone=ZONE)
        assert (meanwhile.entered, meanwhile.full) == (0, False)
    found = await refresh_segment(store, "ordered", ORDERED, now=NOW + timedelta(hours=2), zone=ZONE)
    assert (found.entered, found.full) == (1, False)


async def test_a_refresh_that_was_overtaken_asks_again(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    customer = Customer(created_at=NOW, updated_at=NOW)
    old = Event(
        customer_id=customer.id, name="order", at=NOW - timedelta(days=40), source="t", external_id="1", recorded_at=NOW
    )
    async with store.write() as connection:
        await connection.execute(insert(table(Customer)).values(customer.model_dump()))
        await connection.execute(insert(table(Event)).values(old.model_dump()))
    has_asked, may_write, ask = asyncio.Event(), asyncio.Event(), refresh._ask
    asked = 0

    async def paused(*words: Any, **named: Any) -> Any:
        nonlocal asked
        asked += 1
        found = await ask(*words, **named)
        if asked == 1:
            has_asked.set()
            await may_write.wait()
        return found

    monkeypatch.setattr(refresh, "_ask", paused)
    refresh_it = partial(refresh_segment, store, "dormant", SEGMENTS, now=NOW, zone=ZONE)
    async with store.write() as connection:  # known, but never refreshed: what the first one asks is all that it has
        await connection.execute(insert(table(SegmentRefresh)).values(SegmentRefresh(segment="dormant").model_dump()))
    slow = asyncio.create_task(refresh_it())
    async with asyncio.timeout(60):
        await has_asked.wait()
    async with store.write() as connection:
        new = {**old.model_dump(), "id": new_id(), "at": NOW, "external_id": "2"}
        await connection.execute(insert(table(Event)).values(new))
    await refresh_it()
    may_write.set()
    await slow
    assert asked == 3
    assert await _members(store, "dormant") == set()


async def test_too_many_changes_ask_everybody(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(refresh, "FEW", 3)
    people = {new_id(): person for person in town(20, 5)}
    async with store.write() as connection:
        await settle(connection, people)
    await refresh_segment(store, "dormant", SEGMENTS, now=NOW, zone=ZONE)
    assert (await refresh_segment(store, "dormant", SEGMENTS, now=NOW, zone=ZONE)).full


async def test_other_words_ask_everybody(store: Store) -> None:
    await refresh_segment(store, "ordered", ORDERED, now=NOW, zone=ZONE)
    assert not (await refresh_segment(store, "ordered", ORDERED, now=NOW, zone=ZONE)).full
    other = {"ordered": read_stored("ordered", {"where": {"event": "visit"}})}
    assert (await refresh_segment(store, "ordered", other, now=NOW, zone=ZONE)).full
    assert (await refresh_segment(store, "ordered", other, now=NOW, zone=ZoneInfo("UTC"))).full

"""Memberships follow the segment: who enters is opened, who leaves is closed, and history stays."""

from datetime import timedelta

from sqlalchemy import insert, select

from campaigns.segments.keeping import KEEP_EVERY, keep_segments
from campaigns.segments.reading import read_stored
from campaigns.segments.refresh import Refreshed, refresh_segment, segment_size
from core.ids import new_id
from storage.outbox.columns import table
from storage.store import Store
from storage.tables import Customer, Event, Segment, SegmentMembership, Setting
from tests.campaigns.segments.strategies import ZONE
from tests.conftest import NOW

SEGMENTS = {"dormant": read_stored("dormant", {"where": {"event": "order", "last": {"above": "30d"}}})}


async def _order(store: Store, customer: str, days_ago: int) -> None:
    at = NOW - timedelta(days=days_ago)
    row = Event(customer_id=customer, name="order", at=at, source="t", external_id=new_id(), recorded_at=NOW)
    async with store.write() as connection:
        await connection.execute(insert(table(Event)).values(row.model_dump()))


async def _refresh(store: Store, days: int = 0, *, full: bool = True) -> Refreshed:
    return await refresh_segment(store, "dormant", SEGMENTS, now=NOW + timedelta(days=days), zone=ZONE, full=full)


async def _customer(store: Store) -> str:
    row = Customer(created_at=NOW, updated_at=NOW)
    async with store.write() as connection:
        await connection.execute(insert(table(Customer)).values(row.model_dump()))
    return row.id


async def test_customers_enter_and_leave(store: Store) -> None:
    sleeper, fresh = await _customer(store), await _customer(store)
    await _order(store, sleeper, 40)
    await _order(store, fresh, 10)
    assert await _refresh(store) == Refreshed(1, 0, 1, full=True)
    assert await _refresh(store) == Refreshed(0, 0, 1, full=True)
    await _order(store, sleeper, 0)
    assert await _refresh(store, days=1) == Refreshed(0, 1, 0, full=True)
    assert await _refresh(store, days=25) == Refreshed(1, 0, 1, full=True)
    assert await _refresh(store, days=40) == Refreshed(1, 0, 2, full=True)
    memberships = table(SegmentMembership)
    async with store.read() as connection:
        rows = (await connection.execute(select(memberships.c.customer_id, memberships.c.left_at))).all()
        assert await segment_size(connection, "dormant") == 2
    assert sorted(row.customer_id for row in rows) == sorted([sleeper, sleeper, fresh])
    assert [row.left_at for row in rows if row.left_at] == [NOW + timedelta(days=1)]


async def test_out_and_back_at_one_instant_goes_on(store: Store) -> None:
    sleeper = await _customer(store)
    await _order(store, sleeper, 40)
    await _refresh(store)
    memberships = table(SegmentMembership)
    async with store.write() as connection:
        await connection.execute(memberships.update().values(left_at=NOW))
    assert await _refresh(store) == Refreshed(1, 0, 1, full=True)


async def test_every_applied_segment_is_kept(store: Store) -> None:
    sleeper = await _customer(store)
    await _order(store, sleeper, 40)
    rows = [
        Segment(name=name, definition={"where": where}, hash=name).model_dump()
        for name, where in (
            ("broken", {"segment": "broken"}),
            ("dormant", {"event": "order", "last": {"above": "30d"}}),
            ("ordered", {"event": "order"}),
        )
    ]
    async with store.write() as connection:
        await connection.execute(insert(table(Segment)), rows)
        config = {"brand": {"name": "Shop"}, "zone": "Europe/Berlin"}
        await connection.execute(insert(table(Setting)).values(name="workspace", value=config, updated_at=NOW))
    assert await keep_segments(store, NOW) == 2
    assert await keep_segments(store, NOW) == 0
    await _order(store, sleeper, 0)
    assert await keep_segments(store, NOW + KEEP_EVERY - timedelta(seconds=1)) == 0  # not yet
    assert await keep_segments(store, NOW + KEEP_EVERY) == 1

"""What templates and choices may know of customers: their columns and what their orders come to, a batch at a time."""

from collections.abc import Collection
from datetime import datetime
from typing import Any

from sqlalchemy import bindparam, func, select
from sqlalchemy.ext.asyncio import AsyncConnection

from campaigns.templates.variables import OrderFigures
from storage.given import IDS, given_ids
from storage.outbox.columns import inline, table
from storage.tables import Customer, Event
from storage.types import Instant

_CUSTOMERS = table(Customer)
_EVENTS = table(Event)
_CUSTOMERS_WANTED = select(
    _CUSTOMERS.c.id,
    _CUSTOMERS.c.external_id,
    _CUSTOMERS.c.first_name,
    _CUSTOMERS.c.last_name,
    _CUSTOMERS.c.locale,
    _CUSTOMERS.c.zone,
    _CUSTOMERS.c.zone_guess,
    _CUSTOMERS.c.country,
    _CUSTOMERS.c.city,
    _CUSTOMERS.c.birthday,
    _CUSTOMERS.c.stage,
    _CUSTOMERS.c.attributes,
).where(given_ids(_CUSTOMERS.c.id))
_ORDERS_WANTED = (
    select(
        _EVENTS.c.customer_id,
        func.count().label("number"),
        func.coalesce(func.sum(_EVENTS.c.amount_micros), 0).label("total"),
        func.min(_EVENTS.c.at).label("first_at"),
        func.max(_EVENTS.c.at).label("last_at"),
    )
    # the name is a literal: SQLite uses the index of orders only where it can read its condition
    .where(
        given_ids(_EVENTS.c.customer_id),
        _EVENTS.c.name == inline("order"),
        _EVENTS.c.at <= bindparam("now", type_=Instant()),
    )
    .group_by(_EVENTS.c.customer_id)
)


async def customers_by_id(connection: AsyncConnection, ids: Collection[str]) -> dict[str, dict[str, Any]]:
    """The customers' columns."""
    rows = await connection.execute(_CUSTOMERS_WANTED, {IDS: list(ids)})
    names = tuple(rows.keys())
    return {row[0]: dict(zip(names, row, strict=True)) for row in rows}


async def orders_of(connection: AsyncConnection, ids: Collection[str], now: datetime) -> dict[str, OrderFigures]:
    """What the customers' orders up to ``now`` come to; who has none is left out."""
    return {
        row.customer_id: OrderFigures(row.number, int(row.total), row.first_at, row.last_at)
        for row in await connection.execute(_ORDERS_WANTED, {IDS: list(ids), "now": now})
    }

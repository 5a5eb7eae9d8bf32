"""Memberships: who is in a segment from when to when, written as sets."""

from collections.abc import Awaitable, Callable, Sequence
from datetime import datetime
from typing import Any, Literal

from sqlalchemy import Select, Text, cast, func, literal, null, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from storage.given import IDS, given_ids
from storage.outbox.columns import table
from storage.statements import insert_into
from storage.tables import Customer, SegmentMembership
from storage.types import Instant

_customers = table(Customer)
_memberships = table(SegmentMembership)
_IS_OPEN = _memberships.c.left_at.is_(None)

Move = Callable[[AsyncConnection, str, Sequence[str], datetime], Awaitable[None]]
"""Writes that customers enter or leave a segment at an instant."""


def members(name: str) -> Select[Any]:
    """SELECT of the ids of those who were in the segment at its last refresh."""
    return select(_memberships.c.customer_id).where(_memberships.c.segment == name, _IS_OPEN)


def both(leaving: Sequence[str]) -> Move:
    """Some leave while others enter."""

    async def move(connection: AsyncConnection, name: str, entering: Sequence[str], now: datetime) -> None:
        await leave(connection, name, leaving, now)
        await enter(connection, name, entering, now)

    return move


async def leave(connection: AsyncConnection, name: str, ids: Sequence[str], now: datetime) -> None:
    """Close the open memberships of customers."""
    if not ids:
        return
    statement = update(_memberships).where(
        _memberships.c.segment == name, _IS_OPEN, given_ids(_memberships.c.customer_id)
    )
    await connection.execute(statement.values(left_at=now), {IDS: ids})


async def enter(connection: AsyncConnection, name: str, ids: Sequence[str], now: datetime) -> None:
    """Open memberships; nobody has one that is open."""
    if not ids:
        return
    # from the customers: one who was erased a moment ago does not enter
    new = select(cast(literal(name), Text), _customers.c.id, literal(now, Instant()), cast(null(), Instant())).where(
        given_ids(_customers.c.id)
    )
    columns = ["segment", "customer_id", "entered_at", "left_at"]
    # left and back at one and the same instant (a virtual clock): the membership simply goes on
    statement = insert_into(connection, _memberships).from_select(columns, new)
    await connection.execute(
        statement.on_conflict_do_update(index_elements=columns[:3], set_={"left_at": None}), {IDS: ids}
    )


def moved(name: str, on: Literal["entered", "left"], *, after: datetime, until: datetime) -> Select[Any]:
    """SELECT of (customer_id, at) of those who entered or left segment ``name`` after one instant, up to another.

    Take ``Segment.refreshed_at`` as ``until``: a refresh that still goes on has written some of its instant only.
    """
    at = _memberships.c.entered_at if on == "entered" else _memberships.c.left_at
    return select(_memberships.c.customer_id, at.label("at")).where(
        _memberships.c.segment == name, at > after, at <= until
    )


async def segment_size(connection: AsyncConnection, name: str) -> int:
    """How many were in the segment at its last refresh."""
    counted = select(func.count()).where(_memberships.c.segment == name, _IS_OPEN)
    return int(await connection.scalar(counted) or 0)

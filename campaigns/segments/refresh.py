"""Bringing a segment's memberships up to date: who entered, who left.

A refresh asks in a reading transaction, then writes in short ones. ``segment_refreshes.revision`` rises with each of
them, so a refresh whose segment was written by another one meanwhile notices and asks again. If it dies half way, the
next one finds the rest: what the segment had seen is written down only at the end.
"""

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from sqlalchemy import (
    DateTime,
    column,
    func,
    literal,
    select,
    union,
    union_all,
    update,
)
from sqlalchemy import table as view
from sqlalchemy.ext.asyncio import AsyncConnection

from campaigns.segments.changes import SLACK, Standing, changed
from campaigns.segments.compiling import compile_condition, inlined
from campaigns.segments.membership import Move, both, enter, leave, members, moved, segment_size
from campaigns.segments.reading import read_stored
from campaigns.segments.syntax import Condition, InSegment, SegmentDefinition
from core.clock import machine_now, uptime
from core.errors import Refused, StoreUnavailable
from core.reading.problems import WorkspaceInvalid
from storage.given import IDS, given_ids
from storage.outbox.columns import table
from storage.statements import chunks, insert_missing
from storage.store import Store
from storage.tables import Customer, Segment, SegmentRefresh

__all__ = ["Refreshed", "moved", "refresh_segment", "segment_size", "stored_segments"]

FULL_EVERY = timedelta(days=1)
"""After this long (machine time) everybody is asked again, whatever the changes say."""
FEW = 1000
"""So many customers are always few enough to be asked by themselves."""
SHARE_OF_FEW = 20
"""Beyond a twentieth of all customers it is cheaper to ask everybody."""
WRITTEN_AT_ONCE = 2000
"""Memberships a transaction: far under 50 ms."""
ATTEMPTS = 5
LONGEST_TRANSACTION = timedelta(hours=1)
"""Of one that stays open longer nothing is missed but what it wrote first, until everybody is asked again."""

_segments = table(Segment)
_customers = table(Customer)
_refreshes = table(SegmentRefresh)
_ACTIVITY = view(
    "pg_stat_activity",
    column("pid"), column("datname"), column("xact_start", DateTime(timezone=True)),
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Refreshed:
    """What a refresh changed, the segment's size after it, and whether everybody was asked for it."""

    entered: int
    left: int
    size: int
    full: bool


@dataclass(frozen=True, slots=True)
class _Asked:
    """What the reading transaction found."""

    entering: Sequence[str]
    leaving: Sequence[str]
    full: bool
    customers: int
    through: datetime


async def stored_segments(connection: AsyncConnection) -> dict[str, SegmentDefinition]:
    """Every applied segment by name.

    Raises:
        Refused: if one cannot be read by this release.
    """
    rows = await connection.execute(select(_segments.c.name, _segments.c.definition, _segments.c.description))
    try:
        return {row.name: read_stored(row.name, row.definition) for row in rows}
    except WorkspaceInvalid as error:
        raise Refused(f"{error}; apply the workspace again") from None


async def refresh_segment(
    store: Store,
    name: str,
    segments: Mapping[str, SegmentDefinition],
    *,
    now: datetime,
    zone: ZoneInfo,
    full: bool = False,
) -> Refreshed:
    """Open a membership for everyone who is in segment ``name`` at ``now`` and close those of everyone who is not.

    Only those who may have changed are asked, where that can be told; ``full`` asks everybody.

    Raises:
        Refused: as :func:`campaigns.segments.compiling.compile_segment`.
        StoreUnavailable: if other refreshes of this segment were faster, again and again.
    """
    condition = inlined(InSegment(name), segments)
    asked = hashlib.blake2b(f"{condition!r} {zone.key}".encode(), digest_size=16).hexdigest()
    for _ in range(ATTEMPTS):
        began = uptime()
        async with store.read() as connection:
            standing = await _standing(connection, name)  # first: what is read afterwards may only be newer
            found = None
            if standing is not None:
                usable = not full and standing.asked == asked
                found = await _ask(connection, condition, standing if usable else None, name, now=now, zone=zone)
        if standing is None or found is None:
            async with store.write() as connection:
                row = SegmentRefresh(segment=name).model_dump()
                await insert_missing(connection, _refreshes, [row])
            continue
        size = await _write(store, name, standing, found, now=now, asked=asked, began=began)
        if size is not None:
            return Refreshed(len(found.entering), len(found.leaving), size, found.full)
    raise StoreUnavailable(f"segment {name!r} is being refreshed by others all the time; try again")


async def _standing(connection: AsyncConnection, name: str) -> Any:
    return (await connection.execute(select(_refreshes).where(_refreshes.c.segment == name))).one_or_none()


async def _ask(
    connection: AsyncConnection, condition: Condition, last: Any, name: str, *, now: datetime, zone: ZoneInfo
) -> _Asked:
    """Who enters and who leaves; ``last`` is how the segment stands, None if nothing is known."""
    through = await _seen_through(connection)
    some = await _candidates(connection, condition, last, now=now, zone=zone)
    inside = compile_condition(condition, {}, now=now, zone=zone, among=None if some is None else given_ids)
    there_now = members(name)
    if some is not None:
        here: set[Any] = set(await connection.scalars(inside, {IDS: some}))
        there: set[Any] = set(
            await connection.scalars(there_now.where(given_ids(there_now.selected_columns.customer_id)), {IDS: some})
        )
        return _Asked(sorted(here - there), sorted(there - here), full=False, customers=last.customers, through=through)
    # EXCEPT, not NOT IN: a list that outgrows PostgreSQL's memory for hashing would be gone through row by row
    found = inside.cte("inside")
    entering = select(found.c.id).except_(there_now).subquery()
    leaving = there_now.except_(select(found.c.id)).subquery()
    rows = await connection.execute(
        union_all(
            select(literal(1).label("enters"), entering.c.id), select(literal(0).label("enters"), leaving.c.customer_id)
        )
    )
    moves = rows.all()
    customers = await connection.scalar(select(func.count()).select_from(_customers))
    return _Asked(
        [id_ for enters, id_ in moves if enters], [id_ for enters, id_ in moves if not enters],
        full=True, customers=int(customers or 0), through=through,
    )  # fmt: skip


async def _candidates(
    connection: AsyncConnection, condition: Condition, last: Any, *, now: datetime, zone: ZoneInfo
) -> list[str] | None:
    """The customers who may have entered or left; None if everybody must be asked."""
    if last is None or last.at is None or last.through is None or last.full_at is None or now < last.at:
        return None
    if machine_now() - last.full_at > FULL_EVERY:
        return None
    queries = changed(condition, Standing(last.at, last.through), now, zone)
    if queries is None:
        return None
    few = max(FEW, last.customers // SHARE_OF_FEW)
    found = list(await connection.scalars(union(*queries).limit(few + 1)))
    return found if len(found) <= few else None


async def _seen_through(connection: AsyncConnection) -> datetime:
    """Machine time: a row whose id was made before it is visible by now."""
    now = machine_now()
    if connection.dialect.name == "postgresql":
        oldest: datetime | None = await connection.scalar(
            select(func.min(_ACTIVITY.c.xact_start)).where(
                _ACTIVITY.c.datname == func.current_database(),
                _ACTIVITY.c.pid != func.pg_backend_pid(),
            )
        )
        now = max(min(now, oldest or now), now - LONGEST_TRANSACTION)
    return now - SLACK


async def _write(
    store: Store, name: str, standing: Any, found: _Asked, *, now: datetime, asked: str, began: float
) -> int | None:
    """Write the memberships, then what has been seen; the segment's size, or None if another refresh came between."""
    revision = standing.revision
    parts: list[tuple[Move, Sequence[str]]] = [
        *((leave, ids) for ids in chunks(found.leaving, WRITTEN_AT_ONCE)),
        *((enter, ids) for ids in chunks(found.entering, WRITTEN_AT_ONCE)),
    ]
    if len(found.leaving) + len(found.entering) <= WRITTEN_AT_ONCE:  # the usual case: one transaction for all
        parts = [(both(found.leaving), found.entering)]
    *before, last = parts
    for move, ids in before:
        async with store.write() as connection:
            if not await _advance(connection, name, revision):
                return None
            await move(connection, name, ids, now)
        revision += 1
    async with store.write() as connection:
        if not await _advance(connection, name, revision, asked=asked, at=now, through=found.through):
            return None
        move, ids = last
        await move(connection, name, ids, now)
        size = standing.size + len(found.entering) - len(found.leaving)
        values: dict[str, Any] = {}
        if found.full:
            size = await segment_size(connection, name)
            values = {"full_at": machine_now(), "customers": found.customers}
        values |= {"size": size, "took_ms": round((uptime() - began) * 1000)}
        await connection.execute(update(_refreshes).where(_refreshes.c.segment == name).values(values))
        await connection.execute(update(_segments).where(_segments.c.name == name).values(refreshed_at=now))
    return int(size)


async def _advance(connection: AsyncConnection, name: str, revision: int, **values: Any) -> bool:
    statement = update(_refreshes).where(_refreshes.c.segment == name, _refreshes.c.revision == revision)
    return bool((await connection.execute(statement.values(revision=revision + 1, **values))).rowcount)

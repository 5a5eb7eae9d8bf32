"""Bringing a segment's memberships up to date, as sets: who entered, who left."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from zoneinfo import ZoneInfo

from sqlalchemy import Text, cast, func, insert, literal, not_, null, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from campaigns.reading.problems import WorkspaceInvalid
from campaigns.segments.compiling import compile_segment
from campaigns.segments.reading import read_stored
from campaigns.segments.syntax import SegmentDefinition
from core.errors import Refused
from storage.outbox.columns import table
from storage.tables import Segment, SegmentMembership
from storage.types import Instant

_segments = table(Segment)
_memberships = table(SegmentMembership)


@dataclass(frozen=True, slots=True)
class Refreshed:
    """What a refresh changed, and the segment's size after it."""

    entered: int
    left: int
    size: int


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
    connection: AsyncConnection,
    name: str,
    segments: Mapping[str, SegmentDefinition],
    *,
    now: datetime,
    zone: ZoneInfo,
) -> Refreshed:
    """Open a membership for everyone who is in segment ``name`` at ``now`` and close those of everyone who is not.

    Raises:
        Refused: as :func:`campaigns.segments.compiling.compile_segment`.
    """
    inside = compile_segment(name, segments, now=now, zone=zone)
    # one refresh of a segment at a time: two schedulers that start together would both open the same memberships
    await connection.execute(select(_segments.c.name).where(_segments.c.name == name).with_for_update())
    own = _memberships.c.segment == name
    is_open = _memberships.c.left_at.is_(None)
    # NOT IN, whose list is hashed once: a join over tables that were filled a moment ago, and that no statistics know
    # yet, was planned by PostgreSQL as a loop in a loop. No id is null.
    left = await connection.execute(
        update(_memberships).where(own, is_open, _memberships.c.customer_id.not_in(inside)).values(left_at=now)
    )
    # Left and back at one and the same instant (a virtual clock): the membership simply goes on.
    again = await connection.execute(
        update(_memberships)
        .where(own, _memberships.c.entered_at == now, ~is_open, not_(_memberships.c.customer_id.not_in(inside)))
        .values(left_at=None)
    )
    found = inside.subquery()
    entered = await connection.execute(
        insert(_memberships).from_select(
            ["segment", "customer_id", "entered_at", "left_at"],
            select(cast(literal(name), Text), found.c.id, literal(now, Instant()), cast(null(), Instant())).where(
                found.c.id.not_in(select(_memberships.c.customer_id).where(own, is_open))
            ),
        )
    )
    await connection.execute(update(_segments).where(_segments.c.name == name).values(refreshed_at=now))
    return Refreshed(entered.rowcount + again.rowcount, left.rowcount, await segment_size(connection, name))


async def segment_size(connection: AsyncConnection, name: str) -> int:
    """How many were in the segment at its last refresh."""
    counted = select(func.count()).where(_memberships.c.segment == name, _memberships.c.left_at.is_(None))
    return int(await connection.scalar(counted) or 0)

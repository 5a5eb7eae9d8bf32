"""The audience of a start: of a few customers asked at once, of a wave by memberships that are brought up to date."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from weakref import WeakKeyDictionary

from sqlalchemy import Engine, select
from sqlalchemy.ext.asyncio import AsyncConnection

from campaigns.definition import WorkspaceConfig
from campaigns.periods import zone_named
from campaigns.segments.compiling import compile_segment
from campaigns.segments.refresh import refresh_segment, stored_segments
from campaigns.segments.syntax import SegmentDefinition
from core.errors import StoreUnavailable
from storage.given import IDS, given_ids
from storage.outbox.columns import table
from storage.store import Store
from storage.tables import Segment

_SEGMENTS = table(Segment)
_Known = tuple[frozenset[tuple[str, str]], Mapping[str, SegmentDefinition]]
_known: WeakKeyDictionary[Engine, _Known] = WeakKeyDictionary()


async def live_segments(connection: AsyncConnection) -> Mapping[str, SegmentDefinition]:
    """Every applied segment; read again only when one has changed.

    Raises:
        Refused: if one cannot be read by this release.
    """
    rows = await connection.execute(select(_SEGMENTS.c.name, _SEGMENTS.c.hash))
    applied = frozenset((row.name, row.hash) for row in rows)
    engine = connection.engine.sync_engine
    seen, segments = _known.get(engine, (frozenset(), {}))
    if seen != applied:
        segments = await stored_segments(connection)
        _known[engine] = applied, segments
    return segments


async def in_segment(
    connection: AsyncConnection, name: str, customer_ids: Sequence[str], config: WorkspaceConfig, now: datetime
) -> list[str]:
    """Those of ``customer_ids`` who are in the segment at ``now``, in order.

    Raises:
        Refused: as :func:`campaigns.segments.compiling.compile_segment`.
    """
    segments = await live_segments(connection)
    inside = compile_segment(name, segments, now=now, zone=zone_named(config.zone), among=given_ids)
    return sorted(set(await connection.scalars(inside, {IDS: sorted(customer_ids)})))


async def refreshed_at(connection: AsyncConnection, name: str) -> datetime | None:
    """The business instant that the segment's memberships are right for."""
    found: datetime | None = await connection.scalar(select(_SEGMENTS.c.refreshed_at).where(_SEGMENTS.c.name == name))
    return found


async def bring_up_to_date(store: Store, name: str, config: WorkspaceConfig, now: datetime) -> None:
    """Refresh the memberships of a segment. That others keep doing so at this very moment is as good.

    Raises:
        Refused: as :func:`campaigns.segments.refresh.refresh_segment`.
        StoreUnavailable: if the store is away.
    """
    async with store.read() as connection:
        segments = await live_segments(connection)
    try:
        await refresh_segment(store, name, segments, now=now, zone=zone_named(config.zone))
    except StoreUnavailable:
        async with store.read() as connection:
            last = await refreshed_at(connection, name)
        if last is None or last < now:
            raise

"""Keeping every applied segment's members: refreshed by schedule, whether or not a campaign asks for them.

Nobody stays in a segment that is applied no more.
"""

from datetime import datetime, timedelta

import structlog
from sqlalchemy import delete, or_, select

from campaigns.live import workspace_config
from campaigns.periods import zone_named
from campaigns.segments.membership import leave, members
from campaigns.segments.refresh import WRITTEN_AT_ONCE, refresh_segment, stored_segments
from core.errors import Refused
from storage.outbox.columns import table
from storage.store import Store
from storage.tables import Segment, SegmentRefresh

log = structlog.get_logger(__name__)

KEEP_EVERY = timedelta(minutes=15)
"""How old (business time) members may become."""

_SEGMENTS, _REFRESHES = table(Segment), table(SegmentRefresh)
_REMOVED = select(_REFRESHES.c.segment).where(_REFRESHES.c.segment.not_in(select(_SEGMENTS.c.name)))


async def keep_segments(store: Store, now: datetime) -> int:
    """Refresh the segments whose members are older than :data:`KEEP_EVERY`; gives how many customers moved.

    A segment that cannot be asked is logged and does not keep the others from it.

    Raises:
        StoreUnavailable: if the store is away.
    """
    moved = await empty_removed(store, now)
    async with store.read() as connection:
        old = or_(_SEGMENTS.c.refreshed_at.is_(None), _SEGMENTS.c.refreshed_at <= now - KEEP_EVERY)
        names = (await connection.scalars(select(_SEGMENTS.c.name).where(old).order_by(_SEGMENTS.c.name))).all()
        if not names:
            return moved
        zone = zone_named((await workspace_config(connection)).zone)
        try:
            segments = await stored_segments(connection)
        except Refused as error:
            log.warning("segments cannot be read", error=str(error))
            return moved
    for name in names:
        try:
            done = await refresh_segment(store, name, segments, now=now, zone=zone)
        except Refused as error:
            log.warning("segment not refreshed", segment=name, error=str(error))
            continue
        moved += done.entered + done.left
        if done.entered or done.left:
            log.info("segment refreshed", segment=name, entered=done.entered, left=done.left, size=done.size)
    return moved


async def empty_removed(store: Store, now: datetime) -> int:
    """Let everybody leave the segments that are applied no more, in short transactions; gives how many left.

    How far a segment was kept up is forgotten last: if this dies half way, the next call finds the rest.
    """
    async with store.read() as connection:
        names = (await connection.scalars(_REMOVED.order_by(_REFRESHES.c.segment))).all()
    left = 0
    for name in names:
        while True:
            async with store.write() as connection:
                still_gone = await connection.scalar(_REMOVED.where(_REFRESHES.c.segment == name))
                inside = members(name).limit(WRITTEN_AT_ONCE)
                ids = list(await connection.scalars(inside)) if still_gone is not None else []
                await leave(connection, name, ids, now)
                left += len(ids)
                if len(ids) < WRITTEN_AT_ONCE:
                    if still_gone is not None:
                        await connection.execute(delete(_REFRESHES).where(_REFRESHES.c.segment == name))
                    break
    return left

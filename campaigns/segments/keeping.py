"""Keeping every applied segment's members: refreshed by schedule, whether or not a campaign asks for them."""

from datetime import datetime, timedelta

import structlog
from sqlalchemy import or_, select

from campaigns.live import workspace_config
from campaigns.periods import zone_named
from campaigns.segments.refresh import refresh_segment, stored_segments
from core.errors import Refused
from storage.outbox.columns import table
from storage.store import Store
from storage.tables import Segment

log = structlog.get_logger(__name__)

KEEP_EVERY = timedelta(minutes=15)
"""How old (business time) members may become."""

_SEGMENTS = table(Segment)


async def keep_segments(store: Store, now: datetime) -> int:
    """Refresh the segments whose members are older than :data:`KEEP_EVERY`; gives how many customers moved.

    A segment that cannot be asked is logged and does not keep the others from it.

    Raises:
        StoreUnavailable: if the store is away.
    """
    async with store.read() as connection:
        old = or_(_SEGMENTS.c.refreshed_at.is_(None), _SEGMENTS.c.refreshed_at <= now - KEEP_EVERY)
        names = (await connection.scalars(select(_SEGMENTS.c.name).where(old).order_by(_SEGMENTS.c.name))).all()
        if not names:
            return 0
        zone = zone_named((await workspace_config(connection)).zone)
        try:
            segments = await stored_segments(connection)
        except Refused as error:
            log.warning("segments cannot be read", error=str(error))
            return 0
    moved = 0
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

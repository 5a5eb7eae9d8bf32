"""Starts by a segment: somebody enters or leaves it, and so enters the campaign.

The segment is refreshed here, once a minute of business time. Memberships are the queue: they are written before
anybody starts by them, a cursor (a row of ``occurrences``) says how far they were gone through, and whoever has entered
the campaign since they moved was started by it. So a crash at any point loses nobody and starts nobody twice.

Who is in the segment at the first look at a campaign does not start, nor does anybody whom a change of the segment's
own words moves: the look after it only notes where to begin.
"""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import structlog
from sqlalchemy import ColumnElement, Select, exists, or_, select
from sqlalchemy.ext.asyncio import AsyncConnection

from campaigns.definition import CampaignDefinition, Start, WorkspaceConfig
from campaigns.segments.compiling import inlined
from campaigns.segments.refresh import moved
from campaigns.segments.syntax import InSegment, SegmentDefinition
from campaigns.starting.assigning import beginnings
from campaigns.starting.audience import bring_up_to_date, live_segments, refreshed_at
from campaigns.starting.entry import enrol_group
from storage.outbox.columns import table
from storage.statements import chunks, insert_missing
from storage.store import Store
from storage.tables import Campaign, Enrolment, Occurrence, SegmentMembership

log = structlog.get_logger(__name__)

_OCCURRENCES = table(Occurrence)
_ENROLMENTS, _MEMBERSHIPS = table(Enrolment), table(SegmentMembership)
REFRESH_EVERY = timedelta(minutes=1)
LOOK_EVERY = timedelta(hours=1)
"""How long a virtual clock may go on before time alone is given a chance to move somebody."""
OVERLAP = timedelta(minutes=10)
"""Two refreshes at once may write their moves in either order: so far behind the cursor is looked again."""
BASELINE, FIRED = "baseline", "fired"


@dataclass(frozen=True, slots=True)
class _Standing:
    """How far the moves were gone through: up to ``cursor``, and never before ``baseline``. None: not begun."""

    key: str
    refreshed_at: datetime | None
    cursor: datetime | None
    baseline: datetime | None


async def start_by_segment(
    store: Store, campaign: Campaign, definition: CampaignDefinition, config: WorkspaceConfig, now: datetime
) -> int:
    """Refresh the segment if it is time, and let those who moved enter; gives how many did.

    Raises:
        Refused: if the segment cannot be asked.
    """
    start = definition.start
    async with store.read() as connection:
        segments = await live_segments(connection)
        standing = await _standing(connection, campaign, start, segments)
    if standing.cursor is None or _is_old(standing.refreshed_at, now):
        await bring_up_to_date(store, start.segment, config, now)
        async with store.read() as connection:
            standing = await _standing(connection, campaign, start, segments)
    if standing.refreshed_at is None:
        return 0
    if standing.cursor is None or standing.baseline is None:
        await _note(store, campaign, standing.key, standing.refreshed_at, BASELINE, now)
        return 0
    after = max(standing.cursor - OVERLAP, standing.baseline)
    async with store.read() as connection:
        moves = (await connection.execute(_moves(campaign, start, after, standing.refreshed_at))).all()
    entered = 0
    at = max(now, standing.refreshed_at)  # not before the move: see _moves
    begins = beginnings(definition, config, at)
    for group in chunks(sorted({row.customer_id for row in moves})):
        async with store.write() as connection:
            entered += len(await enrol_group(connection, campaign, definition, config, group, at, begins=begins))
    if any(row.at > standing.cursor for row in moves):
        await _note(store, campaign, standing.key, standing.refreshed_at, FIRED, now, entered)
        log.info("campaign started", campaign=campaign.name, segment=start.segment, on=start.on, entered=entered)
    return entered


async def next_look(
    connection: AsyncConnection, campaign: Campaign, definition: CampaignDefinition, now: datetime
) -> datetime:
    """When :func:`start_by_segment` may have something to do: ``now`` if it has not looked at this instant yet.

    Raises:
        Refused: as there.
    """
    standing = await _standing(connection, campaign, definition.start, await live_segments(connection))
    if standing.cursor is None or standing.refreshed_at is None or _is_old(standing.refreshed_at, now):
        return now
    return standing.refreshed_at + LOOK_EVERY


def begun_by(segment: str) -> ColumnElement[bool]:
    """The rows of ``occurrences`` that say how far the moves of a segment were gone through."""
    ways = (f"{on} {segment} " for on in ("entered", "left"))
    return or_(*(_OCCURRENCES.c.zone.startswith(way, autoescape=True) for way in ways))


def _is_old(refreshed_at: datetime | None, now: datetime) -> bool:
    return refreshed_at is None or now - refreshed_at >= REFRESH_EVERY


async def _standing(
    connection: AsyncConnection, campaign: Campaign, start: Start, segments: Mapping[str, SegmentDefinition]
) -> _Standing:
    condition = inlined(InSegment(start.segment), segments)
    digest = hashlib.blake2b(repr(condition).encode(), digest_size=8).hexdigest()
    key = f"{start.on} {start.segment} {digest}"
    right_for = await refreshed_at(connection, start.segment)
    mine = (
        select(_OCCURRENCES.c.zone, _OCCURRENCES.c.instant)
        .where(_OCCURRENCES.c.schedule == campaign.id)
        .order_by(_OCCURRENCES.c.instant.desc())
    )
    last = (await connection.execute(mine.limit(1))).one_or_none()
    if last is None or last.zone != key:  # new, or the segment means something else since
        return _Standing(key, right_for, None, None)
    begun = mine.where(_OCCURRENCES.c.zone == key, _OCCURRENCES.c.outcome == BASELINE)
    baseline = (await connection.execute(begun.limit(1))).one_or_none()
    return _Standing(key, right_for, last.instant, baseline.instant if baseline is not None else last.instant)


def _moves(campaign: Campaign, start: Start, after: datetime, until: datetime) -> Select[Any]:
    """Who moved since, is still where they went, and has not entered the campaign at that instant or later."""
    moves = moved(start.segment, start.on, after=after, until=until).subquery("moves")
    started = exists().where(
        _ENROLMENTS.c.campaign_id == campaign.id,
        _ENROLMENTS.c.customer_id == moves.c.customer_id,
        _ENROLMENTS.c.entered_at >= moves.c.at,
    )
    inside = exists().where(
        _MEMBERSHIPS.c.segment == start.segment,
        _MEMBERSHIPS.c.customer_id == moves.c.customer_id,
        _MEMBERSHIPS.c.left_at.is_(None),
    )
    return select(moves).where(~started, inside if start.on == "entered" else ~inside)


async def _note(
    store: Store, campaign: Campaign, key: str, instant: datetime, outcome: str, now: datetime, entered: int = 0
) -> None:
    row = {"schedule": campaign.id, "zone": key, "instant": instant, "outcome": outcome, "at": now, "enrolled": entered}
    async with store.write() as connection:
        await insert_missing(connection, _OCCURRENCES, [row])

"""The scheduler's work: which campaign starts fall due, once each, whoever looks first.

APScheduler only ticks (``otklik/service.py``); *when* is decided here, on business time.
"""

from datetime import date, datetime, timedelta
from zoneinfo import ZoneInfo

import structlog
from sqlalchemy import func, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from campaigns.definition import CampaignDefinition, WorkspaceConfig
from campaigns.entry import MISFIRE, customer_zone, enrol
from campaigns.live import workspace_config
from campaigns.occurrences import next_occurrence, occurrences
from campaigns.periods import zone_named
from campaigns.segments.refresh import refresh_segment, stored_segments
from campaigns.versions import definitions
from core.clock import Clock
from core.machines.campaign import END, CampaignState
from storage.outbox.columns import table
from storage.statements import insert_into
from storage.store import Store
from storage.tables import Campaign, Customer, Enrolment, Occurrence

log = structlog.get_logger(__name__)

_CAMPAIGNS = table(Campaign)
_OCCURRENCES = table(Occurrence)
FIRING, FIRED, SKIPPED = "firing", "fired", "skipped"
NOW_ZONE = "-"


class Scheduler:
    """Fires campaign starts. Any number of them may run on one store."""

    def __init__(self, store: Store, clock: Clock) -> None:
        self._store = store
        self._clock = clock

    async def tick(self) -> int:
        """Fire everything that fell due since the last look; gives how many customers entered."""
        now = self._clock.now()
        async with self._store.read() as connection:
            config = await workspace_config(connection)
            active = await _active(connection)
        entered = 0
        for campaign, definition in active:
            for zone, instant in await self._due(campaign, definition, config, now):
                entered += await self._fire(campaign, definition, config, zone, instant, now)
        return entered

    async def next_start(self) -> datetime | None:
        """The next instant at which a campaign starts, None if none will."""
        now = self._clock.now()
        async with self._store.read() as connection:
            config = await workspace_config(connection)
            active = await _active(connection)
            found: list[datetime] = []
            for campaign, definition in active:
                for zone in await _zones(connection, definition, config):
                    seen = await self._seen(connection, campaign, zone)
                    if definition.start.kind == "now":
                        found += [now] if seen is None else []
                        continue
                    after = max(seen or campaign.started_at or now, campaign.started_at or now)
                    instant = next_occurrence(definition.start, zone_named(zone), after)
                    if instant is not None and _inside(definition, instant, zone_named(config.zone)):
                        found.append(instant)
        return min(found, default=None)

    async def _due(
        self, campaign: Campaign, definition: CampaignDefinition, config: WorkspaceConfig, now: datetime
    ) -> list[tuple[str, datetime]]:
        started = campaign.started_at or now
        due: list[tuple[str, datetime]] = []
        async with self._store.read() as connection:
            unfinished = await connection.execute(
                select(_OCCURRENCES.c.zone, _OCCURRENCES.c.instant).where(
                    _OCCURRENCES.c.schedule == campaign.id, _OCCURRENCES.c.outcome == FIRING
                )
            )
            due += [(row.zone, row.instant) for row in unfinished]
            if definition.start.kind == "now":
                if await self._seen(connection, campaign, NOW_ZONE) is None:
                    due.append((NOW_ZONE, started))
                return due
            for zone in await _zones(connection, definition, config):
                after = max(await self._seen(connection, campaign, zone) or started, started)
                due += [(zone, instant) for instant in occurrences(definition.start, zone_named(zone), after, now)]
        return due

    @staticmethod
    async def _seen(connection: AsyncConnection, campaign: Campaign, zone: str) -> datetime | None:
        instant: datetime | None = await connection.scalar(
            select(func.max(_OCCURRENCES.c.instant)).where(
                _OCCURRENCES.c.schedule == campaign.id, _OCCURRENCES.c.zone == zone
            )
        )
        return instant

    async def _fire(
        self,
        campaign: Campaign,
        definition: CampaignDefinition,
        config: WorkspaceConfig,
        zone: str,
        instant: datetime,
        now: datetime,
    ) -> int:
        """Record the occurrence, then enrol; what was interrupted in between is taken up by the next tick."""
        late = definition.start.kind == "cron" and now - instant > MISFIRE
        outside = not _inside(definition, instant, zone_named(config.zone))
        outcome = SKIPPED if late or outside else FIRING
        key = {"schedule": campaign.id, "zone": zone, "instant": instant}
        async with self._store.write() as connection:
            await connection.execute(
                insert_into(connection, _OCCURRENCES).on_conflict_do_nothing(),
                {**key, "outcome": outcome, "at": now, "enrolled": 0},
            )
            recorded = await connection.scalar(
                select(_OCCURRENCES.c.outcome).where(*(_OCCURRENCES.c[name] == value for name, value in key.items()))
            )
            if outcome == SKIPPED and recorded == FIRING:  # begun, interrupted, and too late to be taken up
                await connection.execute(
                    update(_OCCURRENCES)
                    .where(*(_OCCURRENCES.c[name] == value for name, value in key.items()))
                    .values(outcome=SKIPPED)
                )
        if recorded == FIRED:  # another scheduler was faster
            return 0
        if outcome == SKIPPED:
            log.warning("campaign start skipped", campaign=campaign.name, instant=instant.isoformat(), late=late)
            return 0
        async with self._store.read() as connection:
            segments = await stored_segments(connection)
        await refresh_segment(self._store, definition.audience, segments, now=now, zone=zone_named(config.zone))
        own_zone = zone if definition.start.zone == "customer" else None
        entered = await enrol(self._store, campaign, definition, config, now, zone=own_zone)
        async with self._store.write() as connection:
            await connection.execute(
                update(_OCCURRENCES)
                .where(
                    _OCCURRENCES.c.schedule == campaign.id,
                    _OCCURRENCES.c.zone == zone,
                    _OCCURRENCES.c.instant == instant,
                )
                .values(outcome=FIRED, enrolled=_OCCURRENCES.c.enrolled + entered)
            )
        log.info("campaign started", campaign=campaign.name, zone=zone, entered=entered)
        return entered


async def _active(connection: AsyncConnection) -> list[tuple[Campaign, CampaignDefinition]]:
    rows = (await connection.execute(_CAMPAIGNS.select().where(_CAMPAIGNS.c.state == CampaignState.ACTIVE))).all()
    by_version = await definitions(connection, {row.version for row in rows})
    return [(Campaign(**row._mapping), by_version[row.version]) for row in rows]  # noqa: SLF001  public API of Row


async def _zones(connection: AsyncConnection, definition: CampaignDefinition, config: WorkspaceConfig) -> list[str]:
    """The clocks on which the campaign starts."""
    match definition.start.zone:
        case _ if definition.start.kind == "now":
            return [NOW_ZONE]
        case "organisation":
            return [config.zone]
        case "customer":
            rows = await connection.scalars(select(customer_zone(config)).select_from(table(Customer)).distinct())
            return sorted({config.zone, *rows})
        case named:
            return [named]


def _inside(definition: CampaignDefinition, instant: datetime, zone: ZoneInfo) -> bool:
    """Whether ``instant`` lies in the campaign's period, by the organisation's calendar."""
    day: date = instant.astimezone(zone).date()
    first, last = definition.period.first, definition.period.last
    return (first is None or day >= first) and (last is None or day <= last)


async def end_finished(store: Store, clock: Clock) -> int:
    """End campaigns whose period is over and that have nobody in flight; gives how many."""
    now = clock.now()
    ended = 0
    async with store.read() as connection:
        config = await workspace_config(connection)
        active = await _active(connection)
    for campaign, definition in active:
        last = definition.period.last
        if last is None or (now - timedelta(days=1)).astimezone(zone_named(config.zone)).date() < last:
            continue
        enrolments = table(Enrolment)
        async with store.write() as connection:
            in_flight = await connection.scalar(
                select(func.count()).where(enrolments.c.campaign_id == campaign.id, enrolments.c.closed_at.is_(None))
            )
            if not in_flight:
                await connection.execute(
                    update(_CAMPAIGNS)
                    .where(_CAMPAIGNS.c.id == campaign.id, _CAMPAIGNS.c.state.in_(END.sources))
                    .values(state=END.target, updated_at=now)
                )
                ended += 1
    return ended

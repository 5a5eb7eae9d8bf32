"""The scheduler's work: which campaign starts fall due, once each, whoever looks first.

APScheduler only ticks (``otklik/service.py``); *when* is decided here, on business time.
"""

from collections.abc import Mapping
from datetime import datetime, time, timedelta
from typing import Any

import structlog
from sqlalchemy import func, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from campaigns.definition import CampaignDefinition, WorkspaceConfig
from campaigns.experiments.drawing import draw_weights
from campaigns.live import workspace_config
from campaigns.periods import resolve, zone_named
from campaigns.starting.audience import bring_up_to_date
from campaigns.starting.dates import chosen
from campaigns.starting.entry import MISFIRE, customer_zone, enrol, in_period
from campaigns.starting.occurrences import next_occurrence, occurrences
from campaigns.starting.segments import next_look, start_by_segment
from campaigns.versions import definitions
from core.clock import Clock, uptime
from core.errors import Refused
from core.ids import ANONYMOUS
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
ZONES_SECONDS = 300.0


class Scheduler:
    """Fires campaign starts. Any number of them may run on one store."""

    def __init__(self, store: Store, clock: Clock) -> None:
        self._store = store
        self._clock = clock
        self._zones = _Zones()
        self._refused: dict[str, str] = {}
        self._fresh: dict[str, datetime] = {}

    async def tick(self) -> int:
        """Fire everything that fell due since the last look; gives how many customers entered."""
        now = self._clock.now()
        async with self._store.read() as connection:
            config = await workspace_config(connection)
            active = await _active(connection)
        await draw_weights(self._store, active, config, now)
        self._fresh.clear()
        entered = 0
        for campaign, definition in active:
            try:
                if definition.start.kind == "segment":
                    entered += await start_by_segment(self._store, campaign, definition, config, now)
                for zone, instant in await self._due(campaign, definition, config, now):
                    entered += await self._fire(campaign, definition, config, zone, instant, now)
            except Refused as error:  # one campaign's trouble is not the others'
                if self._refused.get(campaign.id) != str(error):
                    log.warning("campaign cannot start", campaign=campaign.name, error=str(error))
                self._refused[campaign.id] = str(error)
            else:
                self._refused.pop(campaign.id, None)
        return entered

    async def next_start(self) -> datetime | None:
        """The next instant at which a campaign starts, or may start somebody; None if none will by itself."""
        now = self._clock.now()
        found: list[datetime] = []
        async with self._store.read() as connection:
            config = await workspace_config(connection)
            for campaign, definition in await _active(connection):
                if campaign.id in self._refused:
                    continue
                if definition.start.kind == "segment":
                    found.append(await next_look(connection, campaign, definition, now))
                    continue
                seen = await _seen(connection, campaign)
                for zone in await self._clocks(connection, definition, config):
                    instant = _next(campaign, definition, config, zone, seen.get(zone), now)
                    if instant is not None:
                        found.append(instant)
        return min(found, default=None)

    async def _clocks(
        self, connection: AsyncConnection, definition: CampaignDefinition, config: WorkspaceConfig
    ) -> list[str]:
        """The zones on whose clocks the campaign starts; none if it does not start by the clock."""
        match definition.start.kind, definition.start.zone:
            case "now", _:
                return [NOW_ZONE]
            case (("at" | "cron" | "date"), "organisation"):
                return [config.zone]
            case (("at" | "cron" | "date"), "customer"):
                return await self._zones.of_customers(connection, config)
            case (("at" | "cron" | "date"), named):
                return [named]
            case _:
                return []

    async def _due(
        self, campaign: Campaign, definition: CampaignDefinition, config: WorkspaceConfig, now: datetime
    ) -> list[tuple[str, datetime]]:
        begins = _begins(campaign, definition, config, now)
        due: list[tuple[str, datetime]] = []
        async with self._store.read() as connection:
            clocks = await self._clocks(connection, definition, config)
            if not clocks:
                return due
            unfinished = await connection.execute(
                select(_OCCURRENCES.c.zone, _OCCURRENCES.c.instant).where(
                    _OCCURRENCES.c.schedule == campaign.id, _OCCURRENCES.c.outcome == FIRING
                )
            )
            due += [(row.zone, row.instant) for row in unfinished]
            seen = await _seen(connection, campaign)
        if definition.start.kind == "now":
            return due if NOW_ZONE in seen or begins > now else [*due, (NOW_ZONE, begins)]
        started = campaign.started_at or now
        for zone in clocks:
            after = max(seen.get(zone) or started, started)
            due += [(zone, instant) for instant in occurrences(definition.start, zone_named(zone), after, now)]
        return due

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
        late = definition.start.kind in ("cron", "date") and now - instant > MISFIRE
        outside = not in_period(definition, instant, zone_named(config.zone))
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
        if definition.audience and self._fresh.get(definition.audience) != now:
            await bring_up_to_date(self._store, definition.audience, config, now)
            self._fresh[definition.audience] = now
        entered = await enrol(
            self._store, campaign, definition, config, now, since=instant, **_whom(definition, zone, instant)
        )
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


def _whom(definition: CampaignDefinition, zone: str, instant: datetime) -> Mapping[str, Any]:
    """Which customers an occurrence is for: those who live on its clock, those whose day it is."""
    start, whom = definition.start, dict[str, Any]()
    if zone != NOW_ZONE and start.zone == "customer":
        whom["zone"] = zone
    if start.kind == "date":
        named = zone_named(zone)
        whom["chosen"] = chosen(start, instant.astimezone(named).date(), named)
    return whom


async def _seen(connection: AsyncConnection, campaign: Campaign) -> dict[str, datetime]:
    """The last occurrence of each zone."""
    rows = await connection.execute(
        select(_OCCURRENCES.c.zone, func.max(_OCCURRENCES.c.instant).label("instant"))
        .where(_OCCURRENCES.c.schedule == campaign.id)
        .group_by(_OCCURRENCES.c.zone)
    )
    return {row.zone: row.instant for row in rows}


def _next(
    campaign: Campaign,
    definition: CampaignDefinition,
    config: WorkspaceConfig,
    zone: str,
    seen: datetime | None,
    now: datetime,
) -> datetime | None:
    """The next instant at which the campaign starts on the clock of ``zone``."""
    begins = _begins(campaign, definition, config, now)
    if definition.start.kind == "now":
        return max(begins, now) if seen is None else None
    after = max(seen or begins, begins - timedelta(microseconds=1) if begins != campaign.started_at else begins)
    instant = next_occurrence(definition.start, zone_named(zone), after)
    inside = instant is not None and in_period(definition, instant, zone_named(config.zone))
    return instant if inside else None


def _begins(campaign: Campaign, definition: CampaignDefinition, config: WorkspaceConfig, now: datetime) -> datetime:
    """When it was started, or the first instant of its period where that is later."""
    started = campaign.started_at or now
    if definition.period.first is None:
        return started
    return max(started, resolve(datetime.combine(definition.period.first, time()), zone_named(config.zone)))


class _Zones:
    """The zones that customers live in; asked again when customers have changed, and now and then."""

    def __init__(self) -> None:
        self._key: Any = None
        self._zones: list[str] = []

    async def of_customers(self, connection: AsyncConnection, config: WorkspaceConfig) -> list[str]:
        customers = table(Customer)
        newest = await connection.scalar(select(func.max(customers.c.id)).where(customers.c.id < ANONYMOUS))
        changed = await connection.scalar(select(func.max(customers.c.updated_at)))
        key = (newest, changed, config.zone, uptime() // ZONES_SECONDS)
        if key != self._key:
            rows = await connection.scalars(select(customer_zone(config)).select_from(customers).distinct())
            self._zones, self._key = sorted({config.zone, *rows}), key
        return self._zones


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

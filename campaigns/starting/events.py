"""Starts by events: an event that arrives lets its customer enter the campaigns that it starts.

They are found by the event's name among the active campaigns, never by a look at customers or journeys. An event that
is written down more than an hour after it happened starts nothing.
"""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from weakref import WeakKeyDictionary

import structlog
from sqlalchemy import Engine, and_, exists, func, select
from sqlalchemy.ext.asyncio import AsyncConnection

from campaigns.definition import CampaignDefinition, Start, WorkspaceConfig
from campaigns.live import workspace_config
from campaigns.periods import zone_named
from campaigns.responding.arrivals import Arrival, arrivals
from campaigns.segments.days import today
from campaigns.segments.figures import properties_hold
from campaigns.segments.reading import read_stored
from campaigns.segments.syntax import EventTest, PropertyTest
from campaigns.starting.assigning import beginnings
from campaigns.starting.entry import MISFIRE, enrol_group
from campaigns.starting.properties import properties_match
from campaigns.versions import definitions
from core.errors import Refused
from core.ids import id_floor
from core.machines.campaign import CampaignState
from core.reading.problems import WorkspaceInvalid
from storage.outbox.columns import table
from storage.statements import chunks
from storage.store import Store
from storage.tables import Campaign, Enrolment, Event

log = structlog.get_logger(__name__)

_CAMPAIGNS, _ENROLMENTS, _EVENTS = table(Campaign), table(Enrolment), table(Event)


@dataclass(frozen=True, slots=True)
class Trigger:
    """An active campaign that an event starts, and what the event's properties must satisfy."""

    campaign: Campaign
    definition: CampaignDefinition
    where: tuple[PropertyTest, ...]


Triggers = Mapping[str, Sequence[Trigger]]
"""By the event's name; campaigns of a higher priority first."""
_known: WeakKeyDictionary[Engine, tuple[frozenset[tuple[str, str]], Triggers]] = WeakKeyDictionary()


def where_of(start: Start) -> tuple[PropertyTest, ...]:
    """What the event's properties must satisfy.

    Raises:
        WorkspaceInvalid: if this release cannot read it.
    """
    if not start.where:
        return ()
    condition = read_stored(start.event, {"where": {"event": start.event, "where": start.where}}).condition
    assert isinstance(condition, EventTest)  # noqa: S101  it begins with event
    return condition.where


async def triggers(connection: AsyncConnection) -> Triggers:
    """What the active campaigns are started by; worked out again only when one is applied, paused or ends."""
    rows = (await connection.execute(_CAMPAIGNS.select().where(_CAMPAIGNS.c.state == CampaignState.ACTIVE))).all()
    active = frozenset((row.id, row.version) for row in rows)
    engine = connection.engine.sync_engine
    seen, found = _known.get(engine, (None, {}))
    if seen != active:
        known = await definitions(connection, {row.version for row in rows})
        by_name: dict[str, list[Trigger]] = defaultdict(list)
        for row in sorted(rows, key=lambda row: row.name):
            definition = known.get(row.version)
            if definition is not None and definition.start.kind == "event":
                try:
                    where = where_of(definition.start)
                except WorkspaceInvalid as error:  # of another release; the events are kept all the same
                    log.warning("campaign cannot start", campaign=row.name, error=str(error))
                    continue
                campaign = Campaign(**row._mapping)  # noqa: SLF001  public API of Row
                by_name[definition.start.event].append(Trigger(campaign, definition, where))
        found = {name: sorted(ones, key=lambda one: -one.definition.priority) for name, ones in by_name.items()}
        _known[engine] = active, found
    return found


async def start_by_events(connection: AsyncConnection, arrived: Iterable[Arrival], now: datetime) -> int:
    """Let the customers of these events enter what they start, in the caller's transaction; gives how many entered.

    Of several events of one customer the earliest that fits starts a campaign.
    """
    recent = [one for one in arrived if one.id and one.at >= now - MISFIRE]
    if not recent:
        return 0
    by_name = await triggers(connection)
    recent = [one for one in recent if one.name in by_name]
    if not recent:
        return 0
    config = await workspace_config(connection)
    day = today(now, zone_named(config.zone))
    entered = 0
    for name in sorted({one.name for one in recent}):
        own = sorted((one for one in recent if one.name == name), key=lambda one: (one.at, one.id))
        for trigger in by_name[name]:
            entered += await _start(connection, trigger, own, config, day, now)
    return entered


async def _start(
    connection: AsyncConnection,
    trigger: Trigger,
    arrived: Sequence[Arrival],
    config: WorkspaceConfig,
    day: date,
    now: datetime,
) -> int:
    first: dict[str, str] = {}
    for one in arrived:
        if one.customer_id not in first and properties_match(trigger.where, one.properties, one.amount_micros, day):
            first[one.customer_id] = one.id
    begins = beginnings(trigger.definition, config, now)
    entered = 0
    for group in chunks(sorted(first)):
        events = {customer_id: first[customer_id] for customer_id in group}
        try:
            came = await enrol_group(
                connection, trigger.campaign, trigger.definition, config, group, now, trigger=events, begins=begins
            )
        except Refused as error:  # the event is kept all the same
            log.warning("campaign cannot start", campaign=trigger.campaign.name, error=str(error))
            return entered
        entered += len(came)
    return entered


async def start_by_imported(store: Store, source: str, began: datetime, now: datetime) -> tuple[int, int]:
    """Start what the events of an import start; (customers who entered, events that were too old to start anything).

    ``source`` names the import's events; those written down since ``began`` (machine time) are told of. Of those of the
    last hour none is left out, also when an import before was interrupted; one that started something does not again.
    """
    async with store.read() as connection:
        by_name = await triggers(connection)
        config = await workspace_config(connection)
        day = today(now, zone_named(config.zone))
        old = and_(_EVENTS.c.at < now - MISFIRE, _EVENTS.c.id >= id_floor(began))
        left_out, found = 0, []
        for name, ones in sorted(by_name.items()):
            mine = and_(_EVENTS.c.name == name, _EVENTS.c.source == source)
            for one in ones:
                fits = and_(mine, properties_hold(_EVENTS, one.where, day))
                counted = select(func.count()).select_from(_EVENTS).where(fits, old)
                left_out += int(await connection.scalar(counted) or 0)
            done = exists().where(
                _ENROLMENTS.c.customer_id == _EVENTS.c.customer_id, _ENROLMENTS.c.event_id == _EVENTS.c.id
            )
            recent = arrivals().where(mine, _EVENTS.c.at >= now - MISFIRE, ~done)
            found += [Arrival(*row) for row in await connection.execute(recent)]
    entered = 0
    for group in chunks(found):
        async with store.write() as connection:
            entered += await start_by_events(connection, group, now)
    return entered, left_out

"""Who enters next, and when: a wave for starts by the clock, a stream of as many as lately for the others.

A stream shows four weeks: by events, moves between segments and calls of the API those of the last four happen once
more; days of customers (birthdays) of the next four are known. Every look is a read.
"""

import heapq
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, time, timedelta
from itertools import islice
from typing import Any, Literal

from sqlalchemy import Select, and_, case, func, select
from sqlalchemy.ext.asyncio import AsyncConnection

from campaigns.definition import CampaignDefinition, WorkspaceConfig
from campaigns.experiments.weights import weights_of
from campaigns.facts import Prospect
from campaigns.forecast.audience import Meant
from campaigns.periods import resolve, zone_named
from campaigns.segments.compiling import compile_segment
from campaigns.segments.days import today
from campaigns.segments.figures import properties_hold
from campaigns.starting.assigning import assign, beginnings
from campaigns.starting.dates import chosen
from campaigns.starting.entry import in_period
from campaigns.starting.events import where_of
from campaigns.starting.occurrences import next_occurrence
from campaigns.starting.scheduler import NOW_ZONE
from core.draws import DRAW_MODULUS, customer_draw
from core.machines.campaign import CampaignState
from storage.given import IDS, given_ids
from storage.outbox.columns import inline, table
from storage.tables import Customer, Enrolment, Event, Occurrence

_CUSTOMERS, _EVENTS = table(Customer), table(Event)
_ENROLMENTS, _OCCURRENCES = table(Enrolment), table(Occurrence)
SAMPLE = 1000
WEEKS = 4
STREAM = timedelta(weeks=WEEKS)
_WEEK = timedelta(weeks=1)
NEVER = frozenset({CampaignState.STOPPED, CampaignState.ENDED, CampaignState.ARCHIVED})
Why = Literal["", "started", "over", "stopped", "unknown", "nobody"]


@dataclass(frozen=True, slots=True)
class Entrant:
    """A customer of the sample who enters at ``at``."""

    prospect: Prospect
    at: datetime


@dataclass(frozen=True, slots=True)
class Entrance:
    """The next wave (``at`` is when, ``ends_at`` when the last of it begins) or four weeks of a stream.

    ``total`` customers enter; ``entrants`` are a sample of them, ``coming`` all of a stream. ``why`` says why nobody
    does: it has started once and does not again, its time is over, it was stopped, what it is started by is not known
    yet.
    """

    stream: bool = False
    at: datetime | None = None
    ends_at: datetime | None = None
    total: int = 0
    entrants: Sequence[Entrant] = ()
    why: Why = ""
    coming: Sequence[tuple[str, datetime]] = ()

    @property
    def weight(self) -> float:
        """How many customers one of the sample stands for."""
        return self.total / len(self.entrants) if self.entrants else 0.0


async def entrance(connection: AsyncConnection, meant: Meant, *, goes_live: bool) -> Entrance:
    """Who enters next. ``goes_live``: what has started for the listed starts for all."""
    campaign, definition, now = meant.campaign, meant.definition, meant.now
    if campaign.state in NEVER:
        return Entrance(why="stopped")
    if definition.period.last is not None and not _still(definition, meant.config, now):
        return Entrance(why="over")
    match definition.start.kind:
        case "now":
            if not goes_live and await _has_started(connection, campaign.id):
                return Entrance(why="started")
            return await _wave(connection, meant)
        case "at" | "cron":
            return await _wave(connection, meant)
        case "event":
            return await _stream(connection, meant, await _by_events(connection, meant))
        case "segment":
            return await _stream(connection, meant, await _by_segment(connection, meant))
        case "date":
            return await _stream(connection, meant, await _by_days(connection, meant), asked=True)
        case _:
            return await _stream(connection, meant, await _by_calls(connection, meant))


def _still(definition: CampaignDefinition, config: WorkspaceConfig, now: datetime) -> bool:
    last = definition.period.last
    return last is None or now.astimezone(zone_named(config.zone)).date() <= last


async def _has_started(connection: AsyncConnection, campaign_id: str) -> bool:
    fired = select(_OCCURRENCES.c.instant).where(
        _OCCURRENCES.c.schedule == campaign_id, _OCCURRENCES.c.zone == NOW_ZONE
    )
    return (await connection.execute(fired.limit(1))).first() is not None


# ── waves ────────────────────────────────────────────────────────────────────


async def _wave(connection: AsyncConnection, meant: Meant) -> Entrance:
    """Everybody who may enter then, on the clock of the organisation or of each customer, at the campaign's pace.

    The audience is that of the wave's own instant: who becomes dormant until then is among it.
    """
    definition, config = meant.definition, meant.config
    first = _instant(definition, config, _clock(definition, config, ""), meant.now)
    if first is None:
        return Entrance(why="over")
    then = replace(meant, now=first)
    those = then.free().subquery("those")
    free = int(await connection.scalar(select(func.count()).select_from(those)) or 0)
    sampled = select(those, _CUSTOMERS.c.zone, _CUSTOMERS.c.zone_guess).join(_CUSTOMERS, _CUSTOMERS.c.id == those.c.id)
    rows = (await connection.execute(sampled.order_by(those.c.draw, those.c.id).limit(SAMPLE))).all()
    if not rows:
        return Entrance(why="nobody", at=first)
    weights = await weights_of(connection, meant.campaign.id, definition, config, meant.now)
    by_instant: dict[datetime, list[Prospect]] = {}
    for row in sorted(rows, key=lambda row: row.id):
        at = instant_of(meant, row.zone or row.zone_guess)
        if at is not None:
            prospect = assigned(meant, row.id, row.draw, row.variant, weights)
            by_instant.setdefault(at, []).append(prospect)
    entrants: list[Entrant] = []
    for at, group in sorted(by_instant.items()):
        entrants += _paced(definition, config, at, group, free / len(rows))
    if not entrants:
        return Entrance(why="over")
    return Entrance(
        at=min(by_instant), ends_at=max(one.at for one in entrants), entrants=entrants,
        total=round(free * len(entrants) / len(rows)),
    )  # fmt: skip


def _clock(definition: CampaignDefinition, config: WorkspaceConfig, customers: str) -> str:
    """The zone on whose clock a start counts; ``customers`` is the customer's own, where it is known."""
    named = definition.start.zone
    return {"organisation": config.zone, "customer": customers or config.zone}.get(named, named)


def _instant(definition: CampaignDefinition, config: WorkspaceConfig, zone: str, now: datetime) -> datetime | None:
    """When the campaign starts next on that clock; None if it does not any more."""
    first = definition.period.first
    begins = resolve(datetime.combine(first, time()), zone_named(config.zone)) if first is not None else now
    if definition.start.kind == "now":
        return max(now, begins)
    after = begins - timedelta(microseconds=1) if begins > now else now
    instant = next_occurrence(definition.start, zone_named(zone), after)
    return instant if instant is not None and in_period(definition, instant, zone_named(config.zone)) else None


def instant_of(meant: Meant, zone: str) -> datetime | None:
    """When the wave comes on the clock of a customer of ``zone`` (empty: the organisation's); None if it does not."""
    return _instant(meant.definition, meant.config, _clock(meant.definition, meant.config, zone), meant.now)


def assigned(meant: Meant, who: str, draw: int, variant: str, weights: Mapping[str, float]) -> Prospect:
    """What the entry would give a customer, whose last ``variant`` stays."""
    found = assign(meant.definition, meant.config, draw, weights)
    if variant in weights:
        found = replace(found, variant=variant)
    return Prospect(who, found.variant, found.ghost)


def _paced(
    definition: CampaignDefinition, config: WorkspaceConfig, at: datetime, group: Sequence[Prospect], weight: float
) -> list[Entrant]:
    """The sample's places in the whole wave; who is held out takes none."""
    if definition.pace is None:
        return [Entrant(one, at) for one in group]
    begins, place = beginnings(definition, config, at), 0.0
    entrants, taken = [], 0
    for one in group:
        if one.ghost:
            entrants.append(Entrant(one, at))
            continue
        place += weight
        last = next(islice(begins, max(0, round(place) - taken - 1), None))
        taken = max(taken + 1, round(place))
        entrants.append(Entrant(one, last))
    return entrants


# ── streams ──────────────────────────────────────────────────────────────────

Coming = Iterable[tuple[str, datetime]]
"""(customer, when they enter)."""


async def _stream(connection: AsyncConnection, meant: Meant, coming: Coming, *, asked: bool = False) -> Entrance:
    """Sample those who come; an audience lets in who belongs to it now (``asked``: that was looked at)."""
    definition, config = meant.definition, meant.config
    zone = zone_named(config.zone)
    all_of_them = [(who, at) for who, at in coming if in_period(definition, at, zone)]
    few = heapq.nsmallest(SAMPLE, ((customer_draw(who), who, at) for who, at in all_of_them))
    weight = len(all_of_them) / len(few) if few else 0.0
    if definition.audience and not asked and few:
        inside = compile_segment(definition.audience, meant.segments, now=meant.now, zone=zone, among=given_ids)
        members = set(await connection.scalars(inside, {IDS: sorted({who for _, who, _ in few})}))
        few = [one for one in few if one[1] in members]
    if not few:
        return Entrance(stream=True, why="unknown" if definition.start.kind == "api" else "nobody")
    weights = await weights_of(connection, meant.campaign.id, definition, config, meant.now)
    entrants = []
    for draw, who, at in few:
        entrants.append(Entrant(assigned(meant, who, draw, "", weights), at))
    return Entrance(
        stream=True, at=meant.now, total=round(len(few) * weight), entrants=entrants, coming=all_of_them
    )  # fmt: skip


async def _by_events(connection: AsyncConnection, meant: Meant) -> Coming:
    """Each customer's last such event of the last four weeks, four weeks later."""
    start, now = meant.definition.start, meant.now
    name = _EVENTS.c.name == (inline("order") if start.event == "order" else start.event)
    latest = func.max(_EVENTS.c.at, type_=_EVENTS.c.at.type).label("at")
    fits = properties_hold(_EVENTS, where_of(start), today(now, zone_named(meant.config.zone)))
    rows = await connection.execute(
        select(_EVENTS.c.customer_id, latest)
        .where(name, _EVENTS.c.at > now - STREAM, _EVENTS.c.at <= now, fits)
        .group_by(_EVENTS.c.customer_id)
    )
    return [(row.customer_id, row.at + STREAM) for row in rows]


async def _by_segment(connection: AsyncConnection, meant: Meant) -> Coming:
    """Who was in the segment at the end of a week and not at its beginning, or the other way round."""
    start, found = meant.definition.start, list[tuple[str, datetime]]()

    async def members(at: datetime) -> set[str]:
        asked: Select[Any] = compile_segment(start.segment, meant.segments, now=at, zone=zone_named(meant.config.zone))
        return set(await connection.scalars(asked))

    before = await members(meant.now - STREAM)
    for number in range(WEEKS):
        week = meant.now + number * _WEEK
        after = await members(week + _WEEK - STREAM)
        moved = after - before if start.on == "entered" else before - after
        found += [(who, week + _WEEK * (customer_draw(who) / DRAW_MODULUS)) for who in sorted(moved)]
        before = after
    return found


async def _by_days(connection: AsyncConnection, meant: Meant) -> Coming:
    """Whose day, moved by the offset, is one of the next 28."""
    start, config, now = meant.definition.start, meant.config, meant.now
    named = start.zone if start.zone not in ("organisation", "customer") else config.zone
    first = now.astimezone(zone_named(named)).date()
    days = [first + timedelta(days=ahead) for ahead in range(STREAM.days)]
    ahead = case(*((chosen(start, day, zone_named(named)), number) for number, day in enumerate(days)), else_=-1)
    those = meant.free().add_columns(ahead.label("ahead"), _CUSTOMERS.c.zone, _CUSTOMERS.c.zone_guess)
    rows = those.subquery("those")
    found = []
    for row in await connection.execute(select(rows).where(rows.c.ahead >= 0)):
        clock = (row.zone or row.zone_guess or config.zone) if start.zone == "customer" else named
        at = resolve(datetime.combine(days[row.ahead], time.fromisoformat(start.time)), zone_named(clock))
        if at > now:
            found.append((row.id, at))
    return found


async def _by_calls(connection: AsyncConnection, meant: Meant) -> Iterator[tuple[str, datetime]]:
    """Who entered in the last four weeks, four weeks later."""
    recent = and_(
        _ENROLMENTS.c.campaign_id == meant.campaign.id,
        _ENROLMENTS.c.entered_at > meant.now - STREAM,
        _ENROLMENTS.c.entered_at <= meant.now,
    )
    rows = (await connection.execute(select(_ENROLMENTS.c.customer_id, _ENROLMENTS.c.entered_at).where(recent))).all()
    return ((row.customer_id, row.entered_at + STREAM) for row in rows)

"""A month of the reader's calendar: what left and what is planned to, what it takes, who would hear twice a day."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, time, timedelta
from itertools import islice
from zoneinfo import ZoneInfo

from sqlalchemy import ColumnElement, and_, case, func, select
from sqlalchemy.ext.asyncio import AsyncConnection

from campaigns.definition import CampaignDefinition, WorkspaceConfig
from campaigns.periods import resolve, zone_named
from campaigns.starting.entry import in_period
from campaigns.starting.occurrences import occurrences
from campaigns.versions import definitions
from core.machines.campaign import CampaignState
from core.machines.message import MessageState
from core.money import Money
from desk.campaigns.coming import BY_THE_CLOCK, clock_of
from storage.outbox.columns import table
from storage.tables import Campaign, Hold, Message

_MESSAGES, _HOLDS, _CAMPAIGNS = table(Message), table(Hold), table(Campaign)
_NEVER = (MessageState.CANCELLED, MessageState.SKIPPED, MessageState.REJECTED)
MOST_STARTS = 200
"""Of one campaign in a month; whoever starts more often is no event of a day."""
_DAY = timedelta(days=1)


@dataclass(frozen=True, slots=True)
class Month:
    """A month from its ``first`` day to before ``ends``, Gregorian days both; ``year`` and ``number`` are its own."""

    year: int
    number: int
    first: date
    ends: date
    jalali: bool

    @property
    def key(self) -> str:
        """How it stands in an address."""
        return f"{self.year}-{self.number:02}"

    def days(self) -> Iterator[date]:
        """Every day."""
        return (self.first + timedelta(days=number) for number in range((self.ends - self.first).days))

    def weeks(self, begins: int) -> Sequence[Sequence[date | None]]:
        """By weeks that begin on that weekday (Monday = 0); None before the first day and after the last."""
        shown: list[date | None] = [None] * ((self.first.weekday() - begins) % 7) + list(self.days())
        shown += [None] * (-len(shown) % 7)
        return [shown[place : place + 7] for place in range(0, len(shown), 7)]

    def beside(self, step: int) -> "Month":
        """The one before (-1) or after (1)."""
        return month_of(self.first - _DAY if step < 0 else self.ends, jalali=self.jalali)


def month_of(day: date, *, jalali: bool) -> Month:
    """The month that ``day`` lies in."""
    if not jalali:
        return _month(day.year, day.month, jalali=False)
    import jdatetime

    own = jdatetime.date.fromgregorian(date=day)
    return _month(own.year, own.month, jalali=True)


def month_named(key: str, today: date, *, jalali: bool) -> Month:
    """The month of that key in the reader's calendar; that of ``today`` where it is none."""
    year, _, number = key.partition("-")
    if year.isascii() and number.isascii() and year.isdigit() and number.isdigit():
        own = range(1300, 1500) if jalali else range(1900, 2200)
        if int(year) in own and 1 <= int(number) <= 12:
            return _month(int(year), int(number), jalali=jalali)
    return month_of(today, jalali=jalali)


def _month(year: int, number: int, *, jalali: bool) -> Month:
    after = (year + 1, 1) if number == 12 else (year, number + 1)
    if not jalali:
        return Month(year, number, date(year, number, 1), date(*after, 1), jalali)
    import jdatetime

    first, ends = (jdatetime.date(*month, 1).togregorian() for month in ((year, number), after))
    return Month(year, number, first, ends, jalali)


@dataclass(slots=True)
class Volume:
    """Messages of one campaign on one channel on a day: those that ``left`` and those that are ``planned``."""

    campaign: str
    channel: str
    left: int = 0
    planned: int = 0


@dataclass(slots=True)
class Day:
    """A day: ``starts`` are the campaigns that begin, by their instants; ``twice`` hear from more than one campaign."""

    volumes: list[Volume] = field(default_factory=list)
    cost: dict[str, int] = field(default_factory=dict)
    twice: int = 0
    starts: list[tuple[datetime, str]] = field(default_factory=list)

    @property
    def campaigns(self) -> Sequence[tuple[str, Sequence[Volume]]]:
        """By campaign what it says that day; who says the most first."""
        own: dict[str, list[Volume]] = {}
        for one in self.volumes:
            own.setdefault(one.campaign, []).append(one)
        return sorted(own.items(), key=lambda pair: (-sum(one.left + one.planned for one in pair[1]), pair[0]))

    @property
    def number(self) -> int:
        """Messages in all."""
        return sum(one.left + one.planned for one in self.volumes)

    @property
    def sums(self) -> Sequence[Money]:
        """What it takes, a sum a currency."""
        return [Money(micros, currency) for currency, micros in sorted(self.cost.items())]


async def month_days(
    connection: AsyncConnection, month: Month, config: WorkspaceConfig, now: datetime, zone: ZoneInfo
) -> Mapping[date, Day]:
    """The days of the month on the calendar of ``zone``; those without anything are left out."""
    days = list(month.days())
    bounds = [resolve(datetime.combine(day, time()), zone) for day in (*days, month.ends)]
    at = func.coalesce(_MESSAGES.c.sent_at, _MESSAGES.c.send_at, type_=_MESSAGES.c.send_at.type)
    place: ColumnElement[int] = case(*((at < ends, number) for number, ends in enumerate(bounds[1:])))
    within = and_(
        _MESSAGES.c.direction == "out", _MESSAGES.c.campaign_id.is_not(None), _MESSAGES.c.state.not_in(_NEVER),
        at >= bounds[0], at < bounds[-1],
    )  # fmt: skip
    found: dict[date, Day] = {}
    known: dict[tuple[date, str, str], Volume] = {}
    for row in await connection.execute(
        select(
            _CAMPAIGNS.c.name, _MESSAGES.c.channel, _HOLDS.c.currency, place.label("place"),
            _MESSAGES.c.sent_at.is_not(None).label("gone"), func.count().label("number"),
            func.sum(func.coalesce(_HOLDS.c.actual_micros, _HOLDS.c.amount_micros)).label("cost"),
        )
        .select_from(
            _MESSAGES.join(_CAMPAIGNS, _CAMPAIGNS.c.id == _MESSAGES.c.campaign_id).outerjoin(
                _HOLDS, and_(_HOLDS.c.message_id == _MESSAGES.c.id, _HOLDS.c.state != "released")
            )
        )
        .where(within)
        .group_by(_CAMPAIGNS.c.name, _MESSAGES.c.channel, _HOLDS.c.currency, place, _MESSAGES.c.sent_at.is_not(None))
        .order_by(_CAMPAIGNS.c.name, _MESSAGES.c.channel)
    ):  # fmt: skip
        day = days[row.place]
        shown = found.setdefault(day, Day())
        key = day, row.name, row.channel
        if key not in known:
            known[key] = Volume(row.name, row.channel)
            shown.volumes.append(known[key])
        if row.gone:
            known[key].left += row.number
        else:
            known[key].planned += row.number
        if row.cost and row.currency:
            shown.cost[row.currency] = shown.cost.get(row.currency, 0) + int(row.cost)
    several = (
        select(place.label("place"))
        .where(within)
        .group_by(_MESSAGES.c.customer_id, place)
        .having(func.count(_MESSAGES.c.campaign_id.distinct()) > 1)
        .subquery("several")
    )
    for row in await connection.execute(select(several.c.place, func.count().label("twice")).group_by(several.c.place)):
        found[days[row.place]].twice = row.twice
    for instant, name in await _starts(connection, config, max(now, bounds[0]), bounds[-1]):
        found.setdefault(instant.astimezone(zone).date(), Day()).starts.append((instant, name))
    return found


async def _starts(
    connection: AsyncConnection, config: WorkspaceConfig, after: datetime, until: datetime
) -> Sequence[tuple[datetime, str]]:
    """When the campaigns that run will start, by the clock."""
    if after >= until:
        return []
    rows = (await connection.execute(_CAMPAIGNS.select().where(_CAMPAIGNS.c.state == CampaignState.ACTIVE))).all()
    known = await definitions(connection, {row.version for row in rows})
    found = []
    for row in rows:
        definition = known.get(row.version)
        if definition is not None and definition.start.kind in BY_THE_CLOCK:
            found += [(at, row.name) for at in _of(definition, config, after, until)]
    return sorted(found)


def _of(
    definition: CampaignDefinition, config: WorkspaceConfig, after: datetime, until: datetime
) -> Iterator[datetime]:
    instants = occurrences(definition.start, zone_named(clock_of(definition.start, config)), after, until)
    inside = (at for at in instants if in_period(definition, at, zone_named(config.zone)))
    return islice(inside, MOST_STARTS)

"""What a campaign will do next: the messages that are planned, and the next start. All instants are business time."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Literal

from sqlalchemy import and_, func, or_, select
from sqlalchemy.ext.asyncio import AsyncConnection

from campaigns.definition import BEST, CampaignDefinition, SendStep, Start, WorkspaceConfig
from campaigns.limits.prices import PriceList
from campaigns.periods import day_of, zone_named
from campaigns.segments.membership import segment_size
from campaigns.starting.entry import in_period
from campaigns.starting.occurrences import next_occurrence
from core.errors import ConfigurationError
from core.money import Money
from storage.outbox.columns import is_planned, table
from storage.tables import Hold, Message

_MESSAGES, _HOLDS = table(Message), table(Hold)
BY_THE_CLOCK = ("at", "cron", "date")


@dataclass(frozen=True, slots=True)
class Coming:
    """``send``: messages of one channel from ``at`` to the end of that day, ``due`` where they could leave already.

    ``start``: the next start, of an audience of ``number`` now; its ``cost`` is the most that their first
    messages take. ``awaits``: whoever does ``what`` (an event, a segment) starts by themselves.
    """

    kind: Literal["send", "start", "awaits"]
    at: datetime | None
    number: int = 0
    what: str = ""
    cost: Sequence[Money] = ()
    due: bool = False


async def planned(
    connection: AsyncConnection, campaign_ids: Sequence[str], now: datetime, zone: str
) -> Mapping[str, Sequence[Coming]]:
    """By campaign: what leaves on the first day (of ``zone``) on which anything is planned to."""
    if not campaign_ids:
        return {}
    is_theirs = and_(is_planned(_MESSAGES), _MESSAGES.c.campaign_id.in_(campaign_ids))
    at = _MESSAGES.c.not_before
    first = {
        row.campaign_id: row.first
        for row in await connection.execute(
            select(_MESSAGES.c.campaign_id, func.min(at, type_=at.type).label("first"))
            .where(is_theirs, at.is_not(None))
            .group_by(_MESSAGES.c.campaign_id)
        )
    }
    if not first:
        return {}
    days = [
        and_(_MESSAGES.c.campaign_id == campaign, at < day_of(max(begins, now), zone_named(zone))[1])
        for campaign, begins in first.items()
    ]
    found: dict[str, dict[str, Coming]] = {}
    for row in await connection.execute(
        select(
            _MESSAGES.c.campaign_id, _MESSAGES.c.channel, _HOLDS.c.currency, func.count().label("number"),
            func.min(at, type_=at.type).label("first"), func.sum(_HOLDS.c.amount_micros).label("cost"),
        )
        .select_from(_MESSAGES.outerjoin(_HOLDS, _HOLDS.c.message_id == _MESSAGES.c.id))
        .where(is_theirs, or_(*days))
        .group_by(_MESSAGES.c.campaign_id, _MESSAGES.c.channel, _HOLDS.c.currency)
        .order_by(_MESSAGES.c.channel)
    ):  # fmt: skip
        mine = found.setdefault(row.campaign_id, {})
        before = mine.get(row.channel)
        cost = (Money(int(row.cost), row.currency),) if row.cost and row.currency else ()
        starts = min(row.first, before.at) if before is not None and before.at is not None else row.first
        mine[row.channel] = Coming(
            "send", starts, row.number + (before.number if before else 0), row.channel,
            (*(before.cost if before else ()), *cost), starts <= now,
        )  # fmt: skip
    return {campaign: sorted(ones.values(), key=_when) for campaign, ones in found.items()}


async def next_start(
    connection: AsyncConnection, definition: CampaignDefinition, config: WorkspaceConfig, now: datetime
) -> Coming | None:
    """The next start of a campaign that runs; None where nobody will enter any more."""
    start = definition.start
    if start.kind in BY_THE_CLOCK:
        at = next_occurrence(start, zone_named(clock_of(start, config)), now)
        if at is None or not in_period(definition, at, zone_named(config.zone)):
            return None
        size = await segment_size(connection, definition.audience) if definition.audience else 0
        return Coming("start", at, size, definition.audience, _first_cost(definition, config, now, size))
    if start.kind in ("event", "segment", "api"):
        return Coming("awaits", None, what=start.event or start.segment)
    return None


def _first_cost(definition: CampaignDefinition, config: WorkspaceConfig, now: datetime, size: int) -> Sequence[Money]:
    """The most that the first messages to so many would take; nothing where that is not known beforehand."""
    first = next((step for step in definition.steps if isinstance(step, SendStep)), None)
    if first is None or first.main.channel == BEST:
        return ()
    try:
        micros = PriceList.of(config, now).price(first.main.channel) * size
    except ConfigurationError:  # a currency without a rate: told where it is applied
        return ()
    return (Money(micros, config.currency),) if micros else ()


def clock_of(start: Start, config: WorkspaceConfig) -> str:
    """The zone by which its starts are shown: the organisation's where each customer has their own."""
    return config.zone if start.zone in ("organisation", "customer") else start.zone


def _when(one: Coming) -> tuple[float, str]:
    return one.at.timestamp() if one.at is not None else float("inf"), one.what

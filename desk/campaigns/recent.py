"""The last fourteen days of each campaign, for a small drawing: messages that left and what customers did."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, time, timedelta
from zoneinfo import ZoneInfo

from sqlalchemy import ColumnElement, and_, case, func, select
from sqlalchemy.ext.asyncio import AsyncConnection

from campaigns.periods import resolve
from campaigns.reporting.report import LEFT
from storage.outbox.columns import table
from storage.tables import Message, Response

_MESSAGES, _RESPONSES = table(Message), table(Response)
DAYS = 14
HEIGHT = 20.0
"""Of the drawing, whose width is :data:`DAYS`."""


@dataclass(frozen=True, slots=True)
class Recent:
    """By day, the oldest first: messages that left, and responses but opens, which prove nothing."""

    sends: Sequence[int] = field(default_factory=lambda: [0] * DAYS)
    responses: Sequence[int] = field(default_factory=lambda: [0] * DAYS)

    @property
    def sent(self) -> int:
        """In all."""
        return sum(self.sends)

    @property
    def responded(self) -> int:
        """In all."""
        return sum(self.responses)

    def bars(self) -> Sequence[tuple[int, float, float]]:
        """(day, height of the sends, height of the responses); each on its own scale: one is a few per cent."""
        most, most_responses = max(self.sends, default=0), max(self.responses, default=0)
        return [
            (day, _height(sends, most), _height(responses, most_responses) / 2)
            for day, (sends, responses) in enumerate(zip(self.sends, self.responses, strict=True))
        ]


async def recent(
    connection: AsyncConnection, campaign_ids: Sequence[str], now: datetime, zone: ZoneInfo
) -> Mapping[str, Recent]:
    """By campaign; those without anything are left out. Days are those of ``zone``, the last one is today."""
    if not campaign_ids:
        return {}
    today = now.astimezone(zone).date()
    ends = [resolve(datetime.combine(today + timedelta(days=day), time()), zone) for day in range(1 - DAYS, 2)]
    sends = await _by_day(
        connection, _MESSAGES.c.campaign_id, _MESSAGES.c.sent_at, ends,
        and_(_MESSAGES.c.campaign_id.in_(campaign_ids), _MESSAGES.c.state.in_(LEFT)),
    )  # fmt: skip
    responses = await _by_day(
        connection, _RESPONSES.c.campaign_id, _RESPONSES.c.at, ends,
        and_(_RESPONSES.c.campaign_id.in_(campaign_ids), _RESPONSES.c.kind != "open"),
    )  # fmt: skip
    nothing = [0] * DAYS
    return {id_: Recent(sends.get(id_, nothing), responses.get(id_, nothing)) for id_ in sends.keys() | responses}


async def _by_day(
    connection: AsyncConnection,
    campaign: ColumnElement[str | None],
    at: ColumnElement[datetime | None],
    bounds: Sequence[datetime],
    wanted: ColumnElement[bool],
) -> dict[str, list[int]]:
    place: ColumnElement[int] = case(*((at < ends, number) for number, ends in enumerate(bounds[1:])))
    rows = await connection.execute(
        select(campaign.label("campaign"), place.label("place"), func.count().label("number"))
        .where(wanted, at >= bounds[0], at < bounds[-1])
        .group_by(campaign, place)
    )
    found: dict[str, list[int]] = {}
    for row in rows:
        found.setdefault(row.campaign, [0] * DAYS)[row.place] = row.number
    return found


def _height(number: int, most: int) -> float:
    """Never so low that it cannot be seen."""
    return max(number / most * HEIGHT, 1.0) if number else 0.0

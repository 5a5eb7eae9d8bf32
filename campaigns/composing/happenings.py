"""What templates may tell of customers beyond their columns: events, and the offer that the journey holds.

``asks`` says what the batch's templates speak of; a batch whose templates speak of nothing costs no query.
"""

from collections import defaultdict
from collections.abc import Collection, Mapping
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

from sqlalchemy import bindparam, func, select
from sqlalchemy.ext.asyncio import AsyncConnection

from campaigns.definition import CampaignBody
from campaigns.templates.names import Asks
from campaigns.templates.variables import NOTHING_KNOWN, Granted, Happening, Known
from storage.given import IDS, given_ids
from storage.outbox.columns import table
from storage.tables import Enrolment, Event, Grant
from storage.types import Instant

ORDER = "order"
EXAMPLE_CODE = "CODE-A1B2C3D4"
_EVENTS, _ENROLMENTS, _GRANTS = table(Event), table(Enrolment), table(Grant)
_TOLD = (
    _EVENTS.c.name,
    _EVENTS.c.at,
    _EVENTS.c.amount_micros,
    _EVENTS.c.currency,
    _EVENTS.c.external_id,
    _EVENTS.c.properties,
)
_STARTED_BY = (
    select(_ENROLMENTS.c.id.label("enrolment_id"), *_TOLD)
    .join(_EVENTS, _EVENTS.c.id == _ENROLMENTS.c.event_id)
    .where(given_ids(_ENROLMENTS.c.id))
)
_RANKED = (
    select(
        _EVENTS.c.id,
        func.row_number()
        .over(partition_by=_EVENTS.c.customer_id, order_by=(_EVENTS.c.at.desc(), _EVENTS.c.id.desc()))
        .label("place"),
    )
    .where(
        given_ids(_EVENTS.c.customer_id),
        _EVENTS.c.name == bindparam("of_name"),
        _EVENTS.c.at <= bindparam("now", type_=Instant()),
    )
    .subquery()
)
_LAST = select(_EVENTS.c.customer_id, *_TOLD).join(_RANKED, _RANKED.c.id == _EVENTS.c.id).where(_RANKED.c.place == 1)
_HELD = (
    select(_GRANTS.c.enrolment_id, _GRANTS.c.offer, _GRANTS.c.code, _GRANTS.c.expires_at)
    .where(given_ids(_GRANTS.c.enrolment_id))
    .order_by(_GRANTS.c.id)
)


async def started_by(connection: AsyncConnection, enrolment_ids: Collection[str]) -> dict[str, Happening]:
    """The events that began these journeys, by enrolment; a journey that none began is left out."""
    rows = await connection.execute(_STARTED_BY, {IDS: list(enrolment_ids)})
    return {row.enrolment_id: _happening(row) for row in rows}


async def last_events(
    connection: AsyncConnection, customer_ids: Collection[str], name: str, now: datetime
) -> dict[str, Happening]:
    """Each customer's last event of that name up to ``now``; who has none is left out."""
    rows = await connection.execute(_LAST, {IDS: list(customer_ids), "of_name": name, "now": now})
    return {row.customer_id: _happening(row) for row in rows}


async def grants_of(
    connection: AsyncConnection, enrolment_ids: Collection[str], titles: Mapping[str, str]
) -> dict[str, Granted]:
    """The offer that each journey holds (the newest, of several); ``titles`` are by the offers' names."""
    return {
        row.enrolment_id: Granted(row.offer, titles.get(row.offer, ""), row.code, row.expires_at)
        for row in await connection.execute(_HELD, {IDS: list(enrolment_ids)})
    }


def likely_grant(body: CampaignBody, now: datetime, zone: ZoneInfo) -> Granted | None:
    """The offer that a journey without one would get, as far as it can be told before: the campaign's first.

    A code of its own is stood in for by one of the usual length.
    """
    choice = body.definition.offer
    offer = (
        body.offers.get(choice.candidates[0].offer) if choice is not None else next(iter(body.offers.values()), None)
    )
    if offer is None:
        return None
    code = {"same": offer.code, "unique": EXAMPLE_CODE, "none": ""}[offer.codes]
    return Granted(offer.name, offer.title, code, offer.valid.after(now, zone) if offer.valid is not None else None)


class Happenings:
    """What is known of a batch's customers and journeys. Made by :func:`load_happenings`."""

    def __init__(self) -> None:
        self.began: dict[str, Happening] = {}
        self.last: dict[str, dict[str, Happening]] = defaultdict(dict)
        self.grants: dict[str, Granted] = {}

    def known(self, customer_id: str, enrolment_id: str | None) -> Known:
        """What one customer's message may tell."""
        journey = enrolment_id or ""
        last = self.last.get(customer_id)
        if last is None and journey not in self.began and journey not in self.grants:
            return NOTHING_KNOWN  # one for all: it is written once where a batch goes to another process
        last = last or {}
        return Known(self.began.get(journey), last.get(ORDER), last, self.grants.get(journey))


async def load_happenings(
    connection: AsyncConnection,
    asks: Asks,
    *,
    customer_ids: Collection[str],
    enrolment_ids: Collection[str],
    titles: Mapping[str, str],
    now: datetime,
) -> Happenings:
    """What ``asks`` names, for these customers and journeys: a query for each kind, each event's name being one."""
    found = Happenings()
    if asks.event and enrolment_ids:
        found.began = await started_by(connection, enrolment_ids)
    for name in sorted(asks.events | ({ORDER} if asks.last_order else set())):
        for customer_id, happening in (await last_events(connection, customer_ids, name, now)).items():
            found.last[customer_id][name] = happening
    if asks.offer and enrolment_ids:
        found.grants = await grants_of(connection, enrolment_ids, titles)
    return found


def _happening(row: Any) -> Happening:
    return Happening(row.name, row.at, row.amount_micros, row.currency, row.external_id, row.properties or {})

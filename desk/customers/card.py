"""The customer's card: who they are, where they are reached and for what, what they have and what runs for them.

The whole of it stands on the customer's own page, a short form beside the thread.
"""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import exists, func, or_, select
from sqlalchemy.ext.asyncio import AsyncConnection

from core.messages import WEBCHAT
from core.naming import mark_of
from core.purposes import Purpose
from desk.customers.journeys import Journey, in_flight
from storage.outbox.columns import table
from storage.tables import (
    Consent,
    Customer,
    CustomerTag,
    Event,
    Grant,
    Identity,
    MergedCustomer,
    SegmentMembership,
    Suppression,
)

_CUSTOMERS, _IDENTITIES, _CONSENTS, _TAGS = table(Customer), table(Identity), table(Consent), table(CustomerTag)
_EVENTS, _GRANTS, _MEMBERSHIPS = table(Event), table(Grant), table(SegmentMembership)
_SUPPRESSIONS, _TOMBSTONES = table(Suppression), table(MergedCustomer)
WINDOW = timedelta(hours=24)
POINTS = "points_given"
"""The event by which campaigns give points (a property of that name says how many)."""
SHOWN = 50
"""Tags, segments, offers and merges that are shown; who has more of one is looked at elsewhere."""


@dataclass(frozen=True, slots=True)
class Said:
    """What an address agreed to (or refused): since when, where, and in which words."""

    purpose: str
    granted: bool
    at: datetime
    source: str
    wording: str
    document: str


@dataclass(frozen=True, slots=True)
class Place:
    """An address. ``window_until`` is the end of WhatsApp's free window; None where there is none or it is over.

    ``mark`` names a visitor of the web chat, whose address says nothing to anybody; empty for other addresses.
    """

    id: str
    channel: str
    address: str
    mark: str
    reachable: bool
    reason: str
    verified: bool
    suppressed: bool
    source: str
    consents: Sequence[Said]
    window_until: datetime | None

    @property
    def marketing(self) -> bool | None:
        """Whether marketing was agreed to; None: nobody asked."""
        return next((one.granted for one in self.consents if one.purpose == Purpose.MARKETING), None)


@dataclass(frozen=True, slots=True)
class Held:
    """An offer that the customer was promised and has not used."""

    product: str
    offer: str
    code: str
    expires_at: datetime | None


@dataclass(frozen=True, slots=True)
class Became:
    """Somebody who became this customer: their old id, the shop's number for them, the merge, when."""

    id: str
    external_id: str
    merge_id: str
    at: datetime


@dataclass(frozen=True, slots=True)
class Card:
    """One customer as staff sees them. ``zone`` is their own, ``zone_guess`` what was learnt by the way."""

    id: str
    first_name: str
    last_name: str
    external_id: str
    locale: str
    locale_by: str
    zone: str
    zone_guess: str
    country: str
    city: str
    birthday: str
    stage: str
    attributes: Mapping[str, Any]
    places: Sequence[Place]
    tags: Sequence[str]
    segments: Sequence[str]
    journeys: Sequence[Journey]
    offers: Sequence[Held]
    points: int
    orders: int
    last_order_at: datetime | None
    spent: Sequence[tuple[str, int]]
    not_now_until: datetime | None
    became: Sequence[Became]
    since: datetime

    @property
    def name(self) -> str:
        """As they are called; empty where nobody knows."""
        return f"{self.first_name} {self.last_name}".strip()

    @property
    def lives_by(self) -> str:
        """The zone by whose clock they live, as far as is known."""
        return self.zone or self.zone_guess

    @property
    def visitor(self) -> bool:
        """Whether nothing but the web chat is known of them."""
        return bool(self.places) and all(one.channel == WEBCHAT for one in self.places)


async def card_of(connection: AsyncConnection, customer_id: str, now: datetime) -> Card:
    """The customer of that id, who exists."""
    row = (await connection.execute(select(_CUSTOMERS).where(_CUSTOMERS.c.id == customer_id))).one()
    orders = (
        await connection.execute(
            select(
                _EVENTS.c.currency, func.count().label("number"), func.sum(_EVENTS.c.amount_micros).label("spent"),
                func.max(_EVENTS.c.at, type_=_EVENTS.c.at.type).label("last_at"),
            )
            .where(_EVENTS.c.customer_id == customer_id, _EVENTS.c.amount_micros.is_not(None))
            .group_by(_EVENTS.c.currency)
        )
    ).all()  # fmt: skip
    in_segment = _MEMBERSHIPS.c.left_at.is_(None)
    segments = select(_MEMBERSHIPS.c.segment).where(_MEMBERSHIPS.c.customer_id == customer_id, in_segment)
    tags = select(_TAGS.c.tag).where(_TAGS.c.customer_id == customer_id)
    return Card(
        id=row.id, first_name=row.first_name, last_name=row.last_name, external_id=row.external_id or "",
        locale=row.locale, locale_by=row.locale_by, zone=row.zone, zone_guess=row.zone_guess, country=row.country,
        city=row.city, birthday=row.birthday or "", stage=row.stage, attributes=dict(row.attributes or {}),
        places=await _places(connection, customer_id, now),
        tags=list(await connection.scalars(tags.order_by(_TAGS.c.tag).limit(SHOWN))),
        segments=list(await connection.scalars(segments.order_by(_MEMBERSHIPS.c.segment).limit(SHOWN))),
        journeys=await in_flight(connection, customer_id),
        offers=await _offers(connection, customer_id, now),
        points=await _points(connection, customer_id),
        orders=sum(int(one.number) for one in orders),
        last_order_at=max((one.last_at for one in orders), default=None),
        spent=[(one.currency or "", int(one.spent or 0)) for one in orders],
        not_now_until=row.not_now_until if row.not_now_until is not None and row.not_now_until > now else None,
        became=await _became(connection, customer_id),
        since=row.created_at,
    )  # fmt: skip


async def _places(connection: AsyncConnection, customer_id: str, now: datetime) -> list[Place]:
    suppressed = exists(select(_SUPPRESSIONS.c.key).where(_SUPPRESSIONS.c.key == _IDENTITIES.c.key))
    rows = (
        await connection.execute(
            select(_IDENTITIES, suppressed.label("suppressed"))
            .where(_IDENTITIES.c.customer_id == customer_id)
            .order_by(_IDENTITIES.c.channel, _IDENTITIES.c.id)
        )
    ).all()
    said: dict[str, list[Said]] = defaultdict(list)
    consents = select(_CONSENTS).where(_CONSENTS.c.identity_id.in_([row.id for row in rows]))
    for one in await connection.execute(consents.order_by(_CONSENTS.c.purpose)):
        said[one.identity_id].append(Said(one.purpose, one.granted, one.at, one.source, one.wording, one.document))
    return [
        Place(
            row.id, row.channel, row.address, mark_of(customer_id) if row.channel == WEBCHAT else "", row.reachable,
            row.unreachable_reason, row.verified, row.suppressed, row.source, said[row.id],
            row.window_from + WINDOW if row.window_from is not None and row.window_from + WINDOW > now else None,
        )
        for row in rows
    ]  # fmt: skip


async def _offers(connection: AsyncConnection, customer_id: str, now: datetime) -> list[Held]:
    in_force = or_(_GRANTS.c.expires_at.is_(None), _GRANTS.c.expires_at > now)
    rows = await connection.execute(
        select(_GRANTS)
        .where(_GRANTS.c.customer_id == customer_id, _GRANTS.c.ended_at.is_(None), in_force)
        .order_by(_GRANTS.c.granted_at.desc())
        .limit(SHOWN)
    )
    return [Held(row.product, row.offer, row.code, row.expires_at) for row in rows]


async def _points(connection: AsyncConnection, customer_id: str) -> int:
    given = func.sum(_EVENTS.c.properties["points"].as_integer())
    of_them = (_EVENTS.c.name == POINTS, _EVENTS.c.customer_id == customer_id)
    return int(await connection.scalar(select(given).where(*of_them)) or 0)


async def _became(connection: AsyncConnection, customer_id: str) -> list[Became]:
    rows = await connection.execute(
        select(_TOMBSTONES)
        .where(_TOMBSTONES.c.survivor_id == customer_id)
        .order_by(_TOMBSTONES.c.at.desc())
        .limit(SHOWN)
    )
    return [Became(row.id, row.external_id or "", row.merge_id, row.at) for row in rows]

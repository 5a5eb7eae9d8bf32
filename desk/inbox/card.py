"""The customer beside the thread: who they are, where they are reached, what they did."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import and_, func, select
from sqlalchemy.ext.asyncio import AsyncConnection

from core.purposes import Purpose
from storage.outbox.columns import table
from storage.tables import (
    Campaign,
    Consent,
    Customer,
    CustomerTag,
    Enrolment,
    Event,
    Identity,
    SegmentMembership,
)

_CUSTOMERS, _IDENTITIES, _CONSENTS, _TAGS = table(Customer), table(Identity), table(Consent), table(CustomerTag)
_EVENTS, _ENROLMENTS, _CAMPAIGNS = table(Event), table(Enrolment), table(Campaign)
_MEMBERSHIPS = table(SegmentMembership)
WINDOW = timedelta(hours=24)
SHOWN = 8


@dataclass(frozen=True, slots=True)
class Place:
    """An address. ``window_until`` is the end of WhatsApp's free window; None where there is none or it is over."""

    id: str
    channel: str
    address: str
    reachable: bool
    reason: str
    verified: bool
    marketing: bool | None
    window_until: datetime | None


@dataclass(frozen=True, slots=True)
class Card:
    """One customer as staff sees them."""

    id: str
    name: str
    external_id: str
    locale: str
    zone: str
    city: str
    stage: str
    places: Sequence[Place]
    tags: Sequence[str]
    segments: Sequence[str]
    journeys: Sequence[tuple[str, str]]
    orders: int
    last_order_at: datetime | None
    spent: Sequence[tuple[str, int]]
    since: datetime


async def card_of(connection: AsyncConnection, customer_id: str, now: datetime) -> Card:
    """The customer of that id, who exists."""
    customer = (await connection.execute(select(_CUSTOMERS).where(_CUSTOMERS.c.id == customer_id))).one()
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
    return Card(
        id=customer.id, name=f"{customer.first_name} {customer.last_name}".strip(),
        external_id=customer.external_id or "", locale=customer.locale, zone=customer.zone or customer.zone_guess,
        city=customer.city, stage=customer.stage, places=await _places(connection, customer_id, now),
        tags=list(await connection.scalars(
            select(_TAGS.c.tag).where(_TAGS.c.customer_id == customer_id).order_by(_TAGS.c.tag).limit(SHOWN))),
        segments=list(await connection.scalars(
            select(_MEMBERSHIPS.c.segment)
            .where(_MEMBERSHIPS.c.customer_id == customer_id, _MEMBERSHIPS.c.left_at.is_(None))
            .order_by(_MEMBERSHIPS.c.segment).limit(SHOWN))),
        journeys=[(row.name, row.step) for row in await connection.execute(
            select(_CAMPAIGNS.c.name, _ENROLMENTS.c.step)
            .join(_CAMPAIGNS, _CAMPAIGNS.c.id == _ENROLMENTS.c.campaign_id)
            .where(_ENROLMENTS.c.customer_id == customer_id, _ENROLMENTS.c.closed_at.is_(None))
            .order_by(_CAMPAIGNS.c.name).limit(SHOWN))],
        orders=sum(int(row.number) for row in orders),
        last_order_at=max((row.last_at for row in orders), default=None),
        spent=[(row.currency or "", int(row.spent or 0)) for row in orders],
        since=customer.created_at,
    )  # fmt: skip


async def _places(connection: AsyncConnection, customer_id: str, now: datetime) -> list[Place]:
    consented = and_(_CONSENTS.c.identity_id == _IDENTITIES.c.id, _CONSENTS.c.purpose == Purpose.MARKETING.value)
    rows = await connection.execute(
        select(_IDENTITIES, _CONSENTS.c.granted)
        .select_from(_IDENTITIES.outerjoin(_CONSENTS, consented))
        .where(_IDENTITIES.c.customer_id == customer_id)
        .order_by(_IDENTITIES.c.channel, _IDENTITIES.c.id)
    )
    return [
        Place(
            row.id, row.channel, row.address, row.reachable, row.unreachable_reason, row.verified, row.granted,
            row.window_from + WINDOW if row.window_from is not None and row.window_from + WINDOW > now else None,
        )
        for row in rows
    ]  # fmt: skip

"""Whom a preview is for: a customer of the store, or an example one."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from functools import reduce
from operator import or_
from typing import Any

from sqlalchemy import and_, select
from sqlalchemy.ext.asyncio import AsyncConnection

from campaigns.composing.batch import Reader
from campaigns.composing.happenings import likely_grant, load_happenings
from campaigns.customers.columns import customers_by_id, orders_of
from campaigns.definition import CampaignBody, WorkspaceConfig
from campaigns.periods import zone_named
from campaigns.previewing.words import say
from campaigns.templates.content import asks_of
from campaigns.templates.names import NOTHING_ASKED, Asks
from campaigns.templates.variables import EXAMPLE_ITEMS, NO_ORDERS, Happening, Known, OrderFigures
from core.catalogue import language_of
from core.messages import Address
from core.money import MICRO
from core.purposes import NEEDS_CONSENT
from storage.outbox.columns import table
from storage.tables import Campaign, Consent, Enrolment, Identity, Suppression

_IDENTITIES, _CONSENTS, _SUPPRESSIONS = table(Identity), table(Consent), table(Suppression)
_ENROLMENTS, _CAMPAIGNS = table(Enrolment), table(Campaign)
_NAMES = {"en": ("Emma", "Clarke"), "ru": ("Анна", "Петрова"), "fa": ("نیلوفر", "رضایی")}


@dataclass(frozen=True, slots=True)
class Place:
    """Where a reader is reached; ``barred`` says why nothing would be sent there, empty where it would."""

    address: Address
    barred: str = ""
    window_from: datetime | None = None


@dataclass(frozen=True, slots=True)
class Audience:
    """One reader with their places, by channel, and what was taken for granted about them."""

    reader: Reader
    name: str
    places: Mapping[str, Place] = field(default_factory=dict)
    notes: tuple[str, ...] = ()


async def load_audience(
    connection: AsyncConnection,
    customer_id: str,
    body: CampaignBody,
    config: WorkspaceConfig,
    now: datetime,
    lang: str = "en",
) -> Audience:
    """A customer as the campaign's messages would see them now; what is told of them is in ``lang``.

    On a journey, the event and the offer are the journey's; else the event is the customer's last of the kind that
    would begin one, and the offer the first that they could get.
    """
    customer = (await customers_by_id(connection, [customer_id]))[customer_id]
    orders = (await orders_of(connection, [customer_id], now)).get(customer_id, NO_ORDERS)
    enrolment_id = await _journey(connection, customer_id, body.definition.name)
    asks, start = _asks(body), body.definition.start
    wanted = asks | Asks(events=frozenset({start.event} if asks.event and start.event else ()))
    happenings = await load_happenings(
        connection,
        wanted,
        customer_ids=[customer_id],
        enrolment_ids=[enrolment_id] if enrolment_id else [],
        titles={offer.name: offer.title for offer in body.offers.values()},
        now=now,
    )
    known = happenings.known(customer_id, enrolment_id)
    notes = []
    if asks.event and known.event is None:
        known = replace(known, event=known.events.get(start.event))
        notes.append(say(lang, "event.last" if known.event else "event.none", event=start.event))
    if asks.offer and known.offer is None:
        zone = zone_named(customer["zone"] or customer["zone_guess"] or config.zone)
        known = replace(known, offer=likely_grant(body, now, zone))
        notes.append(say(lang, "offer.none"))
    name = " ".join(part for part in (customer["first_name"], customer["last_name"]) if part)
    return Audience(
        Reader(customer, orders, known),
        name or customer["external_id"] or customer_id,
        await _places(connection, customer_id, body, lang),
        tuple(notes),
    )


def example_audience(
    locale: str, body: CampaignBody, config: WorkspaceConfig, now: datetime, lang: str = "en"
) -> Audience:
    """A well-known reader of ``locale`` who does not exist."""
    first, last = _NAMES[language_of(locale)]
    event = Happening(
        body.definition.start.event or "event",
        now - timedelta(hours=2),
        40 * MICRO,
        number="1017",
        properties={"items": list(EXAMPLE_ITEMS)},
    )
    known = Known(
        event=event,
        last_order=replace(event, name="order", at=now - timedelta(days=390)),
        events={name: replace(event, name=name) for name in _asks(body).events},
        offer=likely_grant(body, now, zone_named(config.zone)),
    )
    customer: dict[str, Any] = {"id": "", "first_name": first, "last_name": last, "locale": locale}
    orders = OrderFigures(4, 129_500_000, now - timedelta(days=900), now - timedelta(days=390))
    return Audience(Reader(customer, orders, known), f"{first} {last}", {}, (say(lang, "example"),))


def _asks(body: CampaignBody) -> Asks:
    return reduce(or_, (asks_of(path, text) for path, text in body.templates.items()), NOTHING_ASKED)


async def _journey(connection: AsyncConnection, customer_id: str, campaign: str) -> str | None:
    """The customer's latest round through the campaign."""
    found: str | None = await connection.scalar(
        select(_ENROLMENTS.c.id)
        .join(_CAMPAIGNS, _CAMPAIGNS.c.id == _ENROLMENTS.c.campaign_id)
        .where(_CAMPAIGNS.c.name == campaign, _ENROLMENTS.c.customer_id == customer_id)
        .order_by(_ENROLMENTS.c.round.desc())
        .limit(1)
    )
    return found


async def _places(connection: AsyncConnection, customer_id: str, body: CampaignBody, lang: str) -> dict[str, Place]:
    """By channel the first address that a message may go to, else the first with what bars it."""
    purpose = body.definition.purpose
    agreed = and_(
        _CONSENTS.c.identity_id == _IDENTITIES.c.id, _CONSENTS.c.purpose == purpose.value, _CONSENTS.c.granted.is_(True)
    )
    stopped = and_(_SUPPRESSIONS.c.key == _IDENTITIES.c.key, _SUPPRESSIONS.c.purpose.in_(["*", purpose.value]))
    rows = await connection.execute(
        select(
            _IDENTITIES,
            select(_CONSENTS.c.identity_id).where(agreed).exists().label("consented"),
            select(_SUPPRESSIONS.c.key).where(stopped).exists().label("suppressed"),
        )
        .where(_IDENTITIES.c.customer_id == customer_id)
        .order_by(_IDENTITIES.c.id)
    )
    found: dict[str, Place] = {}
    for row in rows:
        barred = ""
        if not row.consented and purpose in NEEDS_CONSENT:
            barred = say(lang, "barred.consent", purpose=purpose.value)
        if row.suppressed:
            barred = say(lang, "barred.suppressed")
        if not row.reachable:
            barred = say(lang, "barred.unreachable", reason=row.unreachable_reason or "blocked")
        place = Place(Address(row.channel, row.address, row.scope), barred, row.window_from)
        if row.channel not in found or (found[row.channel].barred and not barred):
            found[row.channel] = place
    return found

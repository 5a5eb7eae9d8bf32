"""The customer's choices in the store: read for the page, and carried out with the page's words as their proof."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from sqlalchemy import and_, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from campaigns.customers.consents import Proof, forgive_topics, grant, withdraw_identity
from campaigns.customers.resting import rest, wake
from campaigns.definition import WorkspaceConfig
from campaigns.limits.hours import parts_of_hours
from campaigns.live import workspace_config
from campaigns.responding.answers import record_opt_out
from campaigns.responding.attribution import NOTHING
from campaigns.versions import bodies
from core.actors import Actor
from core.ids import new_id
from core.purposes import TOPIC, Purpose
from core.statuses import SENT
from desk.preferences.choices import Letter, Place, Preferences, Topic, Wish, masked
from storage.outbox.columns import table
from storage.statements import lock_customers
from storage.tables import Audit, Campaign, Consent, Customer, Identity, Message, Segment

LETTERS = 5
SOURCE = "preference page"

_AUDIT, _CAMPAIGNS, _CONSENTS, _CUSTOMERS = table(Audit), table(Campaign), table(Consent), table(Customer)
_IDENTITIES, _MESSAGES, _SEGMENTS = table(Identity), table(Message), table(Segment)


async def preferences_of(connection: AsyncConnection, customer_id: str, now: datetime) -> Preferences | None:
    """What the page shows a customer; None if there is no such customer any more."""
    customer = (await connection.execute(_CUSTOMERS.select().where(_CUSTOMERS.c.id == customer_id))).first()
    if customer is None:
        return None
    config = await workspace_config(connection)
    resting = customer.not_now_until
    return Preferences(
        customer_id=customer_id,
        locale=customer.locale or config.locale,
        brand=config.brand.name,
        postal_address=config.brand.postal_address,
        zone=customer.zone or customer.zone_guess or config.zone,
        places=await _places(connection, customer_id),
        topics=await _topics(connection, customer_id, config, customer.locale or config.locale),
        letters=await _letters(connection, customer_id),
        resting_until=resting if resting is not None and resting > now else None,
        hours=customer.hours,
        offered_hours=parts_of_hours(config.sending_hours),
    )


async def _places(connection: AsyncConnection, customer_id: str) -> tuple[Place, ...]:
    marketing = and_(_CONSENTS.c.identity_id == _IDENTITIES.c.id, _CONSENTS.c.purpose == Purpose.MARKETING.value)
    rows = await connection.execute(
        select(
            _IDENTITIES, _CONSENTS.c.granted, _CONSENTS.c.source.label("said_by"), _CONSENTS.c.at, _CONSENTS.c.wording
        )
        .outerjoin(_CONSENTS, marketing)
        .where(_IDENTITIES.c.customer_id == customer_id)
        .order_by(_IDENTITIES.c.channel, _IDENTITIES.c.id)
    )
    return tuple(
        Place(
            id=row.id,
            channel=row.channel,
            masked=masked(row.channel, row.address),
            granted=row.granted,
            reachable=row.reachable,
            source=row.source,
            known_since=row.created_at,
            consent_source=row.said_by or "",
            consented_at=row.at,
            wording=row.wording or "",
        )
        for row in rows
    )


async def _topics(
    connection: AsyncConnection, customer_id: str, config: WorkspaceConfig, locale: str
) -> tuple[Topic, ...]:
    refused = await connection.scalars(
        select(_CONSENTS.c.purpose)
        .join(_IDENTITIES, _IDENTITIES.c.id == _CONSENTS.c.identity_id)
        .where(
            _IDENTITIES.c.customer_id == customer_id,
            _CONSENTS.c.purpose.startswith(TOPIC, autoescape=True),
            _CONSENTS.c.granted.is_(False),
        )
        .distinct()
    )
    names = sorted(purpose.removeprefix(TOPIC) for purpose in refused)
    words = await _campaign_words(connection, names)
    return tuple(Topic(name, config.topic(name, locale) or words.get(name, name)) for name in names)


async def _campaign_words(connection: AsyncConnection, names: list[str]) -> Mapping[str, str]:
    """By campaign: its description, where it has one."""
    if not names:
        return {}
    rows = (
        await connection.execute(select(_CAMPAIGNS.c.name, _CAMPAIGNS.c.version).where(_CAMPAIGNS.c.name.in_(names)))
    ).all()
    known = await bodies(connection, {row.version for row in rows if row.version})
    return {row.name: known[row.version].definition.description or row.name for row in rows if row.version in known}


async def _letters(connection: AsyncConnection, customer_id: str) -> tuple[Letter, ...]:
    rows = (
        await connection.execute(
            select(_MESSAGES.c.channel, _MESSAGES.c.sent_at, _MESSAGES.c.send_at, _MESSAGES.c.version)
            .where(
                _MESSAGES.c.customer_id == customer_id,
                _MESSAGES.c.direction == "out",
                _MESSAGES.c.purpose == Purpose.MARKETING,
                _MESSAGES.c.state.in_(SENT),
                _MESSAGES.c.campaign_id.is_not(None),
            )
            .order_by(_MESSAGES.c.created_at.desc(), _MESSAGES.c.id.desc())
            .limit(LETTERS)
        )
    ).all()
    known = await bodies(connection, {row.version for row in rows})
    segments = {row.name: row.description for row in await connection.execute(select(_SEGMENTS))}
    letters = []
    for row in rows:
        definition = known[row.version].definition if row.version in known else None
        if definition is not None:
            audience = segments.get(definition.audience) or definition.audience
            words = definition.description or definition.name
            letters.append(Letter(row.channel, row.sent_at or row.send_at, words, audience))
    return tuple(letters)


async def keep(connection: AsyncConnection, shown: Preferences, wish: Wish, wording: str, *, now: datetime) -> None:
    """Carry out a wish, in the caller's transaction. Asking for the same again changes nothing.

    ``wording`` is what stood beside the addresses that they ticked: the proof of what they agreed to.
    """
    customer_id = shown.customer_id
    await lock_customers(connection, [customer_id], shared=False)
    actor = Actor("customer", customer_id)
    proof = Proof(SOURCE, wording, actor, now)
    if wish.stop or (shown.places and not wish.places and any(place.granted for place in shown.places)):
        key = f"preferences:{new_id()}"
        await record_opt_out(connection, key=key, customer_id=customer_id, proof=proof, now=now, attribution=NOTHING)
    else:
        wanted = [place.id for place in shown.places if place.id in wish.places and not place.granted]
        await grant(connection, customer_id, wanted, proof)
        for place in shown.places:
            if place.granted and place.id not in wish.places:
                await withdraw_identity(connection, place.id, customer_id, proof)
        await forgive_topics(connection, customer_id, proof, wish.topics)
        await _rest(connection, shown, wish, now)
    changed: dict[str, Any] = {"hours": wish.hours}
    if wish.language and wish.language != shown.locale.partition("-")[0].lower():
        changed["locale"] = wish.language
    await connection.execute(update(_CUSTOMERS).where(_CUSTOMERS.c.id == customer_id).values(updated_at=now, **changed))
    await connection.execute(
        _AUDIT.insert().values(
            id=new_id(), at=now, actor=str(actor), action="preferences", subject="customer", subject_id=customer_id,
            detail={"stop": wish.stop, "places": len(wish.places), "topics": sorted(wish.topics), **changed},
        )
    )  # fmt: skip


async def _rest(connection: AsyncConnection, shown: Preferences, wish: Wish, now: datetime) -> None:
    if wish.rest and shown.resting_until is None:
        key = f"preferences:{new_id()}"
        await rest(connection, shown.customer_id, key=key, at=now, now=now, source=SOURCE, attribution=NOTHING)
    elif not wish.rest and shown.resting_until is not None:
        await wake(connection, shown.customer_id)

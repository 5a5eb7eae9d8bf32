"""Due journeys: found by index, locked, and loaded with their customers and addresses in a few set-based queries."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

from sqlalchemy import BindParameter, ColumnElement, Integer, and_, bindparam, exists, select
from sqlalchemy.ext.asyncio import AsyncConnection

from campaigns.definition import WorkspaceConfig
from campaigns.engine import IdentityFacts, Journey, MessageFacts
from campaigns.gates.paused import RUNNING
from campaigns.periods import zone_named
from campaigns.segments.indexes import unindexed
from core.machines.enrolment import EnrolmentState
from core.messages import SMS, WHATSAPP
from core.purposes import Purpose
from core.values import value
from storage.given import IDS, given_ids
from storage.outbox.columns import emergency_stop, table
from storage.statements import lock_customers
from storage.tables import Campaign, Consent, Customer, Enrolment, Identity, Message, Suppression
from storage.types import Instant

_ENROLMENTS = table(Enrolment)
_CAMPAIGNS = table(Campaign)
_CUSTOMERS = table(Customer)
_MESSAGES = table(Message)
_IDENTITIES = table(Identity)
_CONSENTS = table(Consent)
_SUPPRESSIONS = table(Suppression)
_PHONES = frozenset({SMS, WHATSAPP})


@value(frozen=True, slots=True)
class DueJourney:
    """A due enrolment with what is its own.

    ``country`` is the customer's, empty where it is not known; ``hours`` are those that they chose, if any.
    """

    enrolment_id: str
    campaign_id: str
    customer_id: str
    version: str
    identities: tuple[IdentityFacts, ...]
    journey: Journey
    zone: ZoneInfo
    message: MessageFacts | None
    country: str = ""
    not_now_until: datetime | None = None
    hours: str = ""


def due_condition(now: datetime | BindParameter[datetime]) -> ColumnElement[bool]:
    """Open journeys of running campaigns whose time has come, unless everything is stopped.

    By the index of due times: a campaign's open journeys are most of those there are.
    """
    return and_(
        _ENROLMENTS.c.closed_at.is_(None),
        _ENROLMENTS.c.due_at <= now,
        _ENROLMENTS.c.state == EnrolmentState.WAITING,
        unindexed(_ENROLMENTS.c.campaign_id).in_(select(_CAMPAIGNS.c.id).where(_CAMPAIGNS.c.state.in_(RUNNING))),
        ~emergency_stop(),
    )


_IS_DUE = due_condition(bindparam("now", type_=Instant()))
_CANDIDATES = (
    select(_ENROLMENTS.c.id, _ENROLMENTS.c.customer_id)
    .where(_IS_DUE)
    .order_by(_ENROLMENTS.c.due_at)
    .limit(bindparam("most", type_=Integer()))
)
_ANY = select(
    _ENROLMENTS.c.id,
    _ENROLMENTS.c.campaign_id,
    _ENROLMENTS.c.customer_id,
    _ENROLMENTS.c.version,
    _ENROLMENTS.c.state,
    _ENROLMENTS.c.step,
    _ENROLMENTS.c.leg,
    _ENROLMENTS.c.step_at,
    _ENROLMENTS.c.variant,
    _ENROLMENTS.c.ghost,
    _ENROLMENTS.c.due_at,
    _ENROLMENTS.c.message_id,
    _CUSTOMERS.c.zone,
    _CUSTOMERS.c.zone_guess,
    _CUSTOMERS.c.country,
    _CUSTOMERS.c.not_now_until,
    _CUSTOMERS.c.hours,
    _MESSAGES.c.channel.label("message_channel"),
    _MESSAGES.c.state.label("message_state"),
    _MESSAGES.c.created_at.label("message_planned_at"),
    _MESSAGES.c.send_at,
    _MESSAGES.c.not_after,
    _MESSAGES.c.sent_at,
    _MESSAGES.c.reason.label("message_reason"),
).select_from(
    _ENROLMENTS.join(_CUSTOMERS, _CUSTOMERS.c.id == _ENROLMENTS.c.customer_id).outerjoin(
        _MESSAGES, _MESSAGES.c.id == _ENROLMENTS.c.message_id
    )
)
_WANTED = _ANY.where(given_ids(_ENROLMENTS.c.id), _IS_DUE).order_by(_ENROLMENTS.c.due_at, _ENROLMENTS.c.id)
_WANTED_LOCKED = _WANTED.with_for_update(of=_ENROLMENTS, skip_locked=True)


async def anything_due(connection: AsyncConnection, now: datetime) -> bool:
    """Whether a journey is due; takes no lock."""
    return (await connection.execute(_CANDIDATES, {"now": now, "most": 1})).first() is not None


async def load_due(connection: AsyncConnection, config: WorkspaceConfig, now: datetime, limit: int) -> list[DueJourney]:
    """Lock and load up to ``limit`` due journeys; customers are locked first, in id order."""
    candidates = (await connection.execute(_CANDIDATES, {"now": now, "most": limit})).all()
    if not candidates:
        return []
    enrolment_ids, customer_ids = (list(ids) for ids in zip(*candidates, strict=True))
    await lock_customers(connection, customer_ids, shared=False)
    wanted = _WANTED_LOCKED if connection.dialect.name == "postgresql" else _WANTED
    rows = (await connection.execute(wanted, {"now": now, IDS: enrolment_ids})).all()
    identities = await _identities(connection, customer_ids)
    # whoever was merged while this waited for the lock is somebody else now: their journey is looked at next time
    locked = set(customer_ids)
    return [due for row in rows if (due := _due(row, identities, config)).customer_id in locked]


def _due(row: Any, identities: Mapping[str, tuple[IdentityFacts, ...]], config: WorkspaceConfig) -> DueJourney:
    # unpacked at once: asking a row for its columns by name costs more than all the rest here
    (
        id_, campaign_id, customer_id, version, state, step, leg, step_at, variant, ghost, due_at, message_id, zone,
        zone_guess, country, not_now_until, hours, channel, message_state, planned_at, send_at, not_after, sent_at,
        reason,
    ) = row  # fmt: skip
    return DueJourney(
        id_,
        campaign_id,
        customer_id,
        version,
        identities.get(customer_id, ()),
        Journey(state, step, leg, due_at, step_at, "", variant, bool(ghost), id_),
        zone_named(zone or zone_guess or config.zone),
        MessageFacts(message_id, message_state, planned_at, send_at, not_after, sent_at, reason, channel)
        if message_id is not None and message_state is not None
        else None,
        country,
        not_now_until,
        hours,
    )


async def load_one(connection: AsyncConnection, config: WorkspaceConfig, enrolment_id: str) -> DueJourney | None:
    """One journey, due or not, open or closed, with its customer locked; None if there is none."""
    row = (await connection.execute(_ANY.where(_ENROLMENTS.c.id == enrolment_id))).first()
    if row is None:
        return None
    await lock_customers(connection, [row.customer_id], shared=False)
    identities = await _identities(connection, [row.customer_id])
    return _due(row, identities, config)


@dataclass(frozen=True, slots=True)
class Prospect:
    """A customer who would enter, with what the entry would give them."""

    customer_id: str
    variant: str = ""
    ghost: bool = False


_PROSPECTS = select(
    _CUSTOMERS.c.id, _CUSTOMERS.c.zone, _CUSTOMERS.c.zone_guess, _CUSTOMERS.c.country, _CUSTOMERS.c.hours
).where(given_ids(_CUSTOMERS.c.id))


async def load_prospects(
    connection: AsyncConnection,
    config: WorkspaceConfig,
    campaign_id: str,
    version: str,
    prospects: Sequence[Prospect],
) -> list[DueJourney]:
    """The journeys that these customers would begin, in the order of ``prospects``. Nothing is locked."""
    ids = [one.customer_id for one in prospects]
    rows = {row.id: row for row in await connection.execute(_PROSPECTS, {IDS: ids})}
    identities = await _identities(connection, ids)
    return [
        DueJourney(
            enrolment_id="",
            campaign_id=campaign_id,
            customer_id=row.id,
            version=version,
            identities=identities.get(row.id, ()),
            journey=Journey(variant=one.variant, ghost=one.ghost),
            zone=zone_named(row.zone or row.zone_guess or config.zone),
            message=None,
            country=row.country,
            hours=row.hours,
        )
        for one in prospects
        if (row := rows.get(one.customer_id)) is not None
    ]


async def load_in_flight(
    connection: AsyncConnection,
    config: WorkspaceConfig,
    campaign_id: str,
    limit: int,
    among: Sequence[str] | None = None,
) -> list[DueJourney]:
    """Up to ``limit`` open journeys of a campaign, by their customers' draws; ``among`` these. Nothing is locked."""
    wanted = _ANY.where(_ENROLMENTS.c.campaign_id == campaign_id, _ENROLMENTS.c.closed_at.is_(None))
    if among is not None:
        wanted = wanted.where(given_ids(_ENROLMENTS.c.customer_id))
    ordered = wanted.order_by(_CUSTOMERS.c.draw, _CUSTOMERS.c.id).limit(limit)
    rows = (await connection.execute(ordered, {} if among is None else {IDS: list(among)})).all()
    identities = await _identities(connection, [row.customer_id for row in rows])
    return [_due(row, identities, config) for row in rows]


def _suppressed(purpose: str) -> ColumnElement[bool]:
    return exists(
        select(_SUPPRESSIONS.c.key).where(_SUPPRESSIONS.c.key == _IDENTITIES.c.key, _SUPPRESSIONS.c.purpose == purpose)
    )


_KNOWN_IDENTITIES = (
    select(
        _IDENTITIES.c.id,
        _IDENTITIES.c.customer_id,
        _IDENTITIES.c.channel,
        _IDENTITIES.c.address,
        _IDENTITIES.c.reachable,
        _suppressed("*").label("suppressed"),
        _suppressed(Purpose.MARKETING).label("marketing_suppressed"),
        exists(
            select(_CONSENTS.c.identity_id).where(
                _CONSENTS.c.identity_id == _IDENTITIES.c.id,
                _CONSENTS.c.purpose == Purpose.MARKETING,
                _CONSENTS.c.granted.is_(True),
            )
        ).label("consented"),
    )
    .where(given_ids(_IDENTITIES.c.customer_id))
    .order_by(_IDENTITIES.c.created_at, _IDENTITIES.c.id)
)


async def _identities(connection: AsyncConnection, customer_ids: Sequence[str]) -> dict[str, tuple[IdentityFacts, ...]]:
    """Per customer: the addresses with their consent, suppression and reachability, oldest first."""
    rows = await connection.execute(_KNOWN_IDENTITIES, {IDS: list(customer_ids)})
    found: dict[str, list[IdentityFacts]] = defaultdict(list)
    for id_, customer, channel, address, reachable, suppressed, unwanted, consented in rows:
        phone = address if channel in _PHONES else ""
        facts = IdentityFacts(
            id_, channel, bool(consented) and not unwanted, bool(suppressed), bool(reachable), phone=phone
        )
        found[customer].append(facts)
    return {customer: tuple(known) for customer, known in found.items()}

"""The story of one customer in one campaign: what was sent, what was not, and why. For ``otklik why``."""

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import or_, select
from sqlalchemy.ext.asyncio import AsyncConnection

from campaigns.operating.pausing import pauses_of
from campaigns.running.batch import EVENT_SOURCE
from campaigns.versions import definitions
from core.errors import Refused
from core.machines.campaign import PAUSE, RESUME, CampaignState
from core.machines.message import MessageState
from core.text import clipped, folded
from storage.outbox.columns import table
from storage.tables import (
    Campaign,
    Customer,
    Enrolment,
    EnrolmentHistory,
    Event,
    Identity,
    MergedCustomer,
    Message,
    Response,
    SegmentMembership,
)

_CUSTOMERS = table(Customer)
_CAMPAIGNS = table(Campaign)
_ENROLMENTS = table(Enrolment)
_HISTORY = table(EnrolmentHistory)
_MESSAGES = table(Message)
_IDENTITIES = table(Identity)
_RESPONSES = table(Response)
_EVENTS = table(Event)
_TOMBSTONES = table(MergedCustomer)
DEFERRED = "SendDeferred"


@dataclass(frozen=True, slots=True)
class Line:
    """One thing that happened; ``kind`` is the history's event, ``message.<state>`` or ``response.<kind>``.

    ``until`` is when a message that was put off may leave.
    """

    at: datetime
    kind: str
    step: str = ""
    leg: str = ""
    channel: str = ""
    detail: str = ""
    until: datetime | None = None


@dataclass(frozen=True, slots=True)
class Story:
    """Who, through which campaign, how it ended, and every line in between, oldest first."""

    customer: str
    external_id: str
    locale: str
    campaign: str
    state: str
    reason: str
    lines: list[Line]


async def find_customer(connection: AsyncConnection, wanted: str) -> str:
    """The id of the customer that ``wanted`` names: an external id, an id, or an address.

    Who was merged is found as whom they became.

    Raises:
        Refused: if there is none, or several.
    """
    rows = (
        await connection.execute(
            select(_CUSTOMERS.c.id)
            .outerjoin(_IDENTITIES, _IDENTITIES.c.customer_id == _CUSTOMERS.c.id)
            .where(
                or_(
                    _CUSTOMERS.c.external_id == wanted,
                    _CUSTOMERS.c.id == wanted,
                    _IDENTITIES.c.address == wanted,
                    _IDENTITIES.c.address == folded(wanted),
                )
            )
            .distinct()
            .limit(2)
        )
    ).all()
    if len(rows) == 1:
        found: str = rows[0].id
        return found
    if rows:
        words = f"{wanted!r} names more than one customer; give the external id"
        raise Refused(words, name="many_customers", wanted=wanted)
    became: str | None = await connection.scalar(
        select(_TOMBSTONES.c.survivor_id).where(or_(_TOMBSTONES.c.id == wanted, _TOMBSTONES.c.external_id == wanted))
    )
    if became is not None:
        return became
    words = f"there is no customer {wanted!r}; give an external id, an id or an address"
    raise Refused(words, name="no_customer", wanted=wanted)


async def story(connection: AsyncConnection, customer_id: str, campaign_name: str) -> list[Story]:
    """The customer's rounds through the campaign, oldest first; none if they never entered.

    Raises:
        Refused: if there is no such campaign.
    """
    campaign = (await connection.execute(_CAMPAIGNS.select().where(_CAMPAIGNS.c.name == campaign_name))).first()
    if campaign is None:
        raise Refused(f"there is no campaign {campaign_name!r}")
    customer = (await connection.execute(_CUSTOMERS.select().where(_CUSTOMERS.c.id == customer_id))).one()
    rounds = (
        await connection.execute(
            _ENROLMENTS.select()
            .where(_ENROLMENTS.c.campaign_id == campaign.id, _ENROLMENTS.c.customer_id == customer_id)
            .order_by(_ENROLMENTS.c.round)
        )
    ).all()
    name = f"{customer.first_name} {customer.last_name}".strip() or customer.external_id or customer.id
    return [
        Story(
            customer=name,
            external_id=customer.external_id or "",
            locale=customer.locale,
            campaign=campaign_name,
            state=enrolment.state.value,
            reason=enrolment.reason,
            lines=sorted(
                [
                    *await _history(connection, enrolment.id),
                    *await _sends(connection, enrolment.id),
                    *await _responses(connection, customer_id, enrolment.entered_at),
                    *await _events(connection, customer_id, enrolment.entered_at),
                    *await _pauses(connection, campaign.id, enrolment.entered_at, enrolment.closed_at),
                ],
                key=lambda line: line.at,
            ),
        )
        for enrolment in rounds
    ]


async def _history(connection: AsyncConnection, enrolment_id: str) -> list[Line]:
    rows = (
        await connection.execute(
            _HISTORY.select()
            .where(_HISTORY.c.enrolment_id == enrolment_id, _HISTORY.c.event != "MessagePlanned")
            .order_by(_HISTORY.c.id)
        )
    ).all()
    opens = await _openings(connection, enrolment_id)
    last = {(row.step, row.leg): row.id for row in rows if row.event == DEFERRED}
    return [
        Line(
            row.at, row.event, row.step, row.leg, "", row.detail,
            # a message has one window: that of its last deferral
            opens.get((row.step, row.leg)) if last.get((row.step, row.leg)) == row.id else None,
        )
        for row in rows
    ]  # fmt: skip


async def _openings(connection: AsyncConnection, enrolment_id: str) -> dict[tuple[str, str], datetime]:
    """By (step, leg): when the message's window opens."""
    rows = await connection.execute(
        select(_MESSAGES.c.step, _MESSAGES.c.leg, _MESSAGES.c.not_before).where(
            _MESSAGES.c.enrolment_id == enrolment_id, _MESSAGES.c.direction == "out"
        )
    )
    return {(row.step, row.leg): row.not_before for row in rows if row.not_before is not None}


async def _sends(connection: AsyncConnection, enrolment_id: str) -> list[Line]:
    rows = await connection.execute(
        select(_MESSAGES, _IDENTITIES.c.address)
        .join(_IDENTITIES, _IDENTITIES.c.id == _MESSAGES.c.identity_id)
        .where(_MESSAGES.c.enrolment_id == enrolment_id, _MESSAGES.c.direction == "out")
        .order_by(_MESSAGES.c.id)
    )
    lines = []
    for row in rows:
        state: MessageState = row.state
        said = row.reason or row.subject or _one_line(row.body, 60)
        at = row.sent_at or row.send_at or row.created_at
        lines.append(Line(at, f"message.{state.value}", row.step, row.leg, row.channel, said))
    return lines


async def _responses(connection: AsyncConnection, customer_id: str, since: datetime) -> list[Line]:
    rows = await connection.execute(
        select(_RESPONSES, _MESSAGES.c.body)
        .outerjoin(_MESSAGES, _MESSAGES.c.id == _RESPONSES.c.inbound_message_id)
        .where(_RESPONSES.c.customer_id == customer_id, _RESPONSES.c.at >= since)
        .order_by(_RESPONSES.c.id)
    )
    found = []
    for row in rows:
        if row.kind != "conversion":
            said = _one_line(row.body or row.attributed_by or "", 80)
            found.append(Line(row.at, f"response.{row.kind}", row.step, "", row.channel, said))
    return found


async def _events(connection: AsyncConnection, customer_id: str, since: datetime) -> list[Line]:
    rows = await connection.execute(
        _EVENTS.select()
        # what a campaign recorded itself its history tells
        .where(_EVENTS.c.customer_id == customer_id, _EVENTS.c.at >= since, _EVENTS.c.source != EVENT_SOURCE)
        .order_by(_EVENTS.c.at)
    )
    return [
        Line(
            row.at,
            f"event.{row.name}",
            detail=f"{row.amount_micros / 1_000_000:.2f} {row.currency}" if row.amount_micros is not None else "",
        )
        for row in rows
    ]


async def _pauses(connection: AsyncConnection, campaign_id: str, since: datetime, until: datetime | None) -> list[Line]:
    """When the campaign stood still while the journey was under way."""
    found = []
    for row in await pauses_of(connection, campaign_id):
        for at, event in ((row.from_at, PAUSE.event), (row.to_at, RESUME.event)):
            if at is not None and at >= since and (until is None or at <= until):
                found.append(Line(at, event))
    return found


@dataclass(frozen=True, slots=True)
class Absence:
    """Why a customer has no journey: ``why``: draft, told, never, left, soon; ``since``: when they came or left."""

    why: str
    campaign: str
    segment: str
    since: datetime | None = None


async def never_entered(connection: AsyncConnection, customer_id: str, campaign_name: str) -> Absence:
    """Why a customer has no enrolment, as far as the store can tell."""
    campaign = (await connection.execute(_CAMPAIGNS.select().where(_CAMPAIGNS.c.name == campaign_name))).one()
    audience = (await definitions(connection, [campaign.version]))[campaign.version].audience
    if campaign.state is CampaignState.DRAFT:
        return Absence("draft", campaign_name, audience)
    if not audience:
        return Absence("told", campaign_name, audience)
    memberships = table(SegmentMembership)
    row = (
        await connection.execute(
            memberships.select()
            .where(memberships.c.segment == audience, memberships.c.customer_id == customer_id)
            .order_by(memberships.c.entered_at.desc())
            .limit(1)
        )
    ).first()
    if row is None:
        return Absence("never", campaign_name, audience)
    if row.left_at is not None:
        return Absence("left", campaign_name, audience, row.left_at)
    return Absence("soon", campaign_name, audience, row.entered_at)


def _one_line(text: str, limit: int) -> str:
    return clipped(" ".join(text.split()), limit)

"""The report of a campaign: what was sent, what came of it, and what was not sent and why. Data only."""

from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, and_, case, distinct, func, select
from sqlalchemy.ext.asyncio import AsyncConnection

from campaigns.limits.spending import Spending, campaign_spending
from campaigns.operating.emergency import standing_stop
from campaigns.operating.pausing import pauses_of
from campaigns.reporting.tallies import Tallies, campaign_tallies
from campaigns.versions import definitions
from core.clock import machine_now
from core.errors import Refused
from core.machines.message import MessageState
from core.money import Money
from storage.outbox.columns import table
from storage.tables import Campaign, Enrolment, EnrolmentHistory, Event, Message, Response

_CAMPAIGNS = table(Campaign)
_ENROLMENTS = table(Enrolment)
_HISTORY = table(EnrolmentHistory)
_MESSAGES = table(Message)
_RESPONSES = table(Response)
_EVENTS = table(Event)

LEFT = (MessageState.ACCEPTED, MessageState.DELIVERED, MessageState.READ, MessageState.FAILED)
ARRIVED = (MessageState.DELIVERED, MessageState.READ)


@dataclass(frozen=True, slots=True)
class StepRow:
    """One step on one channel. ``sent`` were accepted by the provider; ``replied`` counts customers."""

    step: str
    leg: str
    channel: str
    planned: int
    sent: int
    delivered: int
    read: int
    failed: int
    unknown: int
    not_sent: int
    waiting: int
    clicked: int = 0
    replied: int = 0


@dataclass(frozen=True, slots=True)
class Diverted:
    """Journeys that took another way at a step, for a reason."""

    step: str
    leg: str
    reason: str
    customers: int


@dataclass(frozen=True, slots=True)
class CampaignReport:
    """Everything that ``otklik report`` shows. ``outcomes`` counts enrolments by state, ``exits`` by reason."""

    name: str
    state: str
    started_at: datetime | None
    entered: int
    outcomes: dict[str, int]
    exits: dict[str, int]
    steps: list[StepRow]
    diverted: list[Diverted]
    stopped: dict[str, int]
    responses: dict[str, int]
    goal: str
    goals_reached: int
    goal_amount: Money | None
    spending: Spending = field(default_factory=Spending)
    pauses: list[tuple[datetime, datetime | None]] = field(default_factory=list)
    """From when to when it stood still; None: it still does."""
    stopped_everything_at: datetime | None = None
    """Since when the emergency stop stands."""
    tallies: Tallies = field(default_factory=Tallies)


async def campaign_report(connection: AsyncConnection, name: str, *, now: datetime | None = None) -> CampaignReport:
    """The report of the campaign called ``name``, with its budgets in the period of ``now`` (business time).

    Raises:
        Refused: if there is no such campaign.
    """
    campaign = (await connection.execute(_CAMPAIGNS.select().where(_CAMPAIGNS.c.name == name))).first()
    if campaign is None:
        known = sorted(await connection.scalars(select(_CAMPAIGNS.c.name)))
        raise Refused(f"there is no campaign {name!r}; applied are: {', '.join(known) or 'none'}")
    definition = (await definitions(connection, [campaign.version]))[campaign.version]
    emergency = await standing_stop(connection)
    order = {step.id: place for place, step in enumerate(definition.steps)}
    goal = definition.goal.event if definition.goal else ""
    reached, amount = await _goals(connection, campaign.id, goal)
    return CampaignReport(
        name=name,
        state=campaign.state.value,
        started_at=campaign.started_at,
        entered=await _count(connection, _ENROLMENTS.c.campaign_id == campaign.id),
        outcomes=await _tally(connection, _ENROLMENTS.c.state, _ENROLMENTS.c.campaign_id == campaign.id),
        exits=await _tally(
            connection,
            _ENROLMENTS.c.reason,
            and_(_ENROLMENTS.c.campaign_id == campaign.id, _ENROLMENTS.c.state == "exited"),
        ),
        steps=sorted(await _steps(connection, campaign.id), key=lambda row: (order.get(row.step, 99), row.leg)),
        diverted=sorted(await _diverted(connection, campaign.id), key=lambda row: (order.get(row.step, 99), row.leg)),
        stopped=await _stopped(connection, campaign.id),
        responses=await _responses(connection, campaign.id),
        goal=goal,
        goals_reached=reached,
        goal_amount=amount,
        spending=await campaign_spending(connection, campaign.id, definition, now or machine_now()),
        pauses=[(row.from_at, row.to_at) for row in await pauses_of(connection, campaign.id)],
        stopped_everything_at=emergency.at if emergency else None,
        tallies=await campaign_tallies(connection, campaign.id),
    )


async def _count(connection: AsyncConnection, condition: ColumnElement[bool]) -> int:
    return await connection.scalar(select(func.count()).select_from(_ENROLMENTS).where(condition)) or 0


async def _tally(
    connection: AsyncConnection, column: ColumnElement[Any], condition: ColumnElement[bool]
) -> dict[str, int]:
    rows = await connection.execute(select(column, func.count()).where(condition).group_by(column))
    return {str(key): number for key, number in rows}


async def _steps(connection: AsyncConnection, campaign_id: str) -> list[StepRow]:
    message = _MESSAGES.c

    def counted(*states: MessageState) -> ColumnElement[int]:
        return func.sum(case((message.state.in_(states), 1), else_=0))

    rows = (
        await connection.execute(
            select(
                message.step,
                message.leg,
                message.channel,
                func.count().label("planned"),
                counted(*LEFT).label("sent"),
                counted(*ARRIVED).label("delivered"),
                counted(MessageState.READ).label("read"),
                counted(MessageState.FAILED, MessageState.REJECTED).label("failed"),
                counted(MessageState.UNKNOWN).label("unknown"),
                counted(MessageState.CANCELLED, MessageState.SKIPPED).label("not_sent"),
                counted(MessageState.PLANNED, MessageState.CLAIMED, MessageState.DISPATCHING).label("waiting"),
            )
            .where(message.campaign_id == campaign_id, message.direction == "out")
            .group_by(message.step, message.leg, message.channel)
        )
    ).all()
    responses = {
        (row.step, row.leg, row.kind): row.customers
        for row in await connection.execute(
            select(
                _MESSAGES.c.step,
                _MESSAGES.c.leg,
                _RESPONSES.c.kind,
                func.count(distinct(_RESPONSES.c.customer_id)).label("customers"),
            )
            .join(_MESSAGES, _MESSAGES.c.id == _RESPONSES.c.message_id)
            .where(_MESSAGES.c.campaign_id == campaign_id)
            .group_by(_MESSAGES.c.step, _MESSAGES.c.leg, _RESPONSES.c.kind)
        )
    }
    return [
        StepRow(
            **row._mapping,  # noqa: SLF001  public API of Row
            clicked=responses.get((row.step, row.leg, "click"), 0),
            replied=responses.get((row.step, row.leg, "reply"), 0),
        )
        for row in rows
    ]


async def _diverted(connection: AsyncConnection, campaign_id: str) -> list[Diverted]:
    rows = await connection.execute(
        select(_HISTORY.c.step, _HISTORY.c.leg, _HISTORY.c.detail, func.count().label("customers"))
        .join(_ENROLMENTS, _ENROLMENTS.c.id == _HISTORY.c.enrolment_id)
        .where(_ENROLMENTS.c.campaign_id == campaign_id, _HISTORY.c.event == "SendDiverted")
        .group_by(_HISTORY.c.step, _HISTORY.c.leg, _HISTORY.c.detail)
    )
    return [Diverted(row.step, row.leg, row.detail, row.customers) for row in rows]


async def _stopped(connection: AsyncConnection, campaign_id: str) -> dict[str, int]:
    rows = await connection.execute(
        select(_MESSAGES.c.reason, func.count())
        .where(
            _MESSAGES.c.campaign_id == campaign_id,
            _MESSAGES.c.state.in_([MessageState.CANCELLED, MessageState.SKIPPED]),
        )
        .group_by(_MESSAGES.c.reason)
    )
    return {reason or "-": number for reason, number in rows}


async def _responses(connection: AsyncConnection, campaign_id: str) -> dict[str, int]:
    rows = await connection.execute(
        select(_RESPONSES.c.kind, func.count())
        .where(_RESPONSES.c.campaign_id == campaign_id)
        .group_by(_RESPONSES.c.kind)
    )
    return {kind: number for kind, number in rows}  # noqa: C416  dict() cannot take a result


async def _goals(connection: AsyncConnection, campaign_id: str, goal: str) -> tuple[int, Money | None]:
    """Customers with the goal's event since they entered, and what those events came to."""
    if not goal:
        return 0, None
    row = (
        await connection.execute(
            select(
                func.count(distinct(_EVENTS.c.customer_id)).label("customers"),
                func.sum(_EVENTS.c.amount_micros).label("amount"),
                func.max(_EVENTS.c.currency).label("currency"),
            )
            .join(_ENROLMENTS, _ENROLMENTS.c.customer_id == _EVENTS.c.customer_id)
            .where(
                _ENROLMENTS.c.campaign_id == campaign_id,
                _EVENTS.c.name == goal,
                _EVENTS.c.at >= _ENROLMENTS.c.entered_at,
            )
        )
    ).one()
    return row.customers, Money(int(row.amount), row.currency) if row.amount else None

"""The journeys of one customer: those in flight with what kept their last send back, and the story of any campaign."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import func, select
from sqlalchemy.ext.asyncio import AsyncConnection

from campaigns.reporting.story import Absence, Line, Story, never_entered, story
from core.machines.enrolment import EnrolmentState
from storage.outbox.columns import table
from storage.tables import Campaign, Enrolment, EnrolmentHistory, Message

_CAMPAIGNS, _ENROLMENTS = table(Campaign), table(Enrolment)
_HISTORY, _MESSAGES = table(EnrolmentHistory), table(Message)
SHOWN = 20
WITHHELD = (
    "SendDeferred", "SendDiverted", "SendExpired", "SendSkipped", "SendStopped", "StepDeferred", "StepSkipped",
    "OfferWithheld", "LiveChatOpened",
)  # fmt: skip
"""What the history notes when something was not sent, or not yet."""


@dataclass(frozen=True, slots=True)
class Journey:
    """An open journey. ``withheld`` is why the step where it stands sent nothing, or nothing yet; None: nothing did."""

    campaign: str
    state: EnrolmentState
    step: str
    variant: str
    due_at: datetime | None
    withheld: Line | None


async def in_flight(connection: AsyncConnection, customer_id: str) -> Sequence[Journey]:
    """The customer's open journeys, by their campaigns' names."""
    rows = (
        await connection.execute(
            select(_ENROLMENTS, _CAMPAIGNS.c.name)
            .join(_CAMPAIGNS, _CAMPAIGNS.c.id == _ENROLMENTS.c.campaign_id)
            .where(_ENROLMENTS.c.customer_id == customer_id, _ENROLMENTS.c.closed_at.is_(None))
            .order_by(_CAMPAIGNS.c.name)
            .limit(SHOWN)
        )
    ).all()
    withheld = await _withheld(connection, [row.id for row in rows])
    return [
        Journey(row.name, row.state, row.step, row.variant, row.due_at, withheld.get((row.id, row.step)))
        for row in rows
    ]


async def _withheld(connection: AsyncConnection, enrolments: Sequence[str]) -> dict[tuple[str, str], Line]:
    """By (journey, step): the last time that it sent nothing there."""
    if not enrolments:
        return {}
    newest = (
        select(func.max(_HISTORY.c.id))
        .where(_HISTORY.c.enrolment_id.in_(enrolments), _HISTORY.c.event.in_(WITHHELD))
        .group_by(_HISTORY.c.enrolment_id, _HISTORY.c.step)
    )
    opens = (
        select(_MESSAGES.c.not_before)
        .where(
            _MESSAGES.c.enrolment_id == _HISTORY.c.enrolment_id,
            _MESSAGES.c.step == _HISTORY.c.step,
            _MESSAGES.c.leg == _HISTORY.c.leg,
        )
        .scalar_subquery()
    )
    rows = await connection.execute(select(_HISTORY, opens.label("opens")).where(_HISTORY.c.id.in_(newest)))
    return {
        (row.enrolment_id, row.step): Line(
            row.at, row.event, row.step, row.leg, "", row.detail, row.opens if row.event == "SendDeferred" else None
        )
        for row in rows
    }


@dataclass(frozen=True, slots=True)
class Told:
    """What became of the customer in a campaign: each of their rounds, or why there is none."""

    campaign: str
    rounds: Sequence[Story]
    absence: Absence | None


async def told(connection: AsyncConnection, customer_id: str, campaign: str) -> Told:
    """The story, as ``otklik why`` has it.

    Raises:
        Refused: if there is no such campaign.
    """
    rounds = await story(connection, customer_id, campaign)
    absence = None if rounds else await never_entered(connection, customer_id, campaign)
    return Told(campaign, rounds, absence)


async def campaign_names(connection: AsyncConnection) -> Sequence[str]:
    """Every campaign that there is."""
    return list(await connection.scalars(select(_CAMPAIGNS.c.name).order_by(_CAMPAIGNS.c.name)))

"""People in flight: where they stand, what a new version does to them, and how they would go on."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Literal

from sqlalchemy import func, select
from sqlalchemy.ext.asyncio import AsyncConnection

from campaigns.definition import CampaignBody, SendStep
from campaigns.engine import Journey
from campaigns.engine.waiting import wait_ends
from campaigns.facts import DueJourney
from core.machines.enrolment import EnrolmentState
from core.machines.message import MessageState
from storage.outbox.columns import table
from storage.tables import Enrolment

_ENROLMENTS = table(Enrolment)
_NOT_OUT_YET = frozenset({MessageState.PLANNED, MessageState.CLAIMED, MessageState.DISPATCHING})


@dataclass(frozen=True, slots=True)
class InFlight:
    """Open journeys: ``number`` of them, by the step where they stand (empty: not begun).

    ``edits`` is what the campaign says of those of another version, ``older``; ``stay`` of these keep theirs.
    """

    number: int = 0
    by_step: Mapping[str, int] = field(default_factory=dict)
    edits: Literal["pin", "migrate", "restart"] = "pin"
    older: int = 0
    stay: int = 0


async def in_flight(connection: AsyncConnection, campaign_id: str, body: CampaignBody, version: str) -> InFlight:
    """Those of the campaign, were ``version`` put in force."""
    rows = await connection.execute(
        select(_ENROLMENTS.c.step, _ENROLMENTS.c.version, func.count())
        .where(_ENROLMENTS.c.campaign_id == campaign_id, _ENROLMENTS.c.closed_at.is_(None))
        .group_by(_ENROLMENTS.c.step, _ENROLMENTS.c.version)
    )
    by_step: dict[str, int] = {}
    older = stay = 0
    for step, theirs, number in rows:
        by_step[step] = by_step.get(step, 0) + number
        if theirs != version:
            older += number
            stay += number if stays(body, step) else 0
    order = {step.id: place for place, step in enumerate(body.definition.steps)}
    ordered = {step: by_step[step] for step in sorted(by_step, key=lambda name: (order.get(name, -1), name))}
    return InFlight(sum(by_step.values()), ordered, body.definition.edits, older, stay)


def stays(body: CampaignBody, step: str) -> bool:
    """Whether somebody at ``step`` keeps an older version when ``body`` comes into force."""
    match body.definition.edits:
        case "pin":
            return True
        case "migrate":
            return bool(step) and body.definition.step(step) is None
        case _:
            return False


def carried_over(
    items: Sequence[DueJourney], body: CampaignBody, version: str, known: Mapping[str, CampaignBody]
) -> list[DueJourney]:
    """The journeys as they are once ``version`` is in force; one whose version is not ``known`` is left out."""
    found = []
    for item in items:
        if item.version == version or stays(body, item.journey.step):
            found.append(item)
        elif body.definition.edits == "restart":
            anew = Journey(variant=item.journey.variant, ghost=item.journey.ghost)
            found.append(replace(item, version=version, journey=anew, message=None))
        else:
            found.append(replace(item, version=version))
    return [item for item in found if item.version == version or item.version in known]


def goes_on(item: DueJourney, body: CampaignBody, now: datetime) -> tuple[DueJourney, datetime] | None:
    """The journey with its message taken as accepted, and when it is looked at next; None if nobody knows when."""
    journey, message = item.journey, item.message
    if journey.state is not EnrolmentState.WAITING:
        return None
    if message is not None and message.state in _NOT_OUT_YET:
        message = replace(message, state=MessageState.ACCEPTED, sent_at=message.send_at)
        step = body.definition.step(journey.step)
        wait = step.wait if isinstance(step, SendStep) else None
        return replace(item, message=message), max(now, wait_ends(wait, message.send_at, None, item.zone))
    if not journey.step:
        return item, max(now, journey.due_at or now)
    return (item, max(now, journey.due_at)) if journey.due_at is not None else None

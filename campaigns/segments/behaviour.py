"""What campaigns and offers know of a customer, as rows of (customer, instant)."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, FromClause, Select, literal, or_, select, union_all

from campaigns.segments.predicates import Test
from campaigns.segments.syntax import Behaved, Deed, Granted
from core.machines.enrolment import OPEN, EnrolmentState
from core.machines.message import MessageState
from storage.outbox.columns import table
from storage.tables import Campaign, Enrolment, Grant, Message, Response

_CAMPAIGNS = table(Campaign)
_ENROLMENTS = table(Enrolment)
_GRANTS = table(Grant)
_MESSAGES = table(Message)
_RESPONSES = table(Response)

MESSAGE_DEEDS: Mapping[Deed, tuple[MessageState, ...]] = {
    "received": (MessageState.ACCEPTED, MessageState.DELIVERED, MessageState.READ),
    "delivered": (MessageState.DELIVERED, MessageState.READ),
    "failed": (MessageState.FAILED, MessageState.REJECTED),
}
"""In which states a message counts, at the instant that it was sent."""
RESPONSE_DEEDS: Mapping[Deed, tuple[str, ...]] = {
    "opened": ("open",),
    "clicked": ("click",),
    "replied": ("reply",),
    "converted": ("conversion",),
    "opted_out": ("opt_out", "complaint"),
    "complained": ("complaint",),
}
"""Which kinds of response count."""
JOURNEY_DEEDS: Mapping[Deed, tuple[EnrolmentState, ...]] = {
    "entered": tuple(EnrolmentState),
    "in_progress": tuple(OPEN),
    "answered": (EnrolmentState.ANSWERED,),
    "completed": (EnrolmentState.EXHAUSTED,),
    "exited": (EnrolmentState.EXITED,),
}
"""In which states a journey counts: at its entry while it is open or for ``entered``, else at its end."""


@dataclass(frozen=True, slots=True)
class Rows:
    """Rows that each say that a customer did something once: where they are, whose they are, when it was."""

    query: Select[Any]
    customer: ColumnElement[str]
    at: ColumnElement[datetime]


def deeds(part: Behaved, deed: Deed) -> Rows:
    """The rows of one deed of a campaign, in all of time."""
    if deed in JOURNEY_DEEDS:
        return _journeys(part, deed)
    if deed == "opened":
        return _opened(part)
    return _narrowed(part, _MESSAGES if deed in MESSAGE_DEEDS else _RESPONSES, _message_at(deed), _kind(deed))


def _message_at(deed: Deed) -> ColumnElement[Any]:
    return _MESSAGES.c.sent_at if deed in MESSAGE_DEEDS else _RESPONSES.c.at


def _kind(deed: Deed) -> Test:
    if deed in MESSAGE_DEEDS:
        return _MESSAGES.c.state.in_(MESSAGE_DEEDS[deed])
    return _RESPONSES.c.kind.in_(RESPONSE_DEEDS[deed])


def _narrowed(part: Behaved, source: FromClause, at: ColumnElement[Any], kind: Test) -> Rows:
    tests = [kind, _of_campaign(part, source)]
    if source is _MESSAGES:
        tests.append(source.c.direction == "out")
    if part.step:
        tests.append(source.c.step == part.step)
    if part.channel:
        tests.append(source.c.channel == part.channel)
    return Rows(select(source.c.customer_id).where(*tests), source.c.customer_id, at)


def _opened(part: Behaved) -> Rows:
    """Opens that a picture told of, and messages that a messenger reports as read (at the instant they were sent)."""
    opens = _narrowed(part, _RESPONSES, _RESPONSES.c.at, _RESPONSES.c.kind == "open")
    read = _narrowed(part, _MESSAGES, _MESSAGES.c.sent_at, _MESSAGES.c.state == MessageState.READ)
    both = union_all(
        opens.query.add_columns(opens.at.label("at")), read.query.add_columns(read.at.label("at"))
    ).subquery()
    return Rows(select(both.c.customer_id), both.c.customer_id, both.c.at)


def _journeys(part: Behaved, deed: Deed) -> Rows:
    states = JOURNEY_DEEDS[deed]
    at = _ENROLMENTS.c.entered_at if deed in ("entered", "in_progress") else _ENROLMENTS.c.closed_at
    query = select(_ENROLMENTS.c.customer_id).where(_of_campaign(part, _ENROLMENTS))
    if deed != "entered":
        query = query.where(_ENROLMENTS.c.state.in_(states))
    return Rows(query, _ENROLMENTS.c.customer_id, at)


def _of_campaign(part: Behaved, source: FromClause) -> Test:
    if not part.campaign:
        return source.c.campaign_id.is_not(None)
    one: Test = source.c.campaign_id == (
        select(_CAMPAIGNS.c.id).where(_CAMPAIGNS.c.name == part.campaign).scalar_subquery()
    )
    return one


def grants(part: Granted, now: datetime) -> Rows:
    """The grants of an offer."""
    query = select(_GRANTS.c.customer_id).where(_GRANTS.c.offer == part.offer)
    over = _GRANTS.c.expires_at <= literal(now, _GRANTS.c.expires_at.type)
    in_time = or_(_GRANTS.c.expires_at.is_(None), ~over)
    match part.state:
        case "open":
            query = query.where(_GRANTS.c.ended_at.is_(None), in_time)
        case "expired":
            query = query.where(or_(_GRANTS.c.ended_by == "expired", (_GRANTS.c.ended_at.is_(None)) & over))
        case "redeemed" | "withdrawn":
            query = query.where(_GRANTS.c.ended_by == part.state)
        case _:
            pass
    return Rows(query, _GRANTS.c.customer_id, _GRANTS.c.granted_at)

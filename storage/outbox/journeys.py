"""What the outbox tells the journeys: that the message they wait for has an outcome."""

from collections.abc import Sequence
from datetime import datetime, timedelta

from sqlalchemy import BigInteger, and_, bindparam, literal, or_, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from core.ids import new_id
from core.statuses import UNDELIVERABLE
from storage.given import IDS, given_ids
from storage.outbox.columns import opens_flow, table
from storage.tables import Enrolment, EnrolmentHistory, Message
from storage.types import Instant

LATE = timedelta(hours=1)
# a plain number: beside an instant SQLAlchemy would take it for another instant
_LATE_MICROS = literal(LATE // timedelta(microseconds=1), BigInteger())
_ENROLMENTS = table(Enrolment)
_MESSAGES = table(Message)
_HISTORY = table(EnrolmentHistory)


async def lock_journeys(connection: AsyncConnection, message_ids: Sequence[str]) -> None:
    """Lock the journeys that stand at these messages, so that a runner in their midst is not overtaken."""
    if connection.dialect.name == "postgresql":
        await connection.execute(_LOCKED, {IDS: list(message_ids)})


_LOCKED = (
    select(_ENROLMENTS.c.id)
    .join(_MESSAGES, _MESSAGES.c.enrolment_id == _ENROLMENTS.c.id)
    .where(given_ids(_MESSAGES.c.id))
    .order_by(_ENROLMENTS.c.id)
    .with_for_update(of=_ENROLMENTS)
)


async def wake_after(connection: AsyncConnection, message_ids: Sequence[str], now: datetime) -> None:
    """Make journeys due whose message will not reach anybody, left late, opens a flow, or is all they wait for."""
    await connection.execute(_WOKEN, {IDS: list(message_ids), "now": now})


_WOKEN = (
    update(_ENROLMENTS)
    .where(
        given_ids(_MESSAGES.c.id),
        _ENROLMENTS.c.id == _MESSAGES.c.enrolment_id,
        _ENROLMENTS.c.message_id == _MESSAGES.c.id,
        _ENROLMENTS.c.closed_at.is_(None),
        or_(
            _MESSAGES.c.state.in_(UNDELIVERABLE),
            and_(
                _MESSAGES.c.sent_at.is_not(None),
                or_(
                    _ENROLMENTS.c.due_at.is_(None),
                    _MESSAGES.c.sent_at > _MESSAGES.c.send_at + _LATE_MICROS,
                    opens_flow(_MESSAGES),
                ),
            ),
        ),
    )
    .values(due_at=bindparam("now", type_=Instant()))
)


async def note(connection: AsyncConnection, message_ids: Sequence[str], event: str, detail: str, now: datetime) -> None:
    """Write a line into the history of the journeys that these messages belong to."""
    rows = await connection.execute(
        select(_MESSAGES.c.enrolment_id, _MESSAGES.c.step, _MESSAGES.c.leg).where(
            _MESSAGES.c.id.in_(message_ids), _MESSAGES.c.enrolment_id.is_not(None)
        )
    )
    lines = [
        {
            "id": new_id(),
            "enrolment_id": row.enrolment_id,
            "at": now,
            "event": event,
            "step": row.step,
            "leg": row.leg,
            "detail": detail,
        }
        for row in rows
    ]
    if lines:
        await connection.execute(_HISTORY.insert(), lines)

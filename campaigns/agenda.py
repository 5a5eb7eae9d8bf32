"""The agenda: what is left to do now, and when the next thing falls due. A virtual clock moves by it."""

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import ColumnElement, func, or_, select

from campaigns.facts import due_condition
from core.machines.message import MessageState
from storage.outbox.columns import table
from storage.store import Store
from storage.tables import Command, Enrolment, Inbound, Message

_MESSAGES = table(Message)
_ENROLMENTS = table(Enrolment)


@dataclass(frozen=True, slots=True)
class Agenda:
    """Counts of what can be done now, and the next instant at which there will be more."""

    due: int
    sendable: int
    claimed: int
    dispatching: int
    unprocessed: int
    next_at: datetime | None

    @property
    def idle(self) -> bool:
        """Nothing can be done until the clock moves."""
        return not (self.due or self.sendable or self.claimed or self.dispatching or self.unprocessed)


async def agenda(store: Store, now: datetime) -> Agenda:
    """Look at the store; ``now`` is business time."""
    out = _MESSAGES.c.direction == "out"
    planned = _MESSAGES.c.state == MessageState.PLANNED
    async with store.read() as connection:

        async def count(model: type, *conditions: ColumnElement[bool]) -> int:
            return await connection.scalar(select(func.count()).select_from(table(model)).where(*conditions)) or 0

        async def earliest(column: ColumnElement[datetime], *conditions: ColumnElement[bool]) -> datetime | None:
            found: datetime | None = await connection.scalar(select(func.min(column)).where(*conditions))
            return found

        later = [
            await earliest(_ENROLMENTS.c.due_at, _ENROLMENTS.c.closed_at.is_(None), _ENROLMENTS.c.due_at > now),
            await earliest(_MESSAGES.c.not_before, planned, out, _MESSAGES.c.not_before > now),
            await earliest(_MESSAGES.c.not_after, planned, out, _MESSAGES.c.not_after > now),
        ]
        return Agenda(
            due=await count(Enrolment, due_condition(now)),
            sendable=await count(
                Message,
                planned,
                out,
                _MESSAGES.c.not_before <= now,
                or_(_MESSAGES.c.not_after.is_(None), _MESSAGES.c.not_after > now),
            ),
            claimed=await count(Message, out, _MESSAGES.c.state == MessageState.CLAIMED),
            dispatching=await count(Message, out, _MESSAGES.c.state == MessageState.DISPATCHING),
            unprocessed=await count(Inbound, table(Inbound).c.state == "stored")
            + await count(Command, table(Command).c.done_at.is_(None)),
            next_at=min((instant for instant in later if instant is not None), default=None),
        )

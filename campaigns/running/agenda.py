"""The agenda: what is left to do now, and when the next thing falls due. A virtual clock moves by it."""

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Column, ColumnElement, ScalarSelect, Table, func, literal, or_, select

from campaigns.facts import due_condition
from campaigns.gates.in_conversation import waits_its_turn
from campaigns.gates.live_chat import REST, RESTS_UNTIL, TALKED, keeps_quiet
from core.machines.message import MessageState
from storage.outbox.columns import is_in_flight, is_planned, is_stored, table
from storage.store import Store
from storage.tables import Command, Conversation, Enrolment, Inbound, Message
from storage.types import Instant

_MESSAGES = table(Message)
_ENROLMENTS = table(Enrolment)
_INBOUND = table(Inbound)
_CONVERSATIONS = table(Conversation)
_COMMANDS = table(Command)


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
    """Look at the store, in one statement; ``now`` is business time."""
    open_journey = _ENROLMENTS.c.closed_at.is_(None)
    waits = is_planned(_MESSAGES)
    not_too_late = or_(_MESSAGES.c.not_after.is_(None), _MESSAGES.c.not_after > now)
    under_way = is_in_flight(_MESSAGES)
    at = literal(now, Instant())
    held = or_(keeps_quiet(_MESSAGES, at), waits_its_turn(_MESSAGES))
    look = select(
        _number(_ENROLMENTS, due_condition(now)).label("due"),
        _number(_MESSAGES, waits, _MESSAGES.c.not_before <= now, not_too_late, ~held).label("sendable"),
        _number(_MESSAGES, under_way, _MESSAGES.c.state == MessageState.CLAIMED).label("claimed"),
        _number(_MESSAGES, under_way, _MESSAGES.c.state == MessageState.DISPATCHING).label("dispatching"),
        _number(_INBOUND, is_stored(_INBOUND)).label("inbound"),
        # one that has failed waits for machine time: a clock of ours must not wait for it
        _number(_COMMANDS, _COMMANDS.c.done_at.is_(None), _COMMANDS.c.tries < 2).label("commands"),
        _first(_ENROLMENTS.c.due_at, open_journey, _ENROLMENTS.c.due_at > now).label("journey_at"),
        _first(_MESSAGES.c.not_before, waits, _MESSAGES.c.not_before > now).label("send_at"),
        _first(_MESSAGES.c.not_after, waits, _MESSAGES.c.not_after > now).label("late_at"),
        _first(_CONVERSATIONS.c.resolved_at, TALKED, at < RESTS_UNTIL).label("talked_at"),
    )
    async with store.read() as connection:
        row = (await connection.execute(look)).one()
    rested_at = row.talked_at + REST if row.talked_at is not None else None
    later = [at for at in (row.journey_at, row.send_at, row.late_at, rested_at) if at is not None]
    return Agenda(
        due=row.due,
        sendable=row.sendable,
        claimed=row.claimed,
        dispatching=row.dispatching,
        unprocessed=row.inbound + row.commands,
        next_at=min(later, default=None),
    )


def _number(of: Table, *conditions: ColumnElement[bool]) -> ScalarSelect[int]:
    return select(func.count()).select_from(of).where(*conditions).scalar_subquery()


def _first(column: Column[datetime], *conditions: ColumnElement[bool]) -> ScalarSelect[datetime]:
    return select(func.min(column)).where(*conditions).scalar_subquery()

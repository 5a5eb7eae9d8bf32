"""Pausing, resuming and stopping a campaign.

A pause freezes the campaign's clocks: its journeys are not looked at and its messages are not claimed, and resuming
moves everything that was to come by the length of the pause. What a message's own window was is then decided again,
inside the sending hours.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any

from sqlalchemy import BigInteger, ColumnElement, and_, case, func, literal, or_, select, text, type_coerce, update
from sqlalchemy.ext.asyncio import AsyncConnection

from campaigns.engine.waiting import STALE
from campaigns.running.closing import close_enrolments
from core.actors import Actor
from core.clock import to_micros
from core.errors import Refused
from core.ids import new_id
from core.machines.campaign import CAMPAIGN, PAUSE, RESUME, STOP, CampaignState
from core.machines.enrolment import EXIT
from core.machines.message import SKIP
from core.transitions import IllegalTransition, Transition, apply
from storage.outbox.columns import is_planned, table
from storage.outbox.holds import release
from storage.outbox.journeys import lock_journeys, note, wake_after
from storage.statements import chunks, lock_customers
from storage.store import Store
from storage.tables import Audit, Campaign, Customer, Enrolment, Message, Pause
from storage.types import Instant

_CAMPAIGNS, _PAUSES = table(Campaign), table(Pause)
_ENROLMENTS, _MESSAGES, _CUSTOMERS = table(Enrolment), table(Message), table(Customer)
STOPPED = "campaign_stopped"
_MICROSECOND = timedelta(microseconds=1)
_SLICES = 100_000
"""Into so many parts a spread is cut; a customer's draw says which is theirs."""


class CatchUp(StrEnum):
    """What resuming does with what was to happen during the pause."""

    SHIFT = "shift"  # everything comes later by the length of the pause
    SPREAD = "spread"  # the same, and what would all come at once is spread over some hours
    DROP = "drop"  # messages whose time has passed are not sent, planned or not yet; the rest goes by the calendar


@dataclass(frozen=True, slots=True)
class Paused:
    """What stands still now."""

    journeys: int
    messages: int


@dataclass(frozen=True, slots=True)
class Resumed:
    """How long it stood still, and what was moved or dropped."""

    length: timedelta
    journeys: int
    messages: int
    dropped: int


async def pause(connection: AsyncConnection, name: str, actor: Actor, now: datetime) -> Paused:
    """Let the campaign stand still from the commit on. What is on a socket this moment cannot be called back.

    Raises:
        Refused: if there is no such campaign, or it is not active.
    """
    row = await _move(connection, name, PAUSE, actor, now)
    await connection.execute(
        _PAUSES.insert(), {"id": new_id(), "campaign_id": row.id, "from_at": now, "to_at": None, "actor": str(actor)}
    )
    open_ones = and_(_ENROLMENTS.c.campaign_id == row.id, _ENROLMENTS.c.closed_at.is_(None))
    return Paused(
        await connection.scalar(select(func.count()).select_from(_ENROLMENTS).where(open_ones)) or 0,
        await connection.scalar(select(func.count()).select_from(_MESSAGES).where(_waiting(row.id))) or 0,
    )


async def resume(
    connection: AsyncConnection, name: str, actor: Actor, now: datetime, catch_up: CatchUp = CatchUp.SHIFT,
    *, over: timedelta = timedelta(hours=1),
) -> Resumed:  # fmt: skip
    """Let the campaign go on; ``over`` is how long a spread lasts.

    Raises:
        Refused: if there is no such campaign, or it is not paused.
    """
    row = await _move(connection, name, RESUME, actor, now)
    begun = await connection.scalar(
        update(_PAUSES)
        .where(_PAUSES.c.campaign_id == row.id, _PAUSES.c.to_at.is_(None))
        .values(to_at=now, catch_up=catch_up.value)
        .returning(_PAUSES.c.from_at)
    )
    length = max(now - begun, timedelta()) if begun is not None else timedelta()
    if catch_up is CatchUp.DROP:
        return Resumed(length, 0, 0, await _drop(connection, row.id, now))
    spread = over if catch_up is CatchUp.SPREAD else timedelta()
    return Resumed(
        length,
        await _shift_journeys(connection, row.id, length, spread, now),
        await _shift_messages(connection, row.id, length, spread, now),
        0,
    )


async def stop(connection: AsyncConnection, name: str, actor: Actor, now: datetime) -> int:
    """End the campaign before its time: open journeys exit, planned messages are cancelled. Gives how many exited.

    Raises:
        Refused: if there is no such campaign, or it is over already.
    """
    row = await _move(connection, name, STOP, actor, now)
    await connection.execute(
        update(_PAUSES).where(_PAUSES.c.campaign_id == row.id, _PAUSES.c.to_at.is_(None)).values(to_at=now)
    )
    return await end_journeys(connection, row.id, now)


async def end_journeys(connection: AsyncConnection, campaign_id: str, now: datetime) -> int:
    """Let everybody who is in flight exit."""
    in_flight = select(_ENROLMENTS.c.id, _ENROLMENTS.c.customer_id).where(
        _ENROLMENTS.c.campaign_id == campaign_id, _ENROLMENTS.c.closed_at.is_(None)
    )
    found = (await connection.execute(in_flight)).all()
    # All customers at once and in id order: locked in slices, two stops could wait for each other.
    await lock_customers(connection, (enrolment.customer_id for enrolment in found), shared=False)
    ended = 0
    for part in chunks(found):
        ended += len(await close_enrolments(connection, [one.id for one in part], EXIT, reason=STOPPED, now=now))
    return ended


async def drain(store: Store) -> None:
    """Wait until no dispatch is under way that began before what was committed last.

    After it, whatever was stopped is stopped: a dispatch that looked at the gates earlier has committed. SQLite's one
    writer needs no such wait.
    """
    if store.dialect == "postgresql":
        async with store.unhurried() as connection:
            await connection.execute(text("LOCK TABLE attempts IN SHARE MODE"))


async def pauses_of(connection: AsyncConnection, campaign_id: str) -> Sequence[Any]:
    """The campaign's pauses, the oldest first: (from_at, to_at, actor)."""
    rows = await connection.execute(
        select(_PAUSES.c.from_at, _PAUSES.c.to_at, _PAUSES.c.actor)
        .where(_PAUSES.c.campaign_id == campaign_id)
        .order_by(_PAUSES.c.from_at)
    )
    return rows.all()


async def _move(
    connection: AsyncConnection, name: str, transition: Transition[CampaignState], actor: Actor, now: datetime
) -> Any:
    wanted = select(_CAMPAIGNS.c.id, _CAMPAIGNS.c.state).where(_CAMPAIGNS.c.name == name).with_for_update()
    row = (await connection.execute(wanted)).first()
    if row is None:
        known = sorted(await connection.scalars(select(_CAMPAIGNS.c.name)))
        words = f"there is no campaign {name!r}; applied are: {', '.join(known) or 'none'}"
        raise Refused(words, name="no_campaign", campaign=name)
    try:
        state = apply(CAMPAIGN, row.state, transition.event)
    except IllegalTransition:
        able = " or ".join(sorted(source.value for source in transition.sources))
        done = _DONE[transition.verb]
        words = f"campaign {name!r} is {row.state.value}; only one that is {able} can be {done}"
        raise Refused(words, name="campaign_state", campaign=name) from None
    await connection.execute(update(_CAMPAIGNS).where(_CAMPAIGNS.c.id == row.id).values(state=state, updated_at=now))
    await connection.execute(
        table(Audit).insert(),
        {
            "id": new_id(), "at": now, "actor": str(actor), "action": transition.verb, "subject": "campaign",
            "subject_id": name, "detail": {},
        },
    )  # fmt: skip
    return row


_DONE = {"pause": "paused", "resume": "resumed", "stop": "stopped"}


def _waiting(campaign_id: str) -> ColumnElement[bool]:
    return and_(is_planned(_MESSAGES), _MESSAGES.c.campaign_id == campaign_id)


def _later(column: ColumnElement[Any], micros: ColumnElement[int] | int) -> ColumnElement[Any]:
    """An instant of the store so many microseconds later."""
    return type_coerce(type_coerce(column, BigInteger) + micros, Instant())


def _micros(length: timedelta) -> int:
    return length // _MICROSECOND


def _moved_by(
    at: ColumnElement[Any], customer: ColumnElement[str], length: timedelta, spread: timedelta, now: datetime
) -> ColumnElement[int]:
    """How much later something comes that was to come ``at``."""
    shift = literal(_micros(length), BigInteger)
    if not spread:
        return shift
    draw = select(_CUSTOMERS.c.draw).where(_CUSTOMERS.c.id == customer).scalar_subquery()
    # whatever falls due at once begins anew from now, each at a place of their own
    overdue = _later(at, shift) <= now
    place = (type_coerce(draw, BigInteger) % _SLICES) * literal(_micros(spread) // _SLICES, BigInteger)
    return case((overdue, literal(to_micros(now), BigInteger) - type_coerce(at, BigInteger) + place), else_=shift)


async def _shift_journeys(
    connection: AsyncConnection, campaign_id: str, length: timedelta, spread: timedelta, now: datetime
) -> int:
    due = _ENROLMENTS.c.due_at
    moved = await connection.execute(
        update(_ENROLMENTS)
        .where(_ENROLMENTS.c.campaign_id == campaign_id, _ENROLMENTS.c.closed_at.is_(None), due.is_not(None))
        .values(due_at=_later(due, _moved_by(due, _ENROLMENTS.c.customer_id, length, spread, now)))
    )
    return int(moved.rowcount)


async def _shift_messages(
    connection: AsyncConnection, campaign_id: str, length: timedelta, spread: timedelta, now: datetime
) -> int:
    """Give planned messages an empty window at their new time: the engine looks for a true one there then.

    Their planning moves along, because a message's patience is counted from it.
    """
    opens = _MESSAGES.c.not_before
    by = _moved_by(opens, _MESSAGES.c.customer_id, length, spread, now)
    moved = await connection.execute(
        update(_MESSAGES)
        .where(_waiting(campaign_id), opens.is_not(None))
        .values(
            not_before=_later(opens, by),
            not_after=_later(opens, by),
            send_at=_later(_MESSAGES.c.send_at, by),
            created_at=_later(_MESSAGES.c.created_at, by),
        )
    )
    return int(moved.rowcount)


async def _drop(connection: AsyncConnection, campaign_id: str, now: datetime) -> int:
    """Skip what was planned to go during the pause; its journeys go on as if it had gone.

    What falls due during the pause and is not planned yet the engine drops when it comes to it.
    """
    passed = or_(_MESSAGES.c.not_before <= now, _MESSAGES.c.not_after <= now)
    stale = list(
        await connection.scalars(select(_MESSAGES.c.id).where(_waiting(campaign_id), passed).order_by(_MESSAGES.c.id))
    )
    await lock_journeys(connection, stale)
    for ids in chunks(stale):
        await connection.execute(
            update(_MESSAGES)
            .where(_MESSAGES.c.id.in_(ids), _MESSAGES.c.state.in_(SKIP.sources))
            .values(state=SKIP.target, reason=STALE, worker="", lease_until=None)
        )
        await release(connection, ids)
        await note(connection, ids, "SendStopped", STALE, now)
        await wake_after(connection, ids, now)
    return len(stale)

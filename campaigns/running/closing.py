"""Closing journeys: the enrolment's end, its history and what was still planned, in the caller's transaction.

The caller has locked the customers (``lock_customers(…, shared=False)``), so that no dispatch begins in between.
"""

from collections.abc import Sequence
from datetime import datetime

from sqlalchemy import ColumnElement, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from campaigns.running.answering import ask_on_answer
from core.ids import new_id
from core.machines.enrolment import ANSWER, CONVERT, EnrolmentState
from core.machines.message import CANCEL
from core.transitions import Transition
from storage.outbox.columns import table
from storage.outbox.holds import release
from storage.tables import Enrolment, EnrolmentHistory, Message

_ENROLMENTS = table(Enrolment)
_HISTORY = table(EnrolmentHistory)
_MESSAGES = table(Message)


async def close_enrolments(
    connection: AsyncConnection,
    enrolment_ids: Sequence[str],
    transition: Transition[EnrolmentState],
    *,
    reason: str,
    now: datetime,
    detail: str = "",
) -> list[str]:
    """Take ``transition`` on those that it applies to; gives their ids. Their planned messages are cancelled.

    ``reason`` is kept with the enrolment and its messages, ``detail`` in the history.
    """
    if not enrolment_ids:
        return []
    if connection.dialect.name == "postgresql":  # an UPDATE locks as it finds; outcomes are recorded in id order
        wanted = _ENROLMENTS.c.id.in_(sorted(enrolment_ids))
        await connection.execute(select(_ENROLMENTS.c.id).where(wanted).order_by(_ENROLMENTS.c.id).with_for_update())
    moved = await connection.execute(
        update(_ENROLMENTS)
        .where(
            _ENROLMENTS.c.id.in_(sorted(enrolment_ids)),
            _ENROLMENTS.c.closed_at.is_(None),
            _ENROLMENTS.c.state.in_(transition.sources),
        )
        .values(
            state=transition.target,
            reason=reason,
            closed_at=now,
            due_at=None,
            revision=_ENROLMENTS.c.revision + 1,
        )
        .returning(_ENROLMENTS.c.id, _ENROLMENTS.c.step, _ENROLMENTS.c.leg, _ENROLMENTS.c.version, _ENROLMENTS.c.ghost)
    )
    rows = moved.all()
    if not rows:
        return []
    await connection.execute(
        _HISTORY.insert(),
        [
            {
                "id": new_id(),
                "enrolment_id": row.id,
                "at": now,
                "event": transition.event,
                "step": row.step,
                "leg": row.leg,
                "detail": detail or reason,
            }
            for row in rows
        ],
    )
    if transition in (ANSWER, CONVERT):
        await ask_on_answer(connection, rows, now)
    closed = [row.id for row in rows]
    await cancel_planned(connection, _MESSAGES.c.enrolment_id.in_(closed), reason)
    return closed


async def cancel_planned(connection: AsyncConnection, which: ColumnElement[bool], reason: str) -> list[str]:
    """Cancel the outgoing messages of ``which`` that have not begun to leave; gives their ids, frees their money.

    A claim whose message was cancelled finds it out when it starts: the state is no longer claimed.
    """
    chosen = (
        select(_MESSAGES.c.id)
        .where(which, _MESSAGES.c.direction == "out", _MESSAGES.c.state.in_(CANCEL.sources))
        .order_by(_MESSAGES.c.id)
        .with_for_update()
    )
    ids = list((await connection.scalars(chosen)).all())
    if ids:
        await connection.execute(
            update(_MESSAGES)
            .where(_MESSAGES.c.id.in_(ids), _MESSAGES.c.state.in_(CANCEL.sources))
            .values(state=CANCEL.target, reason=reason, lease_until=None, worker="")
        )
        await release(connection, ids)
    return ids

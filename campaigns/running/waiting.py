"""Events that journeys wait for: they answer a send whose ``until`` names them, and end a wait for them.

Goes from the customers of the events to their open journeys, by index; never over all journeys.
"""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from campaigns.definition import EVENT, FLOW, CampaignDefinition, SendStep, WaitStep
from campaigns.engine import FLOW_OVER
from campaigns.gates.live_chat import TALKING
from campaigns.responding.arrivals import Arrival
from campaigns.running.closing import close_enrolments
from campaigns.versions import definitions
from core.ids import new_id
from core.machines.enrolment import ANSWER, RELEASE, EnrolmentState
from storage.outbox.columns import inline, table
from storage.statements import lock_customers
from storage.store import Store
from storage.tables import Conversation, Enrolment, EnrolmentHistory, Message

_ENROLMENTS, _HISTORY, _CONVERSATIONS = table(Enrolment), table(EnrolmentHistory), table(Conversation)
_MESSAGES = table(Message)
Arrivals = Mapping[str, Sequence[Arrival]]
"""By customer id."""


async def wake_waiting(connection: AsyncConnection, arrivals: Arrivals, now: datetime) -> list[str]:
    """End the waits and answer the sends that these events were waited for; gives the journeys that were answered.

    What happened before the journey came to its step was not waited for. The caller has locked the customers.
    """
    rows = (
        await connection.execute(
            select(
                _ENROLMENTS.c.id, _ENROLMENTS.c.customer_id, _ENROLMENTS.c.version, _ENROLMENTS.c.step,
                _ENROLMENTS.c.step_at, _ENROLMENTS.c.entered_at, _ENROLMENTS.c.event_id,
            ).where(
                _ENROLMENTS.c.customer_id.in_(sorted(arrivals)),
                _ENROLMENTS.c.closed_at.is_(None),
                _ENROLMENTS.c.step != "",
            )
        )
    ).all()  # fmt: skip
    if not rows:
        return []
    known = await definitions(connection, {row.version for row in rows})
    answered, ended = [], []
    for row in rows:
        since = row.step_at or row.entered_at
        happened = {one.name for one in arrivals[row.customer_id] if one.at >= since and one.id != row.event_id}
        match _meets(known.get(row.version), row.step, happened):
            case "answer":
                answered.append(row)
            case "wake":
                ended.append(row)
    await _end_waits(connection, ended, now)
    ids = [row.id for row in answered]
    return await close_enrolments(connection, ids, ANSWER, reason="event", now=now)


def _meets(definition: CampaignDefinition | None, step_id: str, happened: set[str]) -> str:
    step = definition.step(step_id) if definition is not None else None
    match step:
        case SendStep() if any(f"{EVENT}{name}" in step.until for name in happened):
            return "answer"
        case WaitStep() if any(name in step.events for name in happened):
            return "wake"
        case _:
            return ""


async def flow_ended(connection: AsyncConnection, message_id: str, now: datetime, *, finished: bool) -> None:
    """Tell the journey that waits behind a flow's first message that the flow is over: its wait ends.

    One that is ``finished`` answers the step whose ``until`` says so. The customer is locked.
    """
    row = (
        await connection.execute(
            select(_ENROLMENTS.c.id, _ENROLMENTS.c.version, _ENROLMENTS.c.step)
            .join(_MESSAGES, _MESSAGES.c.enrolment_id == _ENROLMENTS.c.id)
            .where(
                _MESSAGES.c.id == message_id, _ENROLMENTS.c.message_id == message_id,
                _ENROLMENTS.c.state == EnrolmentState.WAITING,
            )
        )
    ).first()  # fmt: skip
    known = await definitions(connection, [row.version]) if row is not None else {}
    step = known[row.version].send_step(row.step) if row is not None and row.version in known else None
    if row is None or step is None or step.flow is None:
        return
    if finished and FLOW in step.until:
        await close_enrolments(connection, [row.id], ANSWER, reason=FLOW, now=now)
        return
    await connection.execute(
        update(_ENROLMENTS)
        .where(_ENROLMENTS.c.id == row.id)
        .values(leg=FLOW_OVER, due_at=now, revision=_ENROLMENTS.c.revision + 1)
    )
    await connection.execute(_HISTORY.insert(), [_line(row, "FlowEnded", now)])


async def _end_waits(connection: AsyncConnection, rows: Sequence[Any], now: datetime) -> None:
    if not rows:
        return
    ids = sorted(row.id for row in rows)
    await connection.execute(
        update(_ENROLMENTS)
        .where(_ENROLMENTS.c.id.in_(ids), _ENROLMENTS.c.closed_at.is_(None))
        .values(due_at=now, revision=_ENROLMENTS.c.revision + 1)
    )
    await connection.execute(_HISTORY.insert(), [_line(row, "EventArrived", now) for row in rows])


def _line(row: Any, event: str, now: datetime) -> dict[str, Any]:
    return {
        "id": new_id(), "enrolment_id": row.id, "at": now, "event": event, "step": row.step, "leg": "", "detail": "",
    }  # fmt: skip


_TALKING = select(_CONVERSATIONS.c.customer_id).where(TALKING)
_RELEASABLE = select(_ENROLMENTS.c.id, _ENROLMENTS.c.customer_id, _ENROLMENTS.c.step).where(
    _ENROLMENTS.c.state == inline(EnrolmentState.HELD.value), _ENROLMENTS.c.customer_id.not_in(_TALKING)
)


async def release_held(store: Store, now: datetime) -> int:
    """Let journeys go on whose customer's live chat is over; gives how many. The engine keeps the rest after it."""
    async with store.read() as connection:  # most looks find nothing: no reason to make writers wait
        held = (await connection.execute(_RELEASABLE)).all()
    if not held:
        return 0
    async with store.write() as connection:
        await lock_customers(connection, (row.customer_id for row in held), shared=False)
        still = (await connection.execute(_RELEASABLE.where(_ENROLMENTS.c.id.in_([row.id for row in held])))).all()
        if still:
            await connection.execute(
                update(_ENROLMENTS)
                .where(_ENROLMENTS.c.id.in_([row.id for row in still]), _ENROLMENTS.c.state.in_(RELEASE.sources))
                .values(state=RELEASE.target, due_at=now, revision=_ENROLMENTS.c.revision + 1)
            )
            await connection.execute(_HISTORY.insert(), [_line(row, RELEASE.event, now) for row in still])
    return len(still)

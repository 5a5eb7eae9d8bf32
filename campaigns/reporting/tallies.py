"""What the report counts beside messages: gates, arms, offers and tasks of one campaign. One query a topic."""

import re
from collections import Counter
from dataclasses import dataclass

from sqlalchemy import ColumnElement, case, func, select
from sqlalchemy.ext.asyncio import AsyncConnection

from campaigns.gates import DISPATCH_GATES, PLANNING_GATES
from core.machines.enrolment import EnrolmentState
from storage.outbox.columns import table
from storage.tables import Enrolment, EnrolmentHistory, Grant, OfferCode, Task

_ENROLMENTS, _HISTORY, _GRANTS = table(Enrolment), table(EnrolmentHistory), table(Grant)
_CODES, _TASKS = table(OfferCode), table(Task)
GATES = tuple(dict.fromkeys([gate.name for gate in PLANNING_GATES] + [gate.name for gate in DISPATCH_GATES]))
"""Every gate, in the order in which a send meets it."""
NO_ADDRESS, HOLDOUT, OFFER, LIVE_CHAT, WINDOW = "no_address", "holdout", "offer", "live_chat", "window"
_ORDER = (*GATES, NO_ADDRESS)
_WORD = re.compile(r"[a-z_]+")
_STOPPED, _DEFERRED, _DIVERTED = "stopped", "deferred", "diverted"
_MET = {
    "SendStopped": _STOPPED,
    "SendSkipped": _STOPPED,
    "SendExpired": _STOPPED,
    "OfferWithheld": _STOPPED,
    "GhostSend": _STOPPED,
    "SendDeferred": _DEFERRED,
    "LiveChatOpened": _DEFERRED,
    "SendDiverted": _DIVERTED,
}
"""What a line of history says of the gate that wrote it."""
_ALWAYS = {"GhostSend": HOLDOUT, "OfferWithheld": OFFER, "LiveChatOpened": LIVE_CHAT, "SendExpired": WINDOW}


@dataclass(frozen=True, slots=True)
class GateRow:
    """How often a gate stopped a send, put one off, or sent it another way."""

    gate: str
    stopped: int = 0
    deferred: int = 0
    diverted: int = 0


@dataclass(frozen=True, slots=True)
class ArmRow:
    """One arm of an experiment; ``held_out`` heard nothing. What may be said of the difference is another question."""

    variant: str
    held_out: bool
    entered: int
    answered: int
    converted: int


@dataclass(frozen=True, slots=True)
class OfferRow:
    """What was promised of one offer by this campaign; ``codes_left`` of single codes are everybody's."""

    offer: str
    granted: int
    redeemed: int
    codes_left: int | None


@dataclass(frozen=True, slots=True)
class TaskRow:
    """Tasks for people that one step made."""

    step: str
    kind: str
    open: int
    done: int


@dataclass(frozen=True, slots=True)
class Tallies:
    """All of it."""

    gates: tuple[GateRow, ...] = ()
    arms: tuple[ArmRow, ...] = ()
    offers: tuple[OfferRow, ...] = ()
    tasks: tuple[TaskRow, ...] = ()


async def campaign_tallies(connection: AsyncConnection, campaign_id: str) -> Tallies:
    """The counts of one campaign."""
    return Tallies(
        gates=await _gates(connection, campaign_id),
        arms=await _arms(connection, campaign_id),
        offers=await _offers(connection, campaign_id),
        tasks=await _tasks(connection, campaign_id),
    )


def gates_of(event: str, detail: str) -> tuple[str, ...]:
    """The gates that a line of history speaks of: several where ``best`` met one on each channel."""
    if event in _ALWAYS:
        return (_ALWAYS[event],)
    told = [part for part in detail.split("; ") if part]
    found = [next((word for word in _WORD.findall(part) if word in GATES), NO_ADDRESS) for part in told]
    if event == "SendDiverted":
        return tuple(dict.fromkeys(found))
    return (found[0] if found and found[0] != NO_ADDRESS else WINDOW,)


async def _gates(connection: AsyncConnection, campaign_id: str) -> tuple[GateRow, ...]:
    # what a ghost met on its way was met by nobody: only that it is held out counts
    told = (_HISTORY.c.event == "GhostSend") | _ENROLMENTS.c.ghost.is_(False)
    rows = await connection.execute(
        select(_HISTORY.c.event, _HISTORY.c.detail, func.count().label("times"))
        .join(_ENROLMENTS, _ENROLMENTS.c.id == _HISTORY.c.enrolment_id)
        .where(_ENROLMENTS.c.campaign_id == campaign_id, _HISTORY.c.event.in_(sorted(_MET)), told)
        .group_by(_HISTORY.c.event, _HISTORY.c.detail)
    )
    met: Counter[tuple[str, str]] = Counter()
    for row in rows:
        for gate in gates_of(row.event, row.detail):
            met[gate, _MET[row.event]] += row.times
    seen = {gate for gate, _ in met}
    return tuple(
        GateRow(gate, met[gate, _STOPPED], met[gate, _DEFERRED], met[gate, _DIVERTED])
        for gate in _ORDER
        if gate in seen
    )


def _sum(condition: ColumnElement[bool]) -> ColumnElement[int]:
    return func.coalesce(func.sum(case((condition, 1), else_=0)), 0)


async def _arms(connection: AsyncConnection, campaign_id: str) -> tuple[ArmRow, ...]:
    """The arms where there are several."""
    rows = await connection.execute(
        select(
            _ENROLMENTS.c.variant,
            _ENROLMENTS.c.ghost,
            func.count().label("entered"),
            _sum(_ENROLMENTS.c.state == EnrolmentState.ANSWERED).label("answered"),
            _sum(_ENROLMENTS.c.state == EnrolmentState.CONVERTED).label("converted"),
        )
        .where(_ENROLMENTS.c.campaign_id == campaign_id)
        .group_by(_ENROLMENTS.c.variant, _ENROLMENTS.c.ghost)
        .order_by(_ENROLMENTS.c.ghost, _ENROLMENTS.c.variant)
    )
    arms = tuple(ArmRow(row.variant, bool(row.ghost), row.entered, row.answered, row.converted) for row in rows)
    return arms if len(arms) > 1 or any(arm.variant or arm.held_out for arm in arms) else ()


async def _offers(connection: AsyncConnection, campaign_id: str) -> tuple[OfferRow, ...]:
    granted = (
        await connection.execute(
            select(
                _GRANTS.c.offer,
                func.count().label("granted"),
                _sum(_GRANTS.c.ended_by == "redeemed").label("redeemed"),
            )
            .where(_GRANTS.c.campaign_id == campaign_id)
            .group_by(_GRANTS.c.offer)
            .order_by(_GRANTS.c.offer)
        )
    ).all()
    stock = await connection.execute(
        select(_CODES.c.offer, _sum(_CODES.c.taken_at.is_(None)).label("free"))
        .where(_CODES.c.offer.in_([row.offer for row in granted]))
        .group_by(_CODES.c.offer)
    )
    free = {row.offer: int(row.free) for row in stock}
    return tuple(OfferRow(row.offer, row.granted, int(row.redeemed), free.get(row.offer)) for row in granted)


async def _tasks(connection: AsyncConnection, campaign_id: str) -> tuple[TaskRow, ...]:
    rows = await connection.execute(
        select(
            _TASKS.c.step,
            _TASKS.c.kind,
            _sum(_TASKS.c.state == "open").label("open"),
            _sum(_TASKS.c.state == "done").label("done"),
        )
        .where(_TASKS.c.campaign_id == campaign_id)
        .group_by(_TASKS.c.step, _TASKS.c.kind)
        .order_by(_TASKS.c.step, _TASKS.c.kind)
    )
    return tuple(TaskRow(row.step, row.kind, int(row.open), int(row.done)) for row in rows)

"""Responses: the log of what customers did about our messages. One row a key; a repeat writes nothing."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Literal

from sqlalchemy import update
from sqlalchemy.ext.asyncio import AsyncConnection

from campaigns.responding.attribution import NOTHING, Attribution
from core.ids import new_id
from core.machines.message import DELIVER, MessageState
from storage.outbox.columns import table
from storage.outbox.holds import spend
from storage.statements import insert_into
from storage.tables import Message, Response

ResponseKind = Literal["reply", "auto_reply", "click", "open", "conversion", "opt_out", "complaint", "not_now"]

_RESPONSES = table(Response)
_MESSAGES = table(Message)


@dataclass(frozen=True, slots=True)
class Incident:
    """One thing that a customer did. ``key`` drops repeats; ``at`` is business time."""

    key: str
    kind: ResponseKind
    customer_id: str
    at: datetime
    channel: str = ""
    attribution: Attribution = NOTHING
    inbound_message_id: str | None = None
    detail: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Recorded:
    """What came of it: ``new`` is false for a repeat; ``closed`` are the journeys that it ended."""

    new: bool
    closed: tuple[str, ...] = ()
    response_id: str | None = None

    @property
    def answered(self) -> bool:
        return bool(self.closed)


async def log_response(connection: AsyncConnection, incident: Incident) -> str | None:
    """Write the response down; its id, or None if it is there already."""
    statement = (
        insert_into(connection, _RESPONSES)
        .values(_row(incident, ()))
        .on_conflict_do_nothing()
        .returning(_RESPONSES.c.id)
    )
    written: str | None = await connection.scalar(statement)
    return written


async def log_new_responses(connection: AsyncConnection, incidents: Sequence[tuple[Incident, Sequence[str]]]) -> None:
    """Write many responses down, each with the journeys that it ended.

    Raises:
        IntegrityError: if one of them is there already: then none of this transaction's work may stand.
    """
    if incidents:
        await connection.execute(_RESPONSES.insert(), [_row(incident, closed) for incident, closed in incidents])


def _row(incident: Incident, closed: Sequence[str]) -> dict[str, Any]:
    credited = incident.attribution
    return {
        "id": new_id(),
        "key": incident.key,
        "kind": incident.kind,
        "customer_id": incident.customer_id,
        "channel": incident.channel,
        "message_id": credited.message_id,
        "inbound_message_id": incident.inbound_message_id,
        "enrolment_id": credited.enrolment_id,
        "campaign_id": credited.campaign_id,
        "step": credited.step,
        "attributed_by": credited.by,
        "answered": bool(closed),
        "at": incident.at,
        "detail": {**incident.detail, "closed": list(closed)} if closed else incident.detail,
    }


async def mark_answered(connection: AsyncConnection, response_id: str, detail: dict[str, Any]) -> None:
    """Keep with the response that it ended journeys; ``detail`` replaces the one that was written."""
    await connection.execute(
        update(_RESPONSES).where(_RESPONSES.c.id == response_id).values(answered=True, detail=detail)
    )


async def settle_unknown(connection: AsyncConnection, message_id: str | None, now: datetime) -> None:
    """Whoever reacts to a message has received it: one whose outcome was unknown is known now."""
    if message_id is None:
        return
    settled = await connection.scalar(
        update(_MESSAGES)
        .where(_MESSAGES.c.id == message_id, _MESSAGES.c.state == MessageState.UNKNOWN)
        .values(state=DELIVER.target, reason="", settled_at=now, lease_until=None)
        .returning(_MESSAGES.c.id)
    )
    if settled is not None:
        await spend(connection, [message_id])

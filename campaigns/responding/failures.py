"""Failures after acceptance: what a late bounce or refusal says of the address that it came from."""

from collections import defaultdict
from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import literal, or_, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from campaigns.customers.consents import Proof, withdraw_identity
from core.actors import SYSTEM, Actor
from core.agents import WROTE
from core.errors import ENDS_REACHABILITY, PermanentKind
from core.ids import new_id
from core.machines.message import FAIL, MessageState
from core.text import clipped
from storage.outbox.columns import table
from storage.outbox.journeys import note
from storage.tables import ConversationEvent, Identity, Message, ReceiptRow

BOUNCED = "AnswerBounced"
"""The event of an agent's answer that came back after its provider had taken it: its text is how it began."""
QUOTED = 80
_IDENTITIES = table(Identity)
_MESSAGES, _EVENTS = table(Message), table(ConversationEvent)
_RECEIPTS = table(ReceiptRow)
_ENDING = frozenset(kind.value for kind in ENDS_REACHABILITY)


@dataclass(frozen=True, slots=True)
class Said:
    """One report tied to a message of ours. ``at`` is when we learnt of it."""

    message_id: str
    status: MessageState
    failure: str
    code: str
    at: datetime


async def note_failures(connection: AsyncConnection, said: dict[str, list[Said]], now: datetime) -> None:
    """Write the failures into the history of the journeys."""
    by_code: dict[str, list[str]] = defaultdict(list)
    for message_id, reports in said.items():
        code = next((one.code for one in reports if one.status is MessageState.FAILED), "")
        by_code[code].append(message_id)
    for code, message_ids in by_code.items():
        await note(connection, message_ids, FAIL.event, code, now)


async def record_bounces(connection: AsyncConnection, message_ids: Collection[str], now: datetime) -> None:
    """Write into their conversations that answers of agents came back: they were last seen as sent."""
    theirs = select(_MESSAGES).where(
        _MESSAGES.c.id.in_(message_ids), _MESSAGES.c.conversation_id.is_not(None),
        _MESSAGES.c.client_token.startswith(WROTE),
    )  # fmt: skip
    rows = (await connection.execute(theirs.order_by(_MESSAGES.c.id))).all()
    if not rows:
        return
    failed = select(_RECEIPTS.c.message_id, _RECEIPTS.c.detail, _RECEIPTS.c.code).where(
        _RECEIPTS.c.message_id.in_([row.id for row in rows]), _RECEIPTS.c.status == MessageState.FAILED
    )
    why = {row.message_id: row.detail or row.code for row in await connection.execute(failed.order_by(_RECEIPTS.c.id))}
    await connection.execute(
        _EVENTS.insert(),
        [
            {
                "id": new_id(), "conversation_id": row.conversation_id, "customer_id": row.customer_id, "at": now,
                "actor": str(SYSTEM), "event": BOUNCED,
                "text": clipped(" ".join((row.body or str((row.content or {}).get("text", ""))).split()), QUOTED),
                "detail": {"message": row.id, "why": why.get(row.id, "")},
            }
            for row in rows
        ],
    )  # fmt: skip


async def follow_failure(
    connection: AsyncConnection, identity_id: str, customer_id: str, one: Said, after: MessageState
) -> None:
    """What a failure says of the address: an opt-out always counts, the rest unless the message was read after all."""
    if one.status is not MessageState.FAILED or one.failure not in _ENDING:
        return
    opted_out = one.failure == PermanentKind.OPTED_OUT
    if opted_out:
        proof = Proof("provider", one.code, Actor("provider"), one.at)
        await withdraw_identity(connection, identity_id, customer_id, proof)
    if opted_out or after is MessageState.FAILED:
        # an opt-out is not overwritten: it is what a later opt-in must lift
        await connection.execute(
            update(_IDENTITIES)
            .where(
                _IDENTITIES.c.id == identity_id,
                or_(_IDENTITIES.c.reachable.is_(True), literal(opted_out)),
            )
            .values(reachable=False, unreachable_reason=one.failure, unreachable_at=one.at)
        )


async def restore_reader(connection: AsyncConnection, message_id: str, identity_id: str) -> None:
    """A reader proves the bounce of that very message wrong: the address that it had ended is reachable again."""
    bounced_at = select(_RECEIPTS.c.at).where(
        _RECEIPTS.c.message_id == message_id, _RECEIPTS.c.status == MessageState.FAILED
    )
    await connection.execute(
        update(_IDENTITIES)
        .where(
            _IDENTITIES.c.id == identity_id,
            _IDENTITIES.c.unreachable_at.in_(bounced_at),
            _IDENTITIES.c.unreachable_reason != PermanentKind.OPTED_OUT.value,
        )
        .values(reachable=True, unreachable_reason="", unreachable_at=None)
    )

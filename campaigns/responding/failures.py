"""Failures after acceptance: what a late bounce or refusal says of the address that it came from."""

from collections import defaultdict
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import literal, or_, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from campaigns.customers.consents import Proof, withdraw_identity
from core.actors import Actor
from core.errors import ENDS_REACHABILITY, PermanentKind
from core.machines.message import FAIL, MessageState
from storage.outbox.columns import table
from storage.outbox.journeys import note
from storage.tables import Identity, ReceiptRow

_IDENTITIES = table(Identity)
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

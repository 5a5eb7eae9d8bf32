"""Taking a person out of the store: what is theirs goes, what reports need stays under an id that leads to nobody.

Works in the caller's transaction; whoever calls it has locked the customer and ended what was in flight
(:mod:`campaigns.customers.erasing`).
"""

import secrets
from datetime import datetime
from typing import Any

from sqlalchemy import delete, exists, insert, literal, not_, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from core.draws import customer_draw
from core.ids import anonymous_id, new_id
from core.purposes import Purpose
from storage.outbox.columns import table
from storage.personal import ERASED, holdings_by_customer
from storage.statements import chunks, insert_missing
from storage.tables import (
    ApiResponse,
    Audit,
    Blob,
    BlobOwner,
    Command,
    Customer,
    Identity,
    Inbound,
    Link,
    MergedCustomer,
    Message,
    Suppression,
)
from storage.traces import Traces

_CUSTOMERS, _IDENTITIES, _MESSAGES = table(Customer), table(Identity), table(Message)
_INBOUND, _BLOBS, _OWNERS, _AUDIT = table(Inbound), table(Blob), table(BlobOwner), table(Audit)
SUPPRESSED = (Purpose.MARKETING, Purpose.TRANSACTIONAL)
"""What the address of an erased person never gets again. Whoever writes to us themselves is still answered."""


async def erase_rows(connection: AsyncConnection, customer_id: str, traces: Traces, now: datetime) -> str:
    """Erase the customer; gives the anonymous id under which amounts and counts stay."""
    anonymous = anonymous_id()
    await _suppress(connection, customer_id, now)
    blobs = list(
        await connection.scalars(
            select(_OWNERS.c.hash).where(_OWNERS.c.owner == "customer", _OWNERS.c.owner_id == customer_id)
        )
    )
    nobody = Customer(id=anonymous, draw=customer_draw(anonymous), created_at=now, updated_at=now)
    await connection.execute(insert(_CUSTOMERS), nobody.model_dump())
    await _anonymous_addresses(connection, customer_id, anonymous, now)
    tombstones = table(MergedCustomer)
    became = await connection.scalars(select(tombstones.c.id).where(tombstones.c.survivor_id == customer_id))
    ids = [customer_id, *became]
    for holding in holdings_by_customer():
        mine = holding.find(customer_id)
        if holding.removed:
            await connection.execute(delete(holding.table).where(mine))
            continue
        values = {
            name: value(holding.table, anonymous) if callable(value) else value
            for name, value in holding.emptied.items()
            if name != "identity_id"  # has been set to an anonymous address
        }
        await connection.execute(update(holding.table).where(mine).values(**values))
    await _erase_traces(connection, ids, anonymous, traces)
    await _drop_unowned(connection, [*blobs, *traces.blobs])
    return anonymous


async def _suppress(connection: AsyncConnection, customer_id: str, now: datetime) -> None:
    keys = sorted(await connection.scalars(select(_IDENTITIES.c.key).where(_IDENTITIES.c.customer_id == customer_id)))
    rows = [
        {"key": key, "purpose": purpose.value, "reason": ERASED, "at": now} for key in keys for purpose in SUPPRESSED
    ]
    await insert_missing(connection, table(Suppression), rows)


async def _anonymous_addresses(connection: AsyncConnection, customer_id: str, anonymous: str, now: datetime) -> None:
    """Give the messages that stay an address of the same channel that is nobody's."""
    sent = select(_MESSAGES.c.id).where(_MESSAGES.c.identity_id == _IDENTITIES.c.id, _MESSAGES.c.direction != "in")
    rows = await connection.execute(
        select(_IDENTITIES.c.id, _IDENTITIES.c.channel).where(_IDENTITIES.c.customer_id == customer_id, exists(sent))
    )
    for row in rows.all():
        word = f"{ERASED}-{secrets.token_hex(16)}"
        nobodys = Identity(
            id=new_id(), customer_id=anonymous, channel=row.channel, address=word, key=word, reachable=False,
            unreachable_reason=ERASED, unreachable_at=now, source=ERASED, created_at=now,
        )  # fmt: skip
        await connection.execute(insert(_IDENTITIES), nobodys.model_dump())
        await connection.execute(
            update(_MESSAGES)
            .where(_MESSAGES.c.identity_id == row.id, _MESSAGES.c.direction != "in")
            .values(identity_id=nobodys.id)
        )


async def _erase_traces(connection: AsyncConnection, ids: list[str], anonymous: str, traces: Traces) -> None:
    for part in chunks(traces.inbound):
        await connection.execute(
            update(_INBOUND).where(_INBOUND.c.id.in_(part), _INBOUND.c.state != "stored").values(
                payload=b"", meta={}, error="", key=literal(f"{ERASED}:").concat(_INBOUND.c.id))
        )  # fmt: skip
    for part in chunks(traces.links):
        await connection.execute(delete(table(Link)).where(table(Link).c.id.in_(part)))
    for part in chunks(traces.commands):
        await connection.execute(delete(table(Command)).where(table(Command).c.id.in_(part)))
    responses = table(ApiResponse)
    for key_id, key in traces.api_responses:
        await connection.execute(
            delete(responses).where(responses.c.key_id == key_id, responses.c.idempotency_key == key)
        )
    subject = (_AUDIT.c.subject == "customer") & (_AUDIT.c.subject_id.in_(ids))
    author = _AUDIT.c.actor.in_([f"customer:{id_}" for id_ in ids])
    emptied: dict[str, Any] = {"detail": {}}
    for part in chunks(traces.audit):
        await connection.execute(update(_AUDIT).where(_AUDIT.c.id.in_(part)).values(**emptied))
    await connection.execute(update(_AUDIT).where(subject).values(subject_id=anonymous, **emptied))
    await connection.execute(update(_AUDIT).where(author).values(actor="customer"))


async def _drop_unowned(connection: AsyncConnection, hashes: list[str]) -> None:
    """Delete blobs that nobody else owns."""
    for part in chunks(sorted(set(hashes))):
        owned = exists(select(_OWNERS.c.hash).where(_OWNERS.c.hash == _BLOBS.c.hash))
        await connection.execute(delete(_BLOBS).where(_BLOBS.c.hash.in_(part), not_(owned)))

"""Raw mail and the files that come with messages: kept once, under their hash, and owned by the customer who wrote,
so that erasing them erases it."""

import hashlib
from dataclasses import replace
from datetime import datetime

from sqlalchemy import update
from sqlalchemy.ext.asyncio import AsyncConnection

from core.messages import InboundMessage
from storage.outbox.columns import table
from storage.statements import insert_missing
from storage.tables import Blob, BlobOwner, Inbound

_BLOBS = table(Blob)
_OWNERS = table(BlobOwner)
_INBOUND = table(Inbound)
MEDIA_TYPE = "message/rfc822"


async def keep_raw(connection: AsyncConnection, inbound_id: str, payload: bytes, now: datetime) -> str:
    """Move a delivery's mail to the blobs; gives its hash. The delivery keeps the hash instead of the bytes."""
    digest = hashlib.sha256(payload).hexdigest()
    blob = {"hash": digest, "size": len(payload), "media_type": MEDIA_TYPE, "content": payload, "created_at": now}
    await insert_missing(connection, _BLOBS, [blob])
    await connection.execute(
        update(_INBOUND).where(_INBOUND.c.id == inbound_id).values(payload=b"", meta={"blob": digest})
    )
    return digest


def named_by_content(inbound: InboundMessage) -> InboundMessage:
    """The message with the hash of each of its files that came with it."""
    if not any(one.content for one in inbound.attachments):
        return inbound
    named = (
        replace(one, blob=hashlib.sha256(one.content).hexdigest()) if one.content else one
        for one in inbound.attachments
    )
    return replace(inbound, attachments=tuple(named))


async def keep_attachments(
    connection: AsyncConnection, inbound: InboundMessage, customer_id: str | None, now: datetime
) -> None:
    """Keep the files of a customer's message, equal ones once; a stranger's automatic mail leaves none."""
    files = {one.blob: one for one in inbound.attachments if one.blob and one.content}
    if customer_id is None or not files:
        return
    blobs = [
        {"hash": digest, "size": one.size, "media_type": one.media_type, "content": one.content, "created_at": now}
        for digest, one in sorted(files.items())
    ]
    owners = [{"hash": digest, "owner": "customer", "owner_id": customer_id} for digest in sorted(files)]
    await insert_missing(connection, _BLOBS, blobs)
    await insert_missing(connection, _OWNERS, owners)


async def own_raw(connection: AsyncConnection, digest: str, customer_id: str | None) -> None:
    """Whose mail it is; a stranger's automatic mail is nobody's."""
    if digest and customer_id is not None:
        owner = {"hash": digest, "owner": "customer", "owner_id": customer_id}
        await insert_missing(connection, _OWNERS, [owner])

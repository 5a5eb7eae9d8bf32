"""Raw mail: kept once, under its hash, and owned by the customer who wrote it, so that erasing them erases it."""

import hashlib
from datetime import datetime

from sqlalchemy import update
from sqlalchemy.ext.asyncio import AsyncConnection

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


async def own_raw(connection: AsyncConnection, digest: str, customer_id: str | None) -> None:
    """Whose mail it is; a stranger's automatic mail is nobody's."""
    if customer_id is not None:
        owner = {"hash": digest, "owner": "customer", "owner_id": customer_id}
        await insert_missing(connection, _OWNERS, [owner])

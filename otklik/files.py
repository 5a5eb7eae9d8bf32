"""Stored files, as ``/media`` hands them to providers."""

from sqlalchemy import select

from channels.media.routes import File
from storage.outbox.columns import table
from storage.store import Store
from storage.tables import Blob

_BLOBS = table(Blob)


class StoredFiles:
    """Files by their hash; a large one is not read."""

    def __init__(self, store: Store) -> None:
        self._store = store

    async def file(self, digest: str, largest: int) -> File | None:
        wanted = select(_BLOBS.c.content, _BLOBS.c.media_type).where(_BLOBS.c.hash == digest, _BLOBS.c.size <= largest)
        async with self._store.read() as connection:
            row = (await connection.execute(wanted)).first()
        return None if row is None else File(bytes(row.content), row.media_type)

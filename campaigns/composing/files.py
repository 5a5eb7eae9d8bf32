"""Files of messages: kept in the store under their hash, and read back where a message carries them."""

from collections import OrderedDict
from collections.abc import Iterable, Mapping
from dataclasses import replace
from datetime import datetime

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncConnection

from core.messages import SMS, WHATSAPP, OutboundMessage
from storage.outbox.columns import table
from storage.statements import insert_missing
from storage.store import Store
from storage.tables import Blob

_BLOBS = table(Blob)
FETCHED = frozenset({SMS, WHATSAPP})
"""Their provider fetches a file from us by its hash: no bytes travel with the message."""
REMEMBERED_BYTES = 64 * 1024 * 1024
"""Of files that lately left; the messages of a campaign carry the same ones."""


class FileContents:
    """The bytes of stored files, by SHA-256 (hex)."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._known: OrderedDict[str, bytes] = OrderedDict()

    async def of(self, hashes: Iterable[str]) -> dict[str, bytes]:
        """Those of the files that are kept."""
        wanted = set(hashes)
        found = {hash_: self._known[hash_] for hash_ in wanted if hash_ in self._known}
        if wanted - found.keys():
            async with self._store.read() as connection:
                read = await read_contents(connection, wanted - found.keys())
            found |= read
            self._known |= read
        for hash_ in found:
            self._known.move_to_end(hash_)
        while len(self._known) > 1 and sum(map(len, self._known.values())) > REMEMBERED_BYTES:
            self._known.popitem(last=False)
        return found

    async def fill(self, messages: dict[str, OutboundMessage | str]) -> None:
        """Put the bytes into the messages that carry files; one whose file is gone becomes the words for that."""
        empty = [message for message in messages.values() if isinstance(message, OutboundMessage) and lacking(message)]
        if not empty:
            return
        found = await self.of({hash_ for message in empty for hash_ in lacking(message)})
        for message in empty:
            gone = next((one.name for one in message.attachments if one.blob not in found), "")
            messages[message.id] = f"template: {gone} is no longer kept" if gone else filled(message, found)


async def read_contents(connection: AsyncConnection, hashes: Iterable[str]) -> dict[str, bytes]:
    """The bytes of those of the files that are kept, by hash."""
    found = {}
    for hash_ in sorted(set(hashes)):  # one by one: each may be megabytes
        content = await connection.scalar(select(_BLOBS.c.content).where(_BLOBS.c.hash == hash_))
        if content is not None:
            found[hash_] = bytes(content)
    return found


def lacking(message: OutboundMessage) -> tuple[str, ...]:
    """The hashes of files whose bytes the message still needs."""
    if not message.attachments or message.to.channel in FETCHED:
        return ()
    return tuple(one.blob for one in message.attachments if one.blob and not one.content)


def filled(message: OutboundMessage, contents: Mapping[str, bytes]) -> OutboundMessage:
    """The message with the bytes of its files, as far as they are in ``contents``. Pure."""
    files = (replace(one, content=one.content or contents.get(one.blob, b"")) for one in message.attachments)
    return replace(message, attachments=tuple(files))


async def keep_contents(
    store: Store, contents: Mapping[str, bytes], media_types: Mapping[str, str], now: datetime
) -> None:
    """Keep these bytes under their hashes, each in a short transaction of its own; those that are there stay."""
    if not contents:
        return
    async with store.read() as connection:
        there = set(await connection.scalars(select(_BLOBS.c.hash).where(_BLOBS.c.hash.in_(list(contents)))))
    for hash_ in sorted(contents.keys() - there):
        content = contents[hash_]
        row = {"hash": hash_, "size": len(content), "media_type": media_types.get(hash_, ""), "content": content}
        async with store.write() as connection:
            await insert_missing(connection, _BLOBS, [{**row, "created_at": now}])

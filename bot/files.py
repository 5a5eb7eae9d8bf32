"""Files that customers sent and the provider still keeps: asked for by a command, fetched, kept under their hash.

What is fetched becomes the customer's (erased with them), and the message then names its hash. A file that the provider
refuses for good stays noted with why. Fetching has a command runner of its own: a slow provider holds up nothing else.
"""

import asyncio
import hashlib
from collections.abc import Mapping, Sequence
from typing import Any, Protocol, runtime_checkable

from sqlalchemy import select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from campaigns.running.commands import Finish, OpenCommand
from core.clock import Clock
from core.errors import PermanentFailure
from core.ids import new_id
from core.messages import Attachment
from core.text import clipped
from storage.outbox.columns import table
from storage.statements import insert_missing
from storage.store import Store
from storage.tables import Blob, BlobOwner, Command, Message

FETCH_FILES = "fetch_files"
SECONDS = 100.0
"""For all files of a message; a command is one worker's for two minutes."""
_MESSAGES, _BLOBS, _OWNERS, _COMMANDS = table(Message), table(Blob), table(BlobOwner), table(Command)


@runtime_checkable
class FetchesFiles(Protocol):
    """An adapter whose provider keeps what customers send until it is asked for.

    ``fetch`` raises PermanentFailure (gone, refused, too large) or TransientFailure (ask again).
    """

    async def fetch(self, attachment: Attachment) -> bytes: ...


async def ask_for_files(
    connection: AsyncConnection, message_id: str, attachments: Sequence[Attachment], at: Any
) -> None:
    """Have the files of a logged message fetched that are still the provider's; in the transaction that logged it."""
    if any(one.remote and not one.blob for one in attachments):
        row = {"id": new_id(), "kind": FETCH_FILES, "payload": {"message_id": message_id}, "created_at": at}
        await connection.execute(_COMMANDS.insert().values(**row, tries=0, error=""))


class FileFetcher:
    """Carries out ``fetch_files`` commands; ``adapters`` by account, those that cannot fetch are passed over."""

    def __init__(self, store: Store, clock: Clock, adapters: Mapping[str, object]) -> None:
        self._store = store
        self._clock = clock
        self._adapters = adapters

    async def __call__(self, command: OpenCommand, finish: Finish) -> None:
        message_id = str(command.payload["message_id"])
        async with self._store.read() as connection:
            row = (
                await connection.execute(
                    select(_MESSAGES.c.account, _MESSAGES.c.customer_id, _MESSAGES.c.content).where(
                        _MESSAGES.c.id == message_id
                    )
                )
            ).first()
        adapter = self._adapters.get(row.account) if row is not None else None
        fetched: dict[str, tuple[dict[str, Any], bytes]] = {}
        if row is not None and isinstance(adapter, FetchesFiles):
            async with asyncio.timeout(SECONDS):
                for noted in (row.content or {}).get("attachments", ()):
                    if noted.get("remote"):
                        fetched[noted["remote"]] = await fetched_file(adapter, noted)
        async with self._store.write() as connection:
            if row is not None and fetched:
                await self._keep(connection, message_id, row.customer_id, fetched)
            await finish(connection)

    async def _keep(
        self,
        connection: AsyncConnection,
        message_id: str,
        customer_id: str,
        fetched: Mapping[str, tuple[dict[str, Any], bytes]],
    ) -> None:
        # read again: they may have been erased meanwhile, and then nothing of theirs is kept
        content = await connection.scalar(
            select(_MESSAGES.c.content).where(_MESSAGES.c.id == message_id).with_for_update()
        )
        if not content or not content.get("attachments"):
            return
        now = self._clock.now()
        kept = [fetched.get(noted.get("remote", ""), (noted, b""))[0] for noted in content["attachments"]]
        for noted, data in fetched.values():
            if noted.get("blob"):
                await keep_file(connection, noted, data, customer_id, now)
        await connection.execute(
            update(_MESSAGES).where(_MESSAGES.c.id == message_id).values(content={**content, "attachments": kept})
        )


async def keep_file(
    connection: AsyncConnection, noted: Mapping[str, Any], data: bytes, customer_id: str, now: Any
) -> None:
    """Keep a fetched file's bytes as the customer's: erased with them."""
    blob = {"hash": noted["blob"], "size": len(data), "media_type": noted["media_type"]}
    await insert_missing(connection, _BLOBS, [{**blob, "content": data, "created_at": now}])
    owner = {"hash": noted["blob"], "owner": "customer", "owner_id": customer_id}
    await insert_missing(connection, _OWNERS, [owner])


async def fetched_file(adapter: FetchesFiles, noted: Mapping[str, Any]) -> tuple[dict[str, Any], bytes]:
    """What the message says of a file from now on, and its bytes; ``missing`` says why there are none."""
    attachment = Attachment(noted["name"], noted["media_type"], noted["size"], remote=noted["remote"])
    rest = {name: value for name, value in noted.items() if name != "remote"}
    try:
        data = await adapter.fetch(attachment)
    except PermanentFailure as error:
        return {**rest, "missing": clipped(error.detail, 200)}, b""
    return {**rest, "size": len(data), "blob": hashlib.sha256(data).hexdigest()}, data

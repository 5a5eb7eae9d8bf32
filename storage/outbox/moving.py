"""Recipients whose provider said, instead of taking the message, that they are reached elsewhere from now on."""

from collections.abc import Sequence
from datetime import datetime

from sqlalchemy import select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from core.addresses import hashed_key
from core.dispatching import Ended
from core.errors import PermanentKind
from storage.outbox.columns import table
from storage.tables import Identity, Message

_IDENTITIES, _OUTBOX = table(Identity), table(Message)


async def follow(connection: AsyncConnection, ended: Sequence[Ended], now: datetime) -> None:
    """Write down the new addresses, so that the next try goes there.

    Where somebody is known under it already the old address ends instead: it leads nowhere any more.
    """
    for end in ended:
        if not end.outcome.moved_to:
            continue
        of_message = select(_OUTBOX.c.identity_id).where(_OUTBOX.c.id == end.message_id).scalar_subquery()
        found = (await connection.execute(select(_IDENTITIES).where(_IDENTITIES.c.id == of_message))).first()
        if found is None or found.address == end.outcome.moved_to:
            continue
        key = hashed_key(found.channel, found.scope, end.outcome.moved_to)
        taken = await connection.scalar(select(_IDENTITIES.c.id).where(_IDENTITIES.c.key == key))
        moved = {"address": end.outcome.moved_to, "key": key}
        ends = {"reachable": False, "unreachable_reason": PermanentKind.BAD_ADDRESS.value, "unreachable_at": now}
        await connection.execute(
            update(_IDENTITIES).where(_IDENTITIES.c.id == found.id).values(moved if taken is None else ends)
        )

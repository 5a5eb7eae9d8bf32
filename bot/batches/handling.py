"""Handling: a batch of plain messages from what is known of them to what is written, in the caller's transaction."""

from collections.abc import Sequence
from datetime import datetime

from sqlalchemy.ext.asyncio import AsyncConnection

from bot.batches.deciding import decide
from bot.batches.facts import load_facts
from bot.batches.reaching import reach_people
from bot.batches.sorting import Sorted
from bot.batches.writing import write
from bot.conversing import converse
from bot.deliveries import Delivery


async def handle_plain(connection: AsyncConnection, batch: Sorted, now: datetime, *, talks: bool) -> Sequence[Delivery]:
    """Handle the plain messages of ``batch``; gives those that have to be handled one by one after it.

    ``talks``: there is somebody to answer them (:func:`bot.conversing.somebody_talks`).

    Raises:
        IntegrityError, TransactionLost: somebody was in the way; nothing of the transaction may stand.
    """
    if not batch.plain:
        return []
    decided = decide(batch.plain, await load_facts(connection, batch))
    await write(connection, decided, now)
    if talks:
        for turn in await reach_people(connection, decided.heard_of):
            await converse(connection, turn.inbound, turn.sender, turn.conversation_id, turn.message_id, turn.context)
    return [one.delivery for one in decided.left]

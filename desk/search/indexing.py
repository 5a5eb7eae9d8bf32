"""Reading what was said into the search's index, a moment after it was written.

Nobody who takes in or sends a message waits for the index: it reads by rising id what the store has, in groups. Rows of
another process may become visible a little after younger ones: looks overlap, and what stands in the index is left out.
What goes from the messages goes from the index by the same transaction (:mod:`storage.personal`).
"""

import asyncio
from datetime import timedelta
from typing import Any

import structlog
from sqlalchemy import ColumnElement, delete, exists, func, not_, or_, select
from sqlalchemy.ext.asyncio import AsyncConnection

from core.agents import WROTE
from core.clock import machine_now, uptime
from core.ids import id_floor
from desk.search.words import words
from storage.outbox.columns import table
from storage.statements import insert_into, insert_missing, lock_customers
from storage.store import Store
from storage.tables import Cursor, Message, SearchText

log = structlog.get_logger(__name__)

_MESSAGES, _TEXTS, _CURSORS = table(Message), table(SearchText), table(Cursor)
CURSOR = "search"
GROUP = 200
"""Messages of one transaction: some 20 ms."""
RESTS, LONGEST_REST = 9, 1.0
OVERLAP = timedelta(seconds=30)
"""Longer than any transaction that writes messages may last."""


class SearchIndex:
    """Keeps up with the messages. Several processes may: each message is read into the index once."""

    def __init__(self, store: Store) -> None:
        self._store = store

    async def keep_up(self) -> int:
        """:meth:`run_once`, then a rest: however much there is to read, others have nine tenths of the time."""
        began = uptime()
        done = await self.run_once()
        if done:
            await asyncio.sleep(min(LONGEST_REST, RESTS * (uptime() - began)))
        return done

    async def run_once(self) -> int:
        """Read the next group into the index; gives how many messages it had.

        Raises:
            StoreUnavailable: nothing counts as read; the next look finds it again.
        """
        async with self._store.read() as connection:
            last = await _last_read(connection)
            found = (await connection.execute(_unread(min(last, id_floor(machine_now() - OVERLAP))))).all()
        if not found:
            return 0
        async with self._store.write() as connection:
            # an erasure locks its customer: either it finds these rows here, or they are not there to be read
            await lock_customers(connection, [row.customer_id for row in found], shared=True)
            last = await _hold_place(connection)
            await _read_in(connection, [row.id for row in found])
            place = {"value": {"id": max(last, found[-1].id)}, "updated_at": machine_now()}
            await connection.execute(_CURSORS.update().where(_CURSORS.c.account == CURSOR).values(**place))
        return len(found)


async def rebuild(store: Store) -> int:
    """Empty the index and read everything again; gives how many messages it has now.

    Until that is done a search does not find what was not read yet.
    """
    gone = GROUP
    while gone == GROUP:
        async with store.write() as connection:
            some = select(_TEXTS.c.number).order_by(_TEXTS.c.number).limit(GROUP)
            gone = (await connection.execute(delete(_TEXTS).where(_TEXTS.c.number.in_(some)))).rowcount
            if gone < GROUP:
                await connection.execute(delete(_CURSORS).where(_CURSORS.c.account == CURSOR))
    index = SearchIndex(store)
    while await index.run_once():
        pass
    async with store.read() as connection:
        return await connection.scalar(select(func.count()).select_from(_TEXTS)) or 0


def _unread(floor: str) -> Any:
    """The next messages of people, the customer's and ours, that are not in the index."""
    there = exists(select(_TEXTS.c.number).where(_TEXTS.c.message_id == _MESSAGES.c.id))
    return (
        select(_MESSAGES.c.id, _MESSAGES.c.customer_id)
        .where(_MESSAGES.c.id > floor, _MESSAGES.c.conversation_id.is_not(None), _by_people(), not_(there))
        .order_by(_MESSAGES.c.id)
        .limit(GROUP)
    )


def _by_people() -> ColumnElement[bool]:
    return or_(_MESSAGES.c.direction == "in", _MESSAGES.c.client_token.startswith(WROTE, autoescape=True))


async def _last_read(connection: AsyncConnection) -> str:
    value = await connection.scalar(select(_CURSORS.c.value).where(_CURSORS.c.account == CURSOR))
    return str(value["id"]) if value else ""


async def _hold_place(connection: AsyncConnection) -> str:
    """How far it was read, held until the end of the transaction: one reader at a time gives numbers."""
    await insert_missing(connection, _CURSORS, [{"account": CURSOR, "value": {"id": ""}, "updated_at": machine_now()}])
    held = select(_CURSORS.c.value).where(_CURSORS.c.account == CURSOR).with_for_update()
    return str((await connection.execute(held)).scalar_one()["id"])


async def _read_in(connection: AsyncConnection, ids: list[str]) -> None:
    number = await connection.scalar(select(func.max(_TEXTS.c.number))) or 0
    said = select(_MESSAGES.c.id, _MESSAGES.c.subject, _MESSAGES.c.body, _MESSAGES.c.content)
    rows = await connection.execute(said.where(_MESSAGES.c.id.in_(ids), _by_people()).order_by(_MESSAGES.c.id))
    texts = [
        {"number": number + place, "message_id": row.id, "text": " ".join(words(said_in(row)))}
        for place, row in enumerate(rows, 1)
    ]
    if texts:
        missing = insert_into(connection, _TEXTS).on_conflict_do_nothing(index_elements=["message_id"])
        await connection.execute(missing, texts)


def said_in(row: Any) -> str:
    """What a message's row (``subject``, ``body``, ``content``) says, the customer's subject in front."""
    text = row.body or str((row.content or {}).get("text", ""))
    return f"{row.subject} {text}" if row.subject else text

"""Pollers: fetch what came, store it durably, then move the cursor. Long polling for Telegram, IMAP for mail."""

import asyncio
from collections.abc import MutableMapping, Sequence
from typing import Protocol

import structlog
from sqlalchemy import select

from channels.adapter import Polls
from core.clock import machine_now
from core.errors import OtklikError, StoreUnavailable
from core.messages import RawInbound
from core.wakeup import INBOUND, Wakeup
from storage.outbox.columns import table
from storage.statements import insert_into
from storage.store import Store
from storage.tables import Cursor

log = structlog.get_logger(__name__)
_CURSORS = table(Cursor)
FIRST_PAUSE, LONGEST_PAUSE = 1.0, 60.0


class Keeps(Protocol):
    """Where deliveries are durable when it returns."""

    async def store(self, inbound: Sequence[RawInbound]) -> None: ...


async def poll_for_ever(
    account: str,
    source: Polls,
    store: Store,
    intake: Keeps,
    wakeup: Wakeup,
    deaf: MutableMapping[str, str] | None = None,
) -> None:
    """Poll until cancelled. The cursor moves only after what was fetched is stored; repeats are dropped by key.

    ``deaf`` has, by account, why nothing can be fetched at present.
    """
    deaf = {} if deaf is None else deaf
    pause = FIRST_PAUSE
    cursor: dict[str, object] | None = None
    while True:
        try:
            if cursor is None:
                cursor = await read_cursor(store, account)
            fetched, following = await source.poll(cursor)
            if fetched:
                await intake.store(fetched)
                wakeup.notify(INBOUND)
            if following != cursor:
                await write_cursor(store, account, following)
                cursor = following
            pause = FIRST_PAUSE
            deaf.pop(account, None)
        except (OtklikError, StoreUnavailable) as error:
            log.warning("cannot fetch", account=account, error=str(error), again_in=pause)
            deaf[account] = str(error)
            cursor = None
            await asyncio.sleep(pause)
            pause = min(2 * pause, LONGEST_PAUSE)


async def read_cursor(store: Store, account: str) -> dict[str, object]:
    """How far ``account`` has been read; empty at the first time."""
    async with store.read() as connection:
        value = await connection.scalar(select(_CURSORS.c.value).where(_CURSORS.c.account == account))
    return dict(value or {})


async def write_cursor(store: Store, account: str, value: dict[str, object]) -> None:
    """Remember how far ``account`` has been read."""
    row = {"account": account, "value": value, "updated_at": machine_now()}
    async with store.write() as connection:
        statement = insert_into(connection, _CURSORS)
        await connection.execute(
            statement.on_conflict_do_update(
                index_elements=["account"], set_={"value": value, "updated_at": row["updated_at"]}
            ),
            row,
        )

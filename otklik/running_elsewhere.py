"""Whether Otklik works on a store this moment, as far as this machine can tell."""

import asyncio
import socket
from pathlib import Path

from sqlalchemy import inspect, select

from core.errors import Refused
from otklik.service import ALIVE, dead_marks
from storage.outbox.columns import table
from storage.store import Store
from storage.tables import Worker

_WORKERS = table(Worker)


async def refuse_while_running(store: Store) -> None:
    """Look for a worker of this machine whose journal is locked.

    Raises:
        Refused: if there is one.
    """
    async with store.read() as connection:
        if not await connection.run_sync(lambda sync: inspect(sync).has_table(_WORKERS.name)):
            return
        rows = (
            await connection.execute(
                select(_WORKERS.c.id, _WORKERS.c.journal).where(
                    _WORKERS.c.stopped_at.is_(None), _WORKERS.c.host == socket.gethostname()
                )
            )
        ).all()
    for row in rows:
        if await asyncio.to_thread(dead_marks, Path(row.journal), "") is ALIVE:
            raise Refused("Otklik is running on this store; stop it first (Ctrl-C, or SIGTERM to `otklik run`)")

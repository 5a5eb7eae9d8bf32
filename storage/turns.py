"""Turns at SQLite's one writer. Those who wait for each other share a commit: one write to the disk for all of them.

A block that others wait behind leaves the transaction open for them. Each block from the second on is a savepoint, so
that one which fails takes back its own work only. Nobody goes on before the common commit: what a block wrote is
durable when the block is left, as if it had been alone. A block that nobody waits behind is a plain transaction.
"""

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator, Coroutine, Sequence
from typing import Any

from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine, AsyncTransaction

from core.errors import TransactionLost
from storage.sqlite import Statement, in_one_visit

SHARED_SECONDS = 0.02
"""A transaction that is older than this takes in nobody else."""


class _Shared:
    """One transaction with the blocks in it that succeeded; ``done`` when it is committed or lost."""

    def __init__(self, connection: AsyncConnection, transaction: AsyncTransaction) -> None:
        self.connection = connection
        self.transaction = transaction
        self.began = time.monotonic()
        self.members = 0
        self.broken = False
        self.error: BaseException | None = None
        self.done = asyncio.Event()

    @property
    def is_old(self) -> bool:
        return time.monotonic() - self.began > SHARED_SECONDS


class Turns:
    """Gives blocks their turn, in the order in which they ask. One event loop only."""

    def __init__(self, engine: AsyncEngine) -> None:
        self._engine = engine
        self._turn = asyncio.Lock()
        self._waiting = 0
        self._shared: _Shared | None = None
        self._endings: set[asyncio.Task[None]] = set()

    @contextlib.asynccontextmanager
    async def block(self) -> AsyncIterator[AsyncConnection]:
        """A block that writes: durable when it is left, without effect if it raises.

        Raises:
            SQLAlchemyError: what the database says to this block, or to a commit that nobody shared.
            TransactionLost: if the transaction that it shared with others came to nothing.
        """
        await self._take_turn()
        ending: asyncio.Task[None] | None = None
        try:
            shared = self._shared
            if shared is None:
                shared = self._shared = await self._begin()
            savepoint: AsyncTransaction | None = None
            try:
                if shared.members:
                    savepoint = await shared.connection.begin_nested()
                yield shared.connection
                if savepoint is not None:
                    await savepoint.commit()
            except BaseException as error:
                await self._take_back(shared, savepoint, error)
                if shared.broken or shared.is_old or not self._waiting:
                    ending = self._end(shared)
                raise
            shared.members += 1
            if shared.is_old or not self._waiting:
                ending = self._end(shared)
        finally:
            if ending is None:
                self._turn.release()
            else:
                await asyncio.shield(ending)  # which gives the turn on
        await shared.done.wait()
        if shared.error is not None:
            if shared.members == 1 and not shared.broken:
                raise shared.error
            raise TransactionLost("the transaction shared with others was rolled back, to be tried again")

    async def at_once(self, statements: Sequence[Statement]) -> None:
        """A transaction of ``statements``, durable when this returns; in one visit where nobody else writes.

        Raises:
            SQLAlchemyError, TransactionLost: as of a block.
        """
        if self._turn.locked() or self._waiting or self._shared is not None:
            async with self.block() as connection:
                for sql, parameters in statements:
                    await connection.exec_driver_sql(sql, parameters)
            return
        await self._turn.acquire()
        await asyncio.shield(self._keep(self._visit(statements)))

    async def _visit(self, statements: Sequence[Statement]) -> None:
        try:
            await in_one_visit(self._engine, statements)
        finally:
            self._turn.release()

    async def _take_turn(self) -> None:
        self._waiting += 1
        try:
            await self._turn.acquire()
        except BaseException:
            self._waiting -= 1
            if not self._waiting and self._shared is not None and not self._turn.locked():
                self._keep(self._end_when_free(self._shared))  # those in it count on us to end it
            raise
        self._waiting -= 1

    async def _begin(self) -> _Shared:
        connection = await self._engine.connect()
        try:
            return _Shared(connection, await connection.begin())
        except BaseException:
            await connection.close()
            raise

    async def _take_back(self, shared: _Shared, savepoint: AsyncTransaction | None, error: BaseException) -> None:
        """Undo this block alone; where that cannot be done the whole transaction is lost."""
        shared.broken = True
        shared.error = error
        if savepoint is None:
            return  # nobody else is in it, or nobody could get in
        try:
            await savepoint.rollback()
        except (SQLAlchemyError, OSError):
            return
        if not shared.connection.invalidated:  # as it is when a statement was cancelled in its midst
            shared.broken, shared.error = False, None

    def _end(self, shared: _Shared) -> asyncio.Task[None]:
        """Commit, or roll back what is broken, whoever is cancelled meanwhile; then give the turn on."""
        return self._keep(self._finish(shared))

    def _keep(self, ending: Coroutine[Any, Any, None]) -> asyncio.Task[None]:
        task = asyncio.create_task(ending)
        self._endings.add(task)
        task.add_done_callback(self._endings.discard)
        return task

    async def _end_when_free(self, shared: _Shared) -> None:
        await self._turn.acquire()
        if self._shared is shared:
            await self._finish(shared)
        else:
            self._turn.release()

    async def _finish(self, shared: _Shared) -> None:
        try:
            if shared.broken:
                await shared.transaction.rollback()
            else:
                await shared.transaction.commit()
        except Exception as error:  # noqa: BLE001  told to everybody who is in it
            shared.error = shared.error or error
            with contextlib.suppress(Exception):
                await shared.connection.invalidate()  # whatever it was in the middle of, the next one begins afresh
        finally:
            try:
                await shared.connection.close()
            finally:
                self._shared = None
                self._turn.release()
                shared.done.set()

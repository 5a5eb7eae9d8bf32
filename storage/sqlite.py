"""SQLite's driver with one visit to its thread a statement.

SQLAlchemy's adapter visits aiosqlite's thread four times for a query: for a cursor, to execute, to fetch, to close.
Each visit costs two wake-ups, which is most of the time of a statement that touches one row. Here a statement is
executed and fetched, and its cursor closed, in one visit. Rows are always read whole, as the adapter reads them too.
A connection that is given back after its commit is not rolled back once more, and :func:`in_one_visit` runs a whole
transaction of statements that are known beforehand.
"""

import sqlite3
from collections import deque
from collections.abc import Callable, Sequence
from functools import partial
from typing import Any, NamedTuple

from sqlalchemy.dialects import registry
from sqlalchemy.dialects.sqlite.aiosqlite import (
    AsyncAdapt_aiosqlite_connection,
    AsyncAdapt_aiosqlite_cursor,
    AsyncAdapt_aiosqlite_dbapi,
    SQLiteDialect_aiosqlite,
)
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import AsyncEngine
from sqlalchemy.util.concurrency import await_, greenlet_spawn

DRIVER = "sqlite+onevisit"
DRIVER_HERE = "sqlite+here"
"""Without visits: statements run in the caller's own thread. See :class:`DialectHere`."""

Statement = tuple[str, Sequence[Any]]
"""SQL as the driver takes it, and what stands for its question marks."""


async def in_one_visit(engine: AsyncEngine, statements: Sequence[Statement]) -> None:
    """Run ``statements`` as one transaction on a connection of ``engine``. Rows that they give are dropped.

    The pool is asked for the driver's connection, not for SQLAlchemy's: that one takes longer to make and to close
    than the statements take.

    Raises:
        DBAPIError: what the database says; nothing was done.
    """
    borrowed = await greenlet_spawn(engine.sync_engine.raw_connection)
    try:
        driver: Any = borrowed.driver_connection
        # aiosqlite has no public call for a function of one's own
        await driver._execute(partial(_transaction, driver._conn, statements))  # noqa: SLF001
    except sqlite3.Error as error:
        raise DBAPIError.instance(statements[0][0], None, error, sqlite3.Error) from error
    finally:
        await greenlet_spawn(borrowed.close)


def _transaction(connection: sqlite3.Connection, statements: Sequence[Statement]) -> None:
    """In the driver's thread: begin, execute, commit. One statement is a transaction by itself.

    After each call of SQLite this thread has to get the interpreter back from the loop's, which is busy.
    """
    if len(statements) == 1:
        connection.execute(*statements[0]).close()
        return
    connection.execute("BEGIN IMMEDIATE")
    try:
        for sql, parameters in statements:
            connection.execute(sql, parameters).close()
        connection.execute("COMMIT")
    except BaseException:
        if connection.in_transaction:
            connection.execute("ROLLBACK")
        raise


class _Done(NamedTuple):
    """A finished statement, in the place of the adapter's cursor."""

    rows: list[Any]
    description: Any = None
    rowcount: int = -1
    lastrowid: int | None = None
    arraysize: int = 1


def _run(connection: sqlite3.Connection, sql: str, parameters: Any) -> _Done:
    """In the driver's thread: execute, fetch, close."""
    cursor = connection.execute(sql, parameters)
    return _finished(cursor, cursor.fetchall() if cursor.description else [])


def _run_many(connection: sqlite3.Connection, sql: str, parameters: Any) -> _Done:
    return _finished(connection.executemany(sql, parameters), [])


def _finished(cursor: sqlite3.Cursor, rows: list[Any]) -> _Done:
    done = _Done(rows, cursor.description, cursor.rowcount, cursor.lastrowid)
    cursor.close()
    return done


class _Cursor(AsyncAdapt_aiosqlite_cursor):
    """Holds the last statement's rows; nothing of it is open in the database."""

    __slots__ = ()

    def _make_new_cursor(self, connection: Any) -> Any:
        return _Done([])

    def _aenter_cursor(self, cursor: Any) -> Any:
        return cursor

    def execute(self, operation: Any, parameters: Any = None) -> None:
        self._visit(_run, operation, () if parameters is None else parameters)

    def executemany(self, operation: Any, seq_of_parameters: Any) -> None:
        self._visit(_run_many, operation, seq_of_parameters)

    def _visit(self, run: Callable[[sqlite3.Connection, str, Any], _Done], sql: str, parameters: Any) -> None:
        try:
            await_(self._run_in_thread(run, sql, parameters))
        except Exception as error:  # noqa: BLE001  translated by the adapter, which raises
            self._adapt_connection._handle_exception(error)  # noqa: SLF001  ours by inheritance

    async def _run_in_thread(self, run: Callable[..., _Done], sql: str, parameters: Any) -> None:
        driver: Any = self._connection
        async with self._adapt_connection._execute_mutex:  # noqa: SLF001  ours by inheritance
            # aiosqlite has no public call for a function of one's own
            done = await driver._execute(partial(run, driver._conn, sql, parameters))  # noqa: SLF001
        self._cursor = done
        self._rows = deque(done.rows)

    async def _async_soft_close(self) -> None:
        """Nothing is open."""

    def close(self) -> None:
        self._rows.clear()


class _Connection(AsyncAdapt_aiosqlite_connection):
    __slots__ = ()

    _cursor_cls = _Cursor

    def rollback(self) -> None:
        """Only where there is something to take back: the pool asks for it at every return."""
        driver: Any = self._connection
        if driver._conn.in_transaction:  # noqa: SLF001  as above
            super().rollback()


class _CursorHere(_Cursor):
    """Executes in the caller's thread."""

    __slots__ = ()

    async def _run_in_thread(self, run: Callable[..., _Done], sql: str, parameters: Any) -> None:
        driver: Any = self._connection
        done: Any = run(driver._conn, sql, parameters)  # noqa: SLF001  as above
        self._cursor = done
        self._rows = deque(done.rows)


class _ConnectionHere(_Connection):
    __slots__ = ()

    _cursor_cls = _CursorHere

    def commit(self) -> None:
        driver: Any = self._connection
        driver._conn.commit()  # noqa: SLF001  as above

    def rollback(self) -> None:
        driver: Any = self._connection
        driver._conn.rollback()  # noqa: SLF001  as above


class _Dbapi(AsyncAdapt_aiosqlite_dbapi):
    connection = _Connection

    def connect(self, *arg: Any, **kw: Any) -> AsyncAdapt_aiosqlite_connection:
        adapted = super().connect(*arg, **kw)
        return self.connection(self, adapted._connection)  # noqa: SLF001  the same connection under our adapter


class Dialect(SQLiteDialect_aiosqlite):
    """SQLAlchemy's own dialect with our cursor."""

    supports_statement_cache = True
    driver = "onevisit"

    @classmethod
    def import_dbapi(cls) -> AsyncAdapt_aiosqlite_dbapi:
        return _Dbapi(__import__("aiosqlite"), sqlite3)


class _DbapiHere(_Dbapi):
    connection = _ConnectionHere


class DialectHere(Dialect):
    """Blocks the loop while SQLite works: half the time of many small statements is the way to a thread and back.

    Only where there is nobody else on the loop, such as in a simulation.
    """

    supports_statement_cache = True
    driver = "here"

    @classmethod
    def import_dbapi(cls) -> AsyncAdapt_aiosqlite_dbapi:
        return _DbapiHere(__import__("aiosqlite"), sqlite3)


registry.register("sqlite.onevisit", __name__, "Dialect")
registry.register("sqlite.here", __name__, "DialectHere")

"""Many rows at once, by each database's fast road: prepared executemany on SQLite, COPY on PostgreSQL.

Values go past SQLAlchemy as the store keeps them: instants in microseconds, JSON as text. Everything runs inside the
transaction of the connection it was made from.
"""
# ruff: noqa: S608  table and column names are ours; every value is bound

import sqlite3
from collections.abc import Callable, Collection, Sequence
from functools import lru_cache, partial
from itertools import chain
from typing import Any, Protocol

import orjson
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from core.errors import TransactionLost

_IMPORT_LOCK = 0x6F74_696D  # "otim": imports into one PostgreSQL store go one chunk after the other
_STATEMENT_ROWS = (256, 64, 16, 4, 1)
"""Rows of one SQLite statement, few sizes so that they stay prepared; 256 rows of 18 columns take a seventh of the
parameters that SQLite has had since 3.32."""


class Bulk(Protocol):
    """Set-based access to one table at a time."""

    chunk_rows: tuple[int, int]
    """The smallest and the largest chunk worth one transaction."""
    chunk_seconds: float
    """How long one transaction may take."""

    async def select(
        self, table: str, columns: Sequence[str], key: str, values: Collection[str], *,
        also: tuple[str, str] | None = None, lock: bool = False,
    ) -> list[tuple[Any, ...]]:  # fmt: skip
        """Rows whose ``key`` is one of ``values``, and ``also`` (column, value); ``lock`` holds them, in id order."""
        ...

    async def insert(self, table: str, columns: Sequence[str], rows: Sequence[Sequence[Any]]) -> None:
        """Insert rows that are known not to be there."""
        ...

    async def update(self, table: str, columns: Sequence[str], rows: Sequence[Sequence[Any]], *, keys: int = 1) -> None:
        """Set ``columns`` where the first ``keys`` of them are equal."""
        ...


async def open_bulk(connection: AsyncConnection) -> Bulk:
    """The fast road of the database behind ``connection``."""
    if connection.dialect.name == "postgresql":
        # also makes SQLAlchemy begin, which it puts off until its own first statement
        await connection.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": _IMPORT_LOCK})
        return PostgresBulk((await connection.get_raw_connection()).driver_connection)
    return SqliteBulk((await connection.get_raw_connection()).driver_connection)


class SqliteBulk:
    """aiosqlite's own connection: one visit to its thread a call."""

    chunk_rows = (200, 4000)
    chunk_seconds = 0.03  # of the 50 ms that a transaction may take, because rows differ

    def __init__(self, driver: Any) -> None:
        self._driver = driver

    async def select(
        self, table: str, columns: Sequence[str], key: str, values: Collection[str], *,
        also: tuple[str, str] | None = None, lock: bool = False,
    ) -> list[tuple[Any, ...]]:  # fmt: skip
        if not values:
            return []
        found = await self._driver.execute_fetchall(
            f"SELECT {', '.join(columns)} FROM {table} WHERE {key} IN (SELECT value FROM json_each(?1))"
            + (f" AND {also[0]} = ?2" if also else ""),
            (orjson.dumps(list(values)).decode(), *(also[1:] if also else ())),
        )
        return [tuple(row) for row in found]

    async def insert(self, table: str, columns: Sequence[str], rows: Sequence[Sequence[Any]]) -> None:
        if rows:
            await self._visit(_insert_rows, table, tuple(columns), rows)

    async def update(self, table: str, columns: Sequence[str], rows: Sequence[Sequence[Any]], *, keys: int = 1) -> None:
        if rows:
            places = [f"{column} = ?{number}" for number, column in enumerate(columns, 1)]
            sql = f"UPDATE {table} SET {', '.join(places[keys:])} WHERE {' AND '.join(places[:keys])}"
            await self._visit(sqlite3.Connection.executemany, sql, rows)

    async def _visit(self, run: Callable[..., Any], *arguments: Any) -> None:
        # aiosqlite has no public call for a function of one's own
        await self._driver._execute(partial(run, self._driver._conn, *arguments))  # noqa: SLF001


def _insert_rows(
    connection: sqlite3.Connection, table: str, columns: tuple[str, ...], rows: Sequence[Sequence[Any]]
) -> None:
    """In the driver's thread: insert ``rows``, many a statement.

    Such a statement runs in one go without the interpreter, which meanwhile reads the next chunk; executemany asks for
    it back after every row.
    """
    start = 0
    for size in _STATEMENT_ROWS:
        sql = _insert(table, columns, size)
        while len(rows) - start >= size:
            connection.execute(sql, tuple(chain.from_iterable(rows[start : start + size])))
            start += size


class PostgresBulk:
    """asyncpg's own connection."""

    chunk_rows = (1000, 4000)
    chunk_seconds = 0.2

    def __init__(self, driver: Any) -> None:
        self._driver = driver

    async def select(
        self, table: str, columns: Sequence[str], key: str, values: Collection[str], *,
        also: tuple[str, str] | None = None, lock: bool = False,
    ) -> list[tuple[Any, ...]]:  # fmt: skip
        if not values:
            return []
        found = await self._driver.fetch(
            f"SELECT {', '.join(columns)} FROM {table} WHERE {key} = ANY($1::text[])"
            + (f" AND {also[0]} = $2" if also else "")
            + (" ORDER BY id FOR NO KEY UPDATE" if lock else ""),
            list(values),
            *(also[1:] if also else ()),
        )
        return [tuple(row) for row in found]

    async def insert(self, table: str, columns: Sequence[str], rows: Sequence[Sequence[Any]]) -> None:
        if rows:
            await self._driver.copy_records_to_table(table, records=rows, columns=list(columns))

    async def update(self, table: str, columns: Sequence[str], rows: Sequence[Sequence[Any]], *, keys: int = 1) -> None:
        if not rows:
            return
        names = ", ".join(columns)
        await self._driver.execute(
            f"CREATE TEMPORARY TABLE imported ON COMMIT DROP AS SELECT {names} FROM {table} WITH NO DATA"
        )
        await self._driver.copy_records_to_table("imported", records=rows, columns=list(columns))
        places = ", ".join(f"{column} = imported.{column}" for column in columns[keys:])
        same = " AND ".join(f"{table}.{column} = imported.{column}" for column in columns[:keys])
        await self._driver.execute(f"UPDATE {table} SET {places} FROM imported WHERE {same}")
        await self._driver.execute("DROP TABLE imported")


@lru_cache(maxsize=64)
def _insert(table: str, columns: tuple[str, ...], rows: int) -> str:
    places = ", ".join([f"({', '.join('?' * len(columns))})"] * rows)
    return f"INSERT INTO {table} ({', '.join(columns)}) VALUES {places}"


def is_conflict(error: BaseException) -> bool:
    """Whether the rows are there already, or somebody was in the way: the chunk should be tried once more."""
    if isinstance(error, sqlite3.IntegrityError | TransactionLost):
        return True
    state = getattr(error, "sqlstate", None) or ""
    return state.startswith("23") or state in ("40001", "40P01")

"""Many rows at once, by each database's fast road: prepared executemany on SQLite, COPY on PostgreSQL.

Values go past SQLAlchemy as the store keeps them: instants in microseconds, JSON as text. Everything runs inside the
transaction of the connection it was made from.
"""
# ruff: noqa: S608  table and column names are ours; every value is bound

import sqlite3
from collections.abc import Collection, Sequence
from functools import lru_cache
from itertools import chain
from typing import Any, Protocol

import orjson
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

_IMPORT_LOCK = 0x6F74_696D  # "otim": imports into one PostgreSQL store go one chunk after the other
_STATEMENT_ROWS = (256, 64, 16, 4)
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

    async def insert(self, table: str, columns: Sequence[str], rows: Sequence[tuple[Any, ...]]) -> None:
        """Insert rows that are known not to be there."""
        ...

    async def update(
        self, table: str, columns: Sequence[str], rows: Sequence[tuple[Any, ...]], *, keys: int = 1
    ) -> None:
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
    """aiosqlite's own connection: one hop to its thread a statement."""

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

    async def insert(self, table: str, columns: Sequence[str], rows: Sequence[tuple[Any, ...]]) -> None:
        # A statement of many rows runs in one go without the interpreter, which meanwhile reads the next chunk;
        # executemany asks for it back after every row.
        start = 0
        for size in _STATEMENT_ROWS:
            while len(rows) - start >= size:
                cells = tuple(chain.from_iterable(rows[start : start + size]))
                await self._driver.execute(_insert(table, tuple(columns), size), cells)
                start += size
        if start < len(rows):
            await self._many(_insert(table, tuple(columns)), rows[start:])

    async def update(
        self, table: str, columns: Sequence[str], rows: Sequence[tuple[Any, ...]], *, keys: int = 1
    ) -> None:
        if rows:
            places = [f"{column} = ?{number}" for number, column in enumerate(columns, 1)]
            await self._many(f"UPDATE {table} SET {', '.join(places[keys:])} WHERE {' AND '.join(places[:keys])}", rows)

    async def _many(self, sql: str, rows: Sequence[tuple[Any, ...]]) -> None:
        await self._driver.executemany(sql, rows)  # a finished INSERT or UPDATE holds nothing: no hop to close it


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

    async def insert(self, table: str, columns: Sequence[str], rows: Sequence[tuple[Any, ...]]) -> None:
        if rows:
            await self._driver.copy_records_to_table(table, records=rows, columns=list(columns))

    async def update(
        self, table: str, columns: Sequence[str], rows: Sequence[tuple[Any, ...]], *, keys: int = 1
    ) -> None:
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
def _insert(table: str, columns: tuple[str, ...], rows: int = 1) -> str:
    places = ", ".join([f"({', '.join('?' * len(columns))})"] * rows)
    return f"INSERT INTO {table} ({', '.join(columns)}) VALUES {places}"


def is_conflict(error: BaseException) -> bool:
    """Whether the rows are there already, or somebody wrote them meanwhile: the chunk should be tried once more."""
    if isinstance(error, sqlite3.IntegrityError):
        return True
    state = getattr(error, "sqlstate", None) or ""
    return state.startswith("23") or state in ("40001", "40P01")

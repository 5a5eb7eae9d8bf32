"""Writing a backup while everything runs: one consistent snapshot, read in pages, packed beside the reading.

SQLite gives a reader its snapshot by itself (WAL); PostgreSQL is asked for REPEATABLE READ. Nobody waits for a backup,
and it holds no more than some megabytes in memory. What is read are the tables that are there, not those
that this release knows: a store may be backed up before it is migrated.
"""
# ruff: noqa: S608  table and column names come from the schema itself; every value is bound

import asyncio
from collections.abc import AsyncGenerator, Callable, Sequence
from contextlib import aclosing
from datetime import datetime
from pathlib import Path
from typing import Any

from sqlalchemy import JSON, Boolean, Connection, LargeBinary, MetaData, Table, func, select, text
from sqlalchemy.ext.asyncio import AsyncConnection

from core.errors import Refused
from storage.backup.archive import ArchiveWriter, Kind, Manifest
from storage.migrate import current_revision
from storage.store import Store
from storage.tables.search import INDEX

OnProgress = Callable[[int, int], None]
"""Called with rows done and rows in all."""
PAGE, PAGE_OF_BYTES = 4000, 20
"""Rows at a time; of tables that hold mails and attachments, which may be megabytes, a few."""
VERSION_TABLE = "alembic_version"


async def snapshot(
    store: Store, path: Path, *, release: str, now: datetime, on_progress: OnProgress | None = None
) -> Manifest:
    """Write the whole store to ``path``; an interrupted backup leaves nothing there.

    Raises:
        Refused: if there is nothing to back up, or the file cannot be written.
        StoreUnavailable: if the database goes away.
    """
    # PostgreSQL's other connections may be told how long a transaction may last
    async with store.read() if store.dialect == "sqlite" else store.unhurried() as connection:
        await one_snapshot(connection)
        revision = await connection.run_sync(current_revision)
        if revision is None:
            raise Refused("the store is empty: there is nothing to back up")
        tables = await connection.run_sync(stored_tables)
        total = 0
        for table in tables:
            total += await connection.scalar(select(func.count()).select_from(table)) or 0
        done = 0
        with ArchiveWriter(path) as archive:
            for table in tables:
                writer = archive.table(table.name, [(column.name, kind_of(column.type)) for column in table.columns])
                async with aclosing(pages(connection, table)) as found:
                    packing: asyncio.Task[None] | None = None
                    try:
                        async for rows in found:
                            if packing is not None:
                                await packing
                            packing = asyncio.create_task(asyncio.to_thread(writer.write, rows))
                            done += len(rows)
                            if on_progress is not None:
                                on_progress(done, total)
                    finally:
                        if packing is not None:  # a thread cannot be stopped; the file must not be closed under it
                            await asyncio.wait([packing])
                    if packing is not None:
                        packing.result()
                writer.close()
            return await asyncio.to_thread(
                lambda: archive.finish(
                    revision=revision,
                    release=release,
                    dialect=store.dialect,
                    created_at=now.isoformat(timespec="seconds"),
                )
            )


async def one_snapshot(connection: AsyncConnection) -> None:
    """Let every statement of this transaction see the same moment; call it first."""
    if connection.dialect.name == "postgresql":
        await connection.execute(text("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY"))


def stored_tables(connection: Connection) -> list[Table]:
    """The tables that are there, each after those that it refers to; the migrations' own is left out.

    So are those of SQLite's full-text index, which keeps itself.
    """
    metadata = MetaData()
    metadata.reflect(connection, only=lambda name, _: not name.startswith(INDEX))
    return [table for table in metadata.sorted_tables if table.name != VERSION_TABLE]


def kind_of(type_: Any) -> Kind:
    """How values of a column type stand in an archive."""
    if isinstance(type_, Boolean):
        return "boolean"
    return "bytes" if isinstance(type_, LargeBinary) else "plain"


async def pages(connection: AsyncConnection, table: Table) -> AsyncGenerator[Sequence[Sequence[Any]]]:
    """All rows, a few thousand at a time, past SQLAlchemy: values as the database keeps them."""
    driver: Any = (await connection.get_raw_connection()).driver_connection
    names = ", ".join(f'"{column.name}"' for column in table.columns)
    page = PAGE_OF_BYTES if any(kind_of(column.type) == "bytes" for column in table.columns) else PAGE
    if connection.dialect.name == "postgresql":
        texts = ", ".join(
            f'"{column.name}"::text' if isinstance(column.type, JSON) else f'"{column.name}"'
            for column in table.columns
        )
        cursor = await driver.cursor(f'SELECT {texts} FROM "{table.name}"')
        while rows := await cursor.fetch(page):
            yield rows
        return
    keys = [column.name for column in table.primary_key.columns]
    places = [list(table.columns.keys()).index(key) for key in keys]
    order = ", ".join(f'"{key}"' for key in keys)
    after = ""
    values: tuple[Any, ...] = ()
    while True:
        found = await driver.execute_fetchall(
            f'SELECT {names} FROM "{table.name}" {after} ORDER BY {order} LIMIT {page}', values
        )
        rows = [tuple(row) for row in found]
        if rows:
            yield rows
        if len(rows) < page:
            return
        values = tuple(rows[-1][place] for place in places)
        after = f"WHERE ({order}) > ({', '.join('?' * len(keys))})"

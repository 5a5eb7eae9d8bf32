"""The store of a simulation: thrown away afterwards, in memory where the system has a folder there.

It is empty, or a copy of a real store, which is only read: of SQLite by its own backup, of PostgreSQL row by row.
"""

import asyncio
import os
import shutil
import sqlite3
import tempfile
from collections.abc import AsyncIterator
from contextlib import aclosing, asynccontextmanager, closing
from pathlib import Path

from sqlalchemy.engine import make_url

from core.errors import StoreUnavailable
from storage import migrate
from storage.backup.snapshots import one_snapshot, pages, stored_tables
from storage.store import Store

MEMORY = Path("/dev/shm")  # noqa: S108  ours alone: a folder of a random name, for its owner only
_LEFT_OUT = frozenset({"workers", "inbound", "api_keys", "idempotency_keys", "audit", "attempts", "blobs",
                        "search_texts"})  # fmt: skip
"""Tables that no campaign looks at."""


@asynccontextmanager
async def scratch_store(template: Path | None = None) -> AsyncIterator[Store]:
    """A migrated SQLite store that is gone at the end; ``template`` is the file of one to begin with."""
    with tempfile.TemporaryDirectory(prefix="otklik-simulation-", dir=_folder(), ignore_cleanup_errors=True) as folder:
        file = Path(folder) / "store.sqlite3"
        if template is not None:
            await asyncio.to_thread(shutil.copyfile, template, file)
        async with await Store.open(f"sqlite:///{file}", throw_away=True) as store:
            if template is None:
                await migrate.upgrade(store)
            yield store


@asynccontextmanager
async def template_file() -> AsyncIterator[Path]:
    """The file of an empty, migrated store: copying it is a hundred times faster than migrating each time."""
    with tempfile.TemporaryDirectory(prefix="otklik-simulation-", dir=_folder(), ignore_cleanup_errors=True) as folder:
        file = Path(folder) / "template.sqlite3"
        async with await Store.open(f"sqlite:///{file}", throw_away=True) as store:
            await migrate.upgrade(store)
        yield file


@asynccontextmanager
async def copy_of(source: Store, url: str) -> AsyncIterator[Store]:
    """A scratch store with everything that ``source`` (opened from ``url``, migrated) holds now."""
    if source.dialect == "sqlite":
        file = Path(make_url(url).database or "")
        with tempfile.TemporaryDirectory(
            prefix="otklik-simulation-", dir=_folder(), ignore_cleanup_errors=True
        ) as folder:
            target = Path(folder) / "store.sqlite3"
            await asyncio.to_thread(_back_up, file, target)
            async with await Store.open(f"sqlite:///{target}", throw_away=True) as store:
                await migrate.upgrade(store)
                yield store
        return
    async with scratch_store() as store:
        await _copy_rows(source, store)
        yield store


def _folder() -> str | None:
    return str(MEMORY) if MEMORY.is_dir() and os.access(MEMORY, os.W_OK) else None


def _back_up(source: Path, target: Path) -> None:
    if not source.is_file():
        raise StoreUnavailable(f"{source} is not there: nothing to take a snapshot of")
    uri = f"{source.absolute().as_uri()}?mode=ro"
    with closing(sqlite3.connect(uri, uri=True)) as read, closing(sqlite3.connect(target)) as written:
        read.backup(written)


async def _copy_rows(source: Store, target: Store) -> None:
    async with source.unhurried() as reading:
        await one_snapshot(reading)
        tables = [table for table in await reading.run_sync(stored_tables) if table.name not in _LEFT_OUT]
        for table in tables:
            names = ", ".join(f'"{column.name}"' for column in table.columns)
            marks = ", ".join("?" * len(table.columns))
            statement = f'INSERT INTO "{table.name}" ({names}) VALUES ({marks})'  # noqa: S608  names of the schema
            async with aclosing(pages(reading, table)) as found:
                async for rows in found:
                    async with target.write() as writing:
                        await writing.exec_driver_sql("PRAGMA defer_foreign_keys = ON")
                        await writing.exec_driver_sql(statement, [tuple(row) for row in rows])

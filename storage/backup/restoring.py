"""The way back: a backup into an empty store of either database, whole or not at all.

The schema is brought to the backup's revision, filled, counted and then migrated to the present, all in one
transaction. Nobody else may use the store meanwhile.
"""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import TypeVar

from sqlalchemy import func, select, text
from sqlalchemy.ext.asyncio import AsyncConnection

from core.errors import ConfigurationError, Refused
from storage import migrate
from storage.backup.archive import ArchiveReader, DamagedBackup
from storage.backup.snapshots import OnProgress, stored_tables
from storage.imports.bulk import open_bulk
from storage.store import Store

T = TypeVar("T")
ROWS = 4000


class NotEmpty(Refused):
    """The store holds something that a restore would take away."""


@dataclass(frozen=True, slots=True)
class Restored:
    """``replaced`` says how many rows had been there; ``upgraded`` whether the backup's schema was an older one."""

    rows: int
    replaced: int
    upgraded: bool


async def restore(
    store: Store,
    archive: ArchiveReader,
    *,
    replace: bool,
    before: Callable[[AsyncConnection], Awaitable[T]],
    settle: Callable[[AsyncConnection, T | None], Awaitable[None]],
    on_progress: OnProgress | None = None,
) -> Restored:
    """Fill the store from ``archive``.

    ``before`` sees the store as it was, if it holds anything, and may keep what must not be lost; ``settle`` gets that,
    and works on the restored rows in the same transaction.

    Raises:
        NotEmpty: without ``replace``, if the store holds rows.
        ConfigurationError: if the store or the backup has a newer schema than this release.
        DamagedBackup: if the file is not what was written; the store is as before.
    """
    manifest = archive.manifest
    if manifest.revision not in migrate.revisions():
        raise ConfigurationError(
            f"{archive.path}: its schema {manifest.revision} is newer than this release knows; "
            f"install Otklik {manifest.release} or newer"
        )
    await asyncio.to_thread(archive.verify)
    async with store.unhurried() as connection:
        held, kept = await _empty(connection, replace=replace, before=before)
        await connection.run_sync(migrate.upgrade_on, manifest.revision)
        if connection.dialect.name == "sqlite":
            await connection.execute(text("PRAGMA defer_foreign_keys = ON"))
        await _fill(connection, archive, on_progress)
        await connection.run_sync(migrate.upgrade_on, "head")
        await settle(connection, kept)
    return Restored(manifest.rows, held, manifest.revision != migrate.HEAD)


async def _empty(
    connection: AsyncConnection, *, replace: bool, before: Callable[[AsyncConnection], Awaitable[T]]
) -> tuple[int, T | None]:
    """Take away what is there: (how many rows, what ``before`` kept of them)."""
    revision = await connection.run_sync(migrate.current_revision)
    if revision is None:
        return 0, None
    if revision not in migrate.revisions():
        raise ConfigurationError(
            f"the store has schema {revision}, which is newer than this release; it stays as it is"
        )
    held = 0
    for table in await connection.run_sync(stored_tables):
        held += await connection.scalar(select(func.count()).select_from(table)) or 0
    if held and not replace:
        raise NotEmpty(f"the store holds {held:,} rows already; --replace takes them away and restores the backup")
    kept = None
    if held:
        await connection.run_sync(migrate.upgrade_on, "head")  # so that ``before`` may ask as this release does
        kept = await before(connection)
    await connection.run_sync(migrate.downgrade_on, "base")
    return held, kept


async def _fill(connection: AsyncConnection, archive: ArchiveReader, on_progress: OnProgress | None) -> None:
    tables = {table.name: table for table in await connection.run_sync(stored_tables)}
    bulk = await open_bulk(connection)
    done = 0
    for part in archive.manifest.tables:
        columns = [name for name, _ in part.columns]
        if part.name not in tables or not set(columns) <= set(tables[part.name].columns.keys()):
            raise DamagedBackup(f"{archive.path}: table {part.name} is not as its schema says; use another backup")
        rows = archive.rows(part, ROWS)
        while batch := await asyncio.to_thread(next, rows, None):
            await bulk.insert(part.name, columns, batch)
            done += len(batch)
            if on_progress is not None:
                on_progress(done, archive.manifest.rows)
        there = await connection.scalar(select(func.count()).select_from(tables[part.name]))
        if there != part.rows:
            raise DamagedBackup(f"{archive.path}: table {part.name} gave {there} rows of {part.rows}")

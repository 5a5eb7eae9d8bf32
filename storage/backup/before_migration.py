"""A backup that nobody has to think of: made before a start migrates the store.

SQLite's is a copy of the file beside it (SQLite's own online copy: consistent while others write); to go back, put it
in the store's place. PostgreSQL's is a backup for ``otklik restore``.
"""

import asyncio
import sqlite3
from contextlib import closing, suppress
from datetime import datetime
from pathlib import Path

import structlog
from sqlalchemy.engine import make_url

from core.errors import StoreUnavailable
from storage import migrate
from storage.backup.snapshots import snapshot
from storage.store import Store

log = structlog.get_logger(__name__)


async def back_up_before_migration(
    store: Store, url: str, folder: Path, *, release: str, now: datetime, keep: int
) -> Path | None:
    """Keep the store as it is, if an upgrade is ahead and it holds anything; the newest ``keep`` backups stay.

    ``folder`` is where PostgreSQL's go; SQLite's lie beside the file.

    Raises:
        StoreUnavailable: if there is no room for it, or it cannot be written; nothing was migrated then.
    """
    async with store.read() as connection:
        revision = await connection.run_sync(migrate.current_revision)
    if revision is None or revision == migrate.HEAD or revision not in migrate.revisions():
        return None
    stamp = f"before-{migrate.HEAD}-{now:%Y%m%dT%H%M%S}"
    database = make_url(url).database or ""
    try:
        if store.dialect == "sqlite":
            if database in ("", ":memory:"):
                return None
            path = Path(f"{database}.{stamp}.backup")
            await asyncio.to_thread(_copy, Path(database), path)
        else:
            await asyncio.to_thread(folder.mkdir, parents=True, exist_ok=True)
            path = folder / f"{stamp}.zip"
            await snapshot(store, path, release=release, now=now)
    except (OSError, sqlite3.Error) as error:
        raise StoreUnavailable(
            f"the backup before the migration cannot be written: {error}; make room, "
            "or set OTKLIK_BACKUP_BEFORE_MIGRATION=false"
        ) from None
    log.info("backed up before a migration", path=str(path), revision=revision, to=migrate.HEAD)
    pattern = f"{Path(database).name}.before-*.backup" if store.dialect == "sqlite" else "before-*.zip"
    _forget_old(path.parent, pattern, keep)
    return path


def _copy(source: Path, target: Path) -> None:
    part = target.with_name(f"{target.name}.part")
    part.unlink(missing_ok=True)
    part.touch(mode=0o600)
    try:
        with closing(sqlite3.connect(source)) as old, closing(sqlite3.connect(part)) as new:
            old.backup(new)
        part.replace(target)
    finally:
        part.unlink(missing_ok=True)


def _forget_old(folder: Path, pattern: str, keep: int) -> None:
    found = sorted(folder.glob(pattern), key=lambda path: path.name.rpartition("-")[2])
    for path in found[: max(0, len(found) - keep)]:
        with suppress(OSError):
            path.unlink()

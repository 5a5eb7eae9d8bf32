"""Databases to throw away: one migrated for each run of tests, copied for each test.

All revisions take the third of a second on either kind, a copy a fiftieth; there are more than a thousand tests with a
store. What those tests ask is not about a machine that loses its power, so neither kind waits for the disk.
"""

import asyncio
from collections.abc import Callable, Coroutine, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import Any
from uuid import uuid4

import pytest
from sqlalchemy.engine import make_url
from sqlalchemy.util import LRUCache

import storage.postgresql
import storage.store
from storage import migrate
from storage.store import Store

CONNECT_SECONDS = 60
"""A service that cannot connect for five seconds tells and tries again; a test on a machine that stalls is lost."""


def at_once(work: Callable[[], Coroutine[Any, Any, None]]) -> None:
    """Do ``work`` on a loop of its own, also where a loop runs already."""
    with ThreadPoolExecutor(1) as pool:
        pool.submit(lambda: asyncio.run(work())).result()


def migrated(url: str) -> str:
    """Bring the database of ``url`` to the newest revision."""

    async def work() -> None:
        async with await open_unsynced(url, pool_size=1) as store:
            await migrate.upgrade(store)

    at_once(work)
    return url


async def open_unsynced(url: str, **how: Any) -> Store:
    """Open the store of ``url`` as :meth:`Store.open` does, but patiently, and SQLite's commits wait for no disk."""
    configure = storage.store._configure_sqlite
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(storage.postgresql, "CONNECT_SECONDS", CONNECT_SECONDS)
        patched.setattr(
            storage.store, "_configure_sqlite", lambda *given, **more: configure(*given, **more | {"sync": "OFF"})
        )
        store = await Store.open(url, **how)
    _keep_what_was_compiled(store)
    return store


_dialects: dict[type, Any] = {}
_compiled: Any = LRUCache(2000)


def _keep_what_was_compiled(store: Store) -> None:
    """Let the ``store`` use what stores before it compiled, as one that is open for long uses its own.

    To compile its statements is a third of what a small test costs. They are kept by the dialect that compiled them.
    """
    for engine in {store._writer.sync_engine, store._reader.sync_engine}:
        engine.dialect = _dialects.setdefault(type(engine.dialect), engine.dialect)
        engine._compiled_cache = _compiled


class PostgresServer:
    """A PostgreSQL server that tests have databases of."""

    def __init__(self, url: str, *, ours: bool) -> None:
        """``ours``: nobody else has data on it."""
        self.url = url
        self._ours = ours
        self._template: str | None = None
        if ours:
            settings = ("fsync = off", "full_page_writes = off")
            self._run(*(f"ALTER SYSTEM SET {each}" for each in settings), "SELECT pg_reload_conf()")

    def named(self, database: str) -> str:
        """The URL of the ``database``, there or not."""
        return make_url(self.url).set(database=database).render_as_string(hide_password=False)

    @contextmanager
    def empty(self) -> Iterator[str]:
        """The URL of a database without tables, which ends with the block."""
        with self._database("") as url:
            yield url

    @contextmanager
    def migrated(self) -> Iterator[str]:
        """The URL of a database at the newest revision, which ends with the block."""
        if self._template is None:
            name = _new_name()
            self._run(f'CREATE DATABASE "{name}"')
            migrated(self.named(name))
            self._template = name
        # without syncs files are copied sooner than written to the log
        how = "STRATEGY file_copy" if self._ours else ""
        with self._database(f'TEMPLATE "{self._template}" {how}') as url:
            yield url

    def close(self) -> None:
        """Drop what the databases were copied from."""
        if self._template is not None:
            self._run(f'DROP DATABASE "{self._template}" WITH (FORCE)')

    @contextmanager
    def _database(self, options: str) -> Iterator[str]:
        name = _new_name()
        self._run(f'CREATE DATABASE "{name}" {options}')
        try:
            yield self.named(name)
        finally:
            self._run(f'DROP DATABASE "{name}" WITH (FORCE)')

    def _run(self, *statements: str) -> None:
        async def work() -> None:
            import asyncpg

            connection = await asyncpg.connect(make_url(self.url).set(drivername="postgresql").render_as_string(False))
            try:
                for statement in statements:
                    await connection.execute(statement)
            finally:
                await connection.close()

        at_once(work)


def _new_name() -> str:
    return f"otklik_{uuid4().hex[:12]}"

"""The store: one SQLite file or one PostgreSQL database, opened once, asked through short transactions.

Hot paths use SQLAlchemy Core on the connection that :meth:`Store.write` or :meth:`Store.read` gives; single rows may go
through a SQLModel session (:meth:`Store.session`). This is the only file that begins or commits a transaction.
"""

import json
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager, contextmanager
from pathlib import Path
from typing import Any, Literal, Self

import structlog
from sqlalchemy import event
from sqlalchemy.engine import make_url
from sqlalchemy.exc import ArgumentError, SQLAlchemyError
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine, create_async_engine
from sqlalchemy.pool import NullPool, StaticPool
from sqlmodel.ext.asyncio.session import AsyncSession

from core.errors import ConfigurationError, StoreUnavailable
from storage.failures import CANNOT_OPEN, in_our_words
from storage.postgresql import CONNECT_SECONDS, open_engine
from storage.sqlite import DRIVER, DRIVER_HERE, Statement
from storage.turns import Turns

log = structlog.get_logger(__name__)

Dialect = Literal["sqlite", "postgresql"]
_DRIVERS = {"sqlite": DRIVER, "postgresql": "postgresql+asyncpg", "postgres": "postgresql+asyncpg"}
BUSY_SECONDS = 15
"""How long SQLite waits for another process that writes."""
WRITER_CACHE_KIB, READER_CACHE_KIB = 32 * 1024, 8 * 1024
READERS = 8
"""Connections that read. They are kept: one that is opened for a moment costs as much as the statements it is for."""
MAPPED_BYTES = 32 * 1024 * 1024
"""SQLite's memory is per connection: each of the nine maps the file by itself and keeps a cache by itself."""


class Store:
    """An open store. Make it with :meth:`open`, give it back with :meth:`close`."""

    def __init__(self, dialect: Dialect, url: str, writer: AsyncEngine, reader: AsyncEngine) -> None:
        self.dialect = dialect
        self._url = url
        self._writer = writer
        self._reader = reader
        # SQLite has one writer; queueing here is fair and shares commits, queueing in SQLite is polling.
        self._turns = Turns(writer) if dialect == "sqlite" else None

    @classmethod
    async def open(cls, url: str, *, pool_size: int = 8, throw_away: bool = False) -> "Store":
        """Connect; ``url`` is ``sqlite:///path`` or ``postgresql://…``.

        An SQLite store to ``throw_away`` works in the caller's thread, for one task, and syncs nothing to the disk.

        Raises:
            ConfigurationError: if the URL is neither, or the database refuses its user, password or name.
            StoreUnavailable: if the database does not answer.
        """
        dialect, full = engine_url(url)
        if dialect == "sqlite":
            _require_folder(full)
            more: dict[str, Any] = {"json_serializer": _json}
            if throw_away:
                full = full.replace(DRIVER, DRIVER_HERE, 1)
                more["connect_args"] = {"check_same_thread": False}
            writer = create_async_engine(full, poolclass=StaticPool, **more)  # whose turn it is says who has it
            reader = create_async_engine(full, pool_size=READERS, max_overflow=0, **more)
            sync = "OFF" if throw_away else "FULL"
            _configure_sqlite(writer, begin="BEGIN IMMEDIATE", cache=WRITER_CACHE_KIB, sync=sync)
            _configure_sqlite(reader, begin="BEGIN", cache=READER_CACHE_KIB, sync=sync)
        else:
            writer = reader = open_engine(full, size=pool_size, json_serializer=_json)
        store = cls(dialect, full, writer, reader)
        try:
            async with store.read() as connection:
                await connection.exec_driver_sql("SELECT 1")
        except (StoreUnavailable, ConfigurationError):
            await store.close()
            raise
        return store

    async def close(self) -> None:
        """Give every connection back."""
        await self._writer.dispose()
        if self._reader is not self._writer:
            await self._reader.dispose()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *exc_info: object) -> None:
        await self.close()

    @asynccontextmanager
    async def write(self) -> AsyncIterator[AsyncConnection]:
        """One transaction that writes: committed at the end of the block, rolled back if it raises.

        Keep it under 50 ms: on SQLite everybody else waits.

        Raises:
            StoreUnavailable: if the database is away or stays locked.
            TransactionLost: if only this transaction was in the way of another, or took too long.
        """
        block = self._writer.begin() if self._turns is None else self._turns.block()
        async with self._transaction(block) as connection:
            yield connection

    async def write_at_once(self, statements: Sequence[Statement]) -> None:
        """One transaction of ready-made ``statements`` for the driver: the shortest way to something durable.

        Raises:
            StoreUnavailable, TransactionLost: as of :meth:`write`.
        """
        if self._turns is not None:
            with _in_our_words():
                await self._turns.at_once(statements)
            return
        async with self.write() as connection:
            for sql, parameters in statements:
                await connection.exec_driver_sql(sql, parameters)

    @asynccontextmanager
    async def read(self) -> AsyncIterator[AsyncConnection]:
        """One transaction that only reads, on one consistent snapshot."""
        async with self._transaction(self._reader.begin()) as connection:
            yield connection

    @asynccontextmanager
    async def session(self) -> AsyncIterator[AsyncSession]:
        """A SQLModel session over one writing transaction, for single rows."""
        async with self.write() as connection:
            session = AsyncSession(bind=connection, expire_on_commit=False)
            try:
                yield session
                await session.flush()
            finally:
                await session.close()

    @asynccontextmanager
    async def unhurried(self) -> AsyncIterator[AsyncConnection]:
        """One writing transaction that may take its time, such as a migration of large tables."""
        if self.dialect == "sqlite":
            async with self.write() as connection:
                yield connection
            return
        engine = create_async_engine(
            self._url, poolclass=NullPool, connect_args={"timeout": CONNECT_SECONDS}, json_serializer=_json
        )
        async with self._transaction(engine.begin()) as connection:
            yield connection

    @asynccontextmanager
    async def _transaction(self, begun: AbstractAsyncContextManager[AsyncConnection]) -> AsyncIterator[AsyncConnection]:
        with _in_our_words():
            async with begun as connection:
                yield connection


@contextmanager
def _in_our_words() -> Iterator[None]:
    try:
        yield
    except (SQLAlchemyError, OSError) as error:
        ours = in_our_words(error)
        if ours is None:
            raise
        raise ours from error


def _json(value: Any) -> str:
    # Keys stay as they are written: SQLite does not find an escaped key by its JSON path.
    return json.dumps(value, ensure_ascii=False)


def engine_url(url: str) -> tuple[Dialect, str]:
    """The dialect and SQLAlchemy URL of a setting.

    Raises:
        ConfigurationError: if it is neither SQLite nor PostgreSQL.
    """
    try:
        parsed = make_url(url)
    except (ArgumentError, ValueError):
        raise ConfigurationError(
            "OTKLIK_DATABASE_URL is not a database URL; write sqlite:///otklik.sqlite3 or postgresql://user@host/name"
        ) from None
    backend = parsed.get_backend_name()
    if backend not in _DRIVERS:
        raise ConfigurationError(
            f"OTKLIK_DATABASE_URL names {backend!r}; Otklik keeps its data in sqlite:///… or postgresql://…"
        )
    dialect: Dialect = "sqlite" if backend == "sqlite" else "postgresql"
    return dialect, parsed.set(drivername=_DRIVERS[backend]).render_as_string(hide_password=False)


def _require_folder(url: str) -> None:
    """Refuse a file in a folder that is not there, before a driver's thread is started for it."""
    database = make_url(url).database or ""
    if database not in ("", ":memory:") and not Path(database).absolute().parent.is_dir():
        raise StoreUnavailable(CANNOT_OPEN)


def _configure_sqlite(engine: AsyncEngine, *, begin: str, cache: int, sync: str) -> None:
    @event.listens_for(engine.sync_engine, "connect")
    def connect(connection: Any, _: Any) -> None:
        connection.isolation_level = None  # the driver must not begin by itself; "begin" below does
        cursor = connection.cursor()
        for pragma in (
            f"busy_timeout = {BUSY_SECONDS * 1000}",
            "journal_mode = WAL",
            f"synchronous = {sync}",
            "foreign_keys = ON",
            "temp_store = MEMORY",
            f"cache_size = -{cache}",
            f"mmap_size = {MAPPED_BYTES}",
        ):
            cursor.execute(f"PRAGMA {pragma}")
        cursor.close()

    @event.listens_for(engine.sync_engine, "begin")
    def begin_transaction(connection: Any) -> None:
        connection.exec_driver_sql(begin)

"""What is nobody's fault: lost transactions and a database that goes away, told apart from mistakes."""

import asyncio
from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest
from sqlalchemy import select, text, update
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.exc import TimeoutError as NoFreeConnection
from sqlalchemy.ext.asyncio import AsyncConnection

from core.errors import ConfigurationError, StoreUnavailable, TransactionLost
from storage.failures import in_our_words
from storage.outbox.columns import table
from storage.statements import lock_customers
from storage.store import Store
from storage.tables import Customer
from tests.conftest import NOW
from tests.databases import PostgresServer

PATIENCE = 60
_CUSTOMERS = table(Customer)


on_postgresql = pytest.mark.parametrize("store_url", ["postgresql"], indirect=True)


async def two_customers(store: Store) -> tuple[str, str]:
    one, other = Customer(created_at=NOW, updated_at=NOW), Customer(created_at=NOW, updated_at=NOW)
    async with store.session() as session:
        session.add_all([one, other])
    return one.id, other.id


async def deadlock(store: Store, first: str, second: str) -> list[object]:
    """Two transactions lock two customers crosswise; what became of each."""
    both_hold = asyncio.Barrier(2)

    async def cross(one: str, other: str) -> str:
        async with store.write() as connection:
            await connection.execute(update(_CUSTOMERS).where(_CUSTOMERS.c.id == one).values(city=one))
            await both_hold.wait()
            await connection.execute(update(_CUSTOMERS).where(_CUSTOMERS.c.id == other).values(city=one))
        return one

    async with asyncio.timeout(PATIENCE):
        return list(await asyncio.gather(cross(first, second), cross(second, first), return_exceptions=True))


@on_postgresql
async def test_one_of_a_deadlock_is_lost_and_the_other_written(store: Store) -> None:
    first, second = await two_customers(store)
    ended = await deadlock(store, first, second)
    (lost,) = [one for one in ended if not isinstance(one, str)]
    (won,) = [one for one in ended if isinstance(one, str)]
    assert isinstance(lost, TransactionLost), repr(lost)
    assert "deadlock detected" in str(lost)
    async with store.read() as connection:
        assert set(await connection.scalars(select(_CUSTOMERS.c.city))) == {won}


async def _serialization(store: Store) -> None:
    """The other transaction changes what this one has read."""
    first, _ = await two_customers(store)
    mine = update(_CUSTOMERS).where(_CUSTOMERS.c.id == first)
    async with store.write() as connection:
        await connection.execute(text("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ"))
        await connection.execute(select(_CUSTOMERS.c.id))
        async with store.write() as other:
            await other.execute(mine.values(city="theirs"))
        await connection.execute(mine.values(city="ours"))


async def _lock_timeout(store: Store) -> None:
    first, _ = await two_customers(store)
    async with store.write() as connection, store.write() as other:
        await lock_customers(connection, [first], shared=False)
        await other.execute(text("SET LOCAL lock_timeout = '20ms'"))
        await lock_customers(other, [first], shared=True)


async def _statement_timeout(store: Store) -> None:
    async with store.write() as connection:
        await connection.execute(text("SET LOCAL statement_timeout = '20ms'"))
        await connection.execute(text("SELECT pg_sleep(10)"))


@on_postgresql
@pytest.mark.parametrize("lose", [_serialization, _lock_timeout, _statement_timeout])
async def test_who_loses_may_try_again(store: Store, lose: Callable[[Store], Awaitable[None]]) -> None:
    with pytest.raises(TransactionLost):
        await lose(store)
    async with store.read() as connection:
        assert await connection.scalar(text("SELECT 1")) == 1


async def _ended(connection: AsyncConnection, store: Store) -> None:
    pid = await connection.scalar(text("SELECT pg_backend_pid()"))
    async with store.read() as other:
        await other.execute(text("SELECT pg_terminate_backend(:pid)"), {"pid": pid})


async def _idle_too_long(connection: AsyncConnection, store: Store) -> None:
    pid = await connection.scalar(text("SELECT pg_backend_pid()"))
    await connection.execute(text("SET idle_in_transaction_session_timeout = '20ms'"))
    gone = text("SELECT count(*) = 0 FROM pg_stat_activity WHERE pid = :pid")
    async with asyncio.timeout(PATIENCE), store.read() as other:
        while not await other.scalar(gone, {"pid": pid}):
            await asyncio.sleep(0.01)
            await other.execute(text("SELECT pg_stat_clear_snapshot()"))


@on_postgresql
@pytest.mark.parametrize("cut", [_ended, _idle_too_long])
async def test_a_cut_connection_is_a_store_that_is_away(
    store: Store, cut: Callable[[AsyncConnection, Store], Awaitable[None]]
) -> None:
    first, _ = await two_customers(store)
    change = update(_CUSTOMERS).where(_CUSTOMERS.c.id == first).values(city="lost")

    async def write() -> None:
        async with store.write() as connection:
            await connection.execute(change)
            await cut(connection, store)
            await connection.execute(change)

    with pytest.raises(StoreUnavailable):
        await write()
    async with store.read() as connection:
        assert await connection.scalar(select(_CUSTOMERS.c.city).where(_CUSTOMERS.c.id == first)) == ""


@on_postgresql
@pytest.mark.parametrize(("quiet", "survives"), [(0, True), (3600, False)])
async def test_a_connection_that_died_in_the_pool(
    store: Store, quiet: float, survives: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One that was quiet is asked first; one that was just used is found out by its user, and only by the first."""
    monkeypatch.setattr("storage.postgresql.QUIET_SECONDS", quiet)
    async with store.read() as connection:
        url = store._url
        pids = list(await connection.scalars(text("SELECT pg_backend_pid()")))
    async with await Store.open(url) as killer, killer.read() as connection:
        await connection.execute(text("SELECT pg_terminate_backend(:pid, 5000)"), {"pid": pids[0]})

    async def ask() -> None:
        async with store.read() as connection:
            await connection.execute(text("SELECT 1"))

    if not survives:
        with pytest.raises(StoreUnavailable):
            await ask()
    await ask()


def test_a_pool_that_is_used_up_is_a_store_that_is_away() -> None:
    assert isinstance(in_our_words(NoFreeConnection()), StoreUnavailable)


async def test_a_mistake_stays_a_mistake(store: Store) -> None:
    with pytest.raises(SQLAlchemyError):
        async with store.write() as connection:
            await connection.execute(
                _CUSTOMERS.insert(), [Customer(id="one", created_at=NOW, updated_at=NOW).model_dump()] * 2
            )


async def test_a_refused_name_is_a_wrong_setting(postgres_server: PostgresServer) -> None:
    with pytest.raises(ConfigurationError, match="otklik_nowhere"):
        await Store.open(postgres_server.named("otklik_nowhere"))


async def test_a_locked_sqlite_file_is_a_store_that_is_away(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("storage.store.BUSY_SECONDS", 0)
    url = f"sqlite:///{tmp_path}/x.sqlite3"
    async with await Store.open(url) as one, await Store.open(url) as other, one.write():
        with pytest.raises(StoreUnavailable, match="locked"):
            async with other.write():
                pass

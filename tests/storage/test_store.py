"""The store's promises: one transaction a block, both databases alike, migrations up and down."""

from pathlib import Path

import pytest
from sqlalchemy import func, select, text

from core.errors import ConfigurationError, StoreUnavailable
from storage import migrate
from storage.statements import lease_clock
from storage.store import Store
from storage.tables import Customer, metadata
from storage.tables.search import is_told
from tests.conftest import NOW


async def test_a_failed_block_writes_nothing(store: Store) -> None:
    async def fail() -> None:
        async with store.session() as session:
            session.add(Customer(created_at=NOW, updated_at=NOW))
            await session.flush()
            raise RuntimeError

    with pytest.raises(RuntimeError):
        await fail()
    async with store.read() as connection:
        assert await connection.scalar(select(func.count()).select_from(Customer)) == 0


async def test_instants_come_back_as_they_went(store: Store) -> None:
    customer = Customer(created_at=NOW, updated_at=NOW, first_name="Анна")
    async with store.session() as session:
        session.add(customer)
    async with store.session() as session:
        found = await session.get(Customer, customer.id)
    assert found is not None
    assert found.created_at == NOW
    assert found.draw == customer.draw


async def test_the_lease_clock_is_the_databases(store: Store) -> None:
    async with store.read() as connection:
        first = await connection.scalar(select(lease_clock()))
        second = await connection.scalar(select(lease_clock()))
    assert 1_700_000_000_000_000 < first <= second


async def test_migrations_go_down_and_up(store: Store) -> None:
    await migrate.downgrade(store, "base")
    async with store.read() as connection:
        assert await connection.run_sync(migrate.current_revision) is None
    assert await migrate.upgrade(store)
    assert not await migrate.upgrade(store)


async def test_migrations_make_the_tables_that_the_program_knows(store: Store) -> None:
    from alembic.autogenerate import compare_metadata
    from alembic.migration import MigrationContext

    options = {"compare_type": True, "include_name": is_told}
    async with store.read() as connection:
        difference = await connection.run_sync(
            lambda sync: compare_metadata(MigrationContext.configure(sync, opts=options), metadata)
        )
    assert difference == []


def test_head_is_the_newest_revision() -> None:
    newest = max(path.name.split("_")[0] for path in (migrate.FOLDER / "versions").glob("0*.py"))
    assert newest == migrate.HEAD


async def test_wrong_urls_are_told_in_words(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match="mysql"):
        await Store.open("mysql://localhost/x")
    with pytest.raises(StoreUnavailable, match="cannot be opened"):
        await Store.open(f"sqlite:///{tmp_path}/absent/x.sqlite3")


async def test_sqlite_is_durable(tmp_path: Path) -> None:
    async with await Store.open(f"sqlite:///{tmp_path}/x.sqlite3") as opened, opened.write() as connection:
        assert (await connection.scalar(text("PRAGMA journal_mode"))) == "wal"
        assert (await connection.scalar(text("PRAGMA synchronous"))) == 2

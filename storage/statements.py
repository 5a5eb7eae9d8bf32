"""Small SQL pieces that the two databases say differently."""

from collections.abc import Iterable, Sequence
from typing import Any, TypeVar

from sqlalchemy import BigInteger, Table, bindparam, select
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.ext.asyncio import AsyncConnection
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.sql.compiler import SQLCompiler
from sqlalchemy.sql.expression import FunctionElement

from storage.tables import Customer

T = TypeVar("T")
CHUNK = 500
"""Rows or parameters a statement: far under both databases' limits."""


class lease_clock(FunctionElement[int]):  # noqa: N801  a SQL function reads like one
    """The database's own clock in microseconds: the only time that leases are measured in."""

    type = BigInteger()
    inherit_cache = True


@compiles(lease_clock, "sqlite")
def _sqlite_clock(_: lease_clock, __: SQLCompiler, **___: Any) -> str:
    return "CAST((julianday('now') - 2440587.5) * 86400000000 AS INTEGER)"


@compiles(lease_clock, "postgresql")
def _postgresql_clock(_: lease_clock, __: SQLCompiler, **___: Any) -> str:
    return "CAST(extract(epoch FROM clock_timestamp()) * 1000000 AS BIGINT)"


def insert_into(connection: AsyncConnection, table: Table) -> Any:
    """An INSERT of the connection's dialect: it has ``on_conflict_do_nothing`` and ``on_conflict_do_update``."""
    return postgresql.insert(table) if connection.dialect.name == "postgresql" else sqlite.insert(table)


async def insert_missing(connection: AsyncConnection, table: Table, rows: Sequence[dict[str, Any]]) -> None:
    """Insert the rows whose key is not there yet; leave the others alone."""
    if rows:
        await connection.execute(insert_into(connection, table).on_conflict_do_nothing(), list(rows))


def chunks(items: Sequence[T], size: int = CHUNK) -> Iterable[Sequence[T]]:
    """``items`` in slices of at most ``size``."""
    return (items[start : start + size] for start in range(0, len(items), size))


async def lock_customers(connection: AsyncConnection, ids: Iterable[str], *, shared: bool) -> None:
    """Lock the customers' rows in id order: shared before a dispatch, exclusive for an answer, opt-out or takeover.

    On SQLite the one writer already has the whole store.
    """
    if connection.dialect.name != "postgresql":
        return
    customers = Customer.__table__  # type: ignore[attr-defined]
    wanted = sorted(set(ids))
    statement = (
        select(customers.c.id)
        .where(customers.c.id == bindparam("ids", wanted, type_=postgresql.ARRAY(customers.c.id.type)).any_())
        .order_by(customers.c.id)
        # NO KEY: an INSERT that refers to the customer takes KEY SHARE and must not wait for an answer
        .with_for_update(read=shared, key_share=not shared)
    )
    await connection.execute(statement)

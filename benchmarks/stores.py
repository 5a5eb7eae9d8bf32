"""Stores of the benchmarks: a workspace, customers who are enrolled and due, fresh copies for every round."""

import asyncio
import shutil
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

BRAND = "brand: {name: Lantern Books, postal_address: 14 Harbour Lane, url: https://lantern.example.com}\n"


def write_workspace(folder: Path, files: Mapping[str, str], rules: str = "") -> Path:
    """A workspace of ``files``, in a zone where it is about noon, so that no run meets the end of sending hours.

    ``rules`` are further lines of its ``otklik.yaml``.
    """
    offset = 12 - datetime.now(UTC).hour
    zone = f"Etc/GMT{-offset:+d}" if offset else "Etc/GMT"
    shop = folder / "shop"
    for name, text in {"otklik.yaml": f"{BRAND}zone: {zone}\nlocale: en\ncurrency: USD\n{rules}", **files}.items():
        (shop / name).parent.mkdir(parents=True, exist_ok=True)
        (shop / name).write_text(text)
    return shop


async def prepare(shop: Path, url: str, people: Iterable[str], scope: str = "") -> None:
    """A store with ``people``, lines of CSV under their header, all of them enrolled by the workspace and due now.

    ``scope`` is that of the Telegram addresses among them.
    """
    from campaigns.applying import apply
    from campaigns.starting.scheduler import Scheduler
    from campaigns.workspace.loader import load_workspace
    from core.actors import Actor
    from core.clock import SystemClock, machine_now
    from storage.imports import ConsentGrant, CustomerOptions, import_customers
    from storage.migrate import upgrade
    from storage.store import Store

    lines = list(people)
    file = shop.parent / "people.csv"
    file.write_text("\n".join(lines) + "\n")
    async with await Store.open(url) as store:
        await upgrade(store)
        grant = ConsentGrant("marketing", "a benchmark", "yes, write to me")
        await import_customers(store, file, CustomerOptions(consent=grant, telegram_scope=scope))
        now = machine_now() - timedelta(seconds=1)
        await apply(store, load_workspace(shop), Actor("operator", "benchmark"), now)
        entered = await Scheduler(store, SystemClock()).tick()
        assert entered == len(lines) - 1, f"{entered} entered"
        if store.dialect == "postgresql":
            async with store.write() as connection:
                await connection.exec_driver_sql("ANALYZE")


async def plan(url: str) -> None:
    """Plan every message of a prepared store; none leaves."""
    from campaigns.running.runner import Runner
    from core.clock import SystemClock
    from core.wakeup import LocalWakeup
    from storage.store import Store

    async with await Store.open(url) as store:
        runner = Runner(store, SystemClock(), LocalWakeup())
        while await runner.run_once():
            pass


async def check_counts(store: Any, counts: Mapping[str, int]) -> None:
    """Each statement counts that many."""
    from sqlalchemy import text

    async with store.read() as connection:
        for sql, wanted in counts.items():
            found = await connection.scalar(text(sql))
            assert found == wanted, f"{sql}: {found} instead of {wanted}"


class Stores:
    """A prepared store and one in which all is planned, and a fresh copy of either for every round."""

    def __init__(self, folder: Path, postgresql: str) -> None:
        self._folder = folder
        self._server = postgresql
        self.kind = "PostgreSQL" if postgresql else "SQLite"
        self.prepared = self._url("prepared")
        self.planned = self._url("planned")

    def _url(self, name: str) -> str:
        if not self._server:
            return f"sqlite:///{self._folder}/{name}.sqlite3"
        from sqlalchemy.engine import make_url

        return make_url(self._server).set(database=f"otklik_bench_{name}").render_as_string(hide_password=False)

    def make(self) -> None:
        if self._server:
            self._execute('DROP DATABASE IF EXISTS "otklik_bench_prepared"', 'CREATE DATABASE "otklik_bench_prepared"')

    def fresh(self, of: str = "prepared", name: str = "round") -> str:
        """The URL of a copy; the last one of that name is gone."""
        if self._server:
            self._execute(
                f'DROP DATABASE IF EXISTS "otklik_bench_{name}" WITH (FORCE)',
                f'CREATE DATABASE "otklik_bench_{name}" TEMPLATE "otklik_bench_{of}"',
            )
        else:
            for old in self._folder.glob(f"{name}.sqlite3*"):
                old.unlink()
            shutil.copy(self._folder / f"{of}.sqlite3", self._folder / f"{name}.sqlite3")
        return self._url(name)

    def drop(self) -> None:
        if self._server:
            names = ("round", "planned", "prepared")
            self._execute(*(f'DROP DATABASE IF EXISTS "otklik_bench_{name}" WITH (FORCE)' for name in names))

    def _execute(self, *statements: str) -> None:
        from sqlalchemy.ext.asyncio import create_async_engine
        from sqlalchemy.sql import text

        from storage.store import engine_url

        async def run() -> None:
            engine = create_async_engine(engine_url(self._server)[1], isolation_level="AUTOCOMMIT")
            async with engine.connect() as connection:
                for statement in statements:
                    await connection.execute(text(statement))
            await engine.dispose()

        asyncio.run(run())

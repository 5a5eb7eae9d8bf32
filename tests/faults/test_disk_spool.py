"""Deliveries while the database is away, and processes that die over them: what was acknowledged is stored once."""

import asyncio
import contextlib
import random
import signal
import sys
from collections import Counter
from collections.abc import Awaitable, Iterator, Sequence
from functools import partial
from itertools import islice
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import pytest
from sqlalchemy import select

from channels.twilio.signatures import sign
from core.clock import SystemClock
from core.errors import StoreUnavailable
from core.messages import RawInbound
from otklik.service import running_service
from otklik.settings import Configuration, Settings
from otklik.web import make_app
from storage.intake import Intake
from storage.outbox.columns import table
from storage.spool import DiskSpool
from storage.store import Store
from storage.tables import Inbound, Message
from tests.channels.asgi import call
from tests.faults.cable import cable
from tests.faults.polling import until
from tests.serving import ended

pytestmark = pytest.mark.fault
DELIVERIES, CALLERS, CUTS = 10_000, 100, 3
KILLS = 10
ROOM = 256 << 20
FOLDER_OF_THE_PROGRAM = Path(__file__).parents[2]
PATIENCE = 180
AUTH_TOKEN = "test-auth-token"


async def stored_keys(store: Store) -> Counter[str]:
    rows = table(Inbound)
    async with store.read() as connection:
        return Counter(await connection.scalars(select(rows.c.key)))


@pytest.mark.timeout(1800)
async def test_ten_thousand_deliveries_while_the_database_comes_and_goes(postgres_url: str, tmp_path: Path) -> None:
    acknowledged: list[str] = []
    numbers = iter(range(DELIVERIES))

    async def call(intake: Intake, keys: Iterator[int]) -> None:
        for key in map(str, keys):
            await intake.store([RawInbound("bot", "telegram", key, b"{}")] * 2, spooled=True)
            acknowledged.append(key)

    def calls(intake: Intake, count: int) -> Awaitable[list[None]]:
        keys = islice(numbers, count)
        return asyncio.gather(*(call(intake, keys) for _ in range(CALLERS)))

    spool = await DiskSpool.open(tmp_path / "spool", ROOM)
    each = DELIVERIES // (3 * CUTS)
    async with cable(postgres_url, tmp_path) as wire:
        store = await Store.open(wire.url)
        async with store, Intake(store, SystemClock(), spool=spool) as intake:
            for _ in range(CUTS):
                while_it_goes = calls(intake, 2 * each)
                so_far = len(acknowledged)
                await until(partial(_more_than, acknowledged, so_far + each // 2), "deliveries")
                await wire.cut()
                await while_it_goes
                assert intake.spooled
                await wire.mend()
                await calls(intake, each)  # while it comes back
                await until(lambda: not intake.spooled, "what is on disk to be stored")
            await calls(intake, DELIVERIES)
            await until(lambda: not intake.spooled, "what came in a long commit to be stored")
    assert len(acknowledged) == DELIVERIES
    async with await Store.open(postgres_url) as store:
        assert await stored_keys(store) == Counter(acknowledged)


def _more_than(acknowledged: Sequence[str], number: int) -> bool:
    return len(acknowledged) > number


async def test_an_sms_that_came_while_the_database_was_away_is_in_its_thread(postgres_url: str, tmp_path: Path) -> None:
    """Twilio calls once more at most, and then never again: the service itself must not lose it."""
    settings = Settings(data_dir=tmp_path / "data", secret="x" * 40, public_url="https://shop.example", port=0)
    sms = {"account_sid": "AC" + "0" * 32, "auth_token": AUTH_TOKEN, "sender": "+12025550100"}
    fields = {"MessageSid": "SM1", "From": "+12025550142", "To": sms["sender"], "Body": "Where is my book?"}
    signature = sign(AUTH_TOKEN, "https://shop.example/webhooks/sms", list(fields.items())).decode()
    headers = {"content-type": "application/x-www-form-urlencoded", "x-twilio-signature": signature}
    async with cable(postgres_url, tmp_path) as wire, await Store.open(wire.url) as store:
        async with running_service(Configuration(settings, {"sms": sms}), store) as service:
            app = make_app(service)
            running = asyncio.create_task(service.run())
            try:
                await wire.cut()
                answer = await call(app, "POST", "/webhooks/sms", urlencode(fields).encode(), headers)
                assert answer.status == 200
                health = await call(app, "GET", "/healthz")
                assert health.status == 503
                assert "kept on disk" in health.text
                await wire.mend()
                assert await until(partial(_bodies, store), "the customer's line") == ["Where is my book?"]
                await until(partial(_well, app), "the service to be well again")
            finally:
                await ended(running)


async def _well(app: Any) -> bool:
    return (await call(app, "GET", "/healthz")).status == 200


async def _bodies(store: Store) -> list[str]:
    rows = table(Message)
    try:
        async with store.read() as connection:
            return list(await connection.scalars(select(rows.c.body).where(rows.c.direction == "in")))
    except StoreUnavailable:
        return []


WRITES = """
import asyncio, sys
from pathlib import Path
from storage.spool import DiskSpool

async def write(folder, begin):
    spool = await DiskSpool.open(Path(folder), 1 << 30)
    for number in range(int(begin), 10**9):
        await spool.keep([[("bot", str(number), "telegram", b"x" * 5000, "{}", 1)]])
        print(number, flush=True)

asyncio.run(write(*sys.argv[1:]))
"""
STORES = """
import asyncio, sys
from pathlib import Path
from core.clock import SystemClock
from storage import intake
from storage.intake import Intake
from storage.spool import DiskSpool
from storage.store import Store

class Telling(DiskSpool):
    async def drop(self):
        print("stored", flush=True)
        await super().drop()
        print("dropped", flush=True)

async def store_again(folder, url):
    spool = await Telling.open(Path(folder), 1 << 30)
    async with await Store.open(url) as store, Intake(store, SystemClock(), spool=spool):
        while spool.waiting:
            await asyncio.sleep(0.1)

intake.TOGETHER = 0  # a file at a time

asyncio.run(store_again(*sys.argv[1:]))
"""


async def killed_after(lines: int, program: str, *arguments: str) -> list[str]:
    """What a process said of which the first ``lines`` were read before it was killed."""
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-c", program, *arguments, cwd=FOLDER_OF_THE_PROGRAM, stdout=asyncio.subprocess.PIPE
    )
    assert process.stdout is not None
    try:
        async with asyncio.timeout(PATIENCE):
            said = [await process.stdout.readline() for _ in range(lines)]
    finally:
        with contextlib.suppress(ProcessLookupError):
            process.send_signal(signal.SIGKILL)
    said += (await process.stdout.read()).splitlines(keepends=True)
    await process.wait()
    return [line.decode().strip() for line in said if line.endswith(b"\n")]


@pytest.mark.timeout(1800)
async def test_processes_that_die_while_they_write_and_while_they_store(sqlite_url: str, tmp_path: Path) -> None:
    chance = random.Random(20261201)
    folder = tmp_path / "spool"
    promised: list[str] = []
    for kill in range(KILLS):
        promised += await killed_after(chance.randrange(1, 40), WRITES, str(folder), str(kill * 1000))
    assert len(promised) >= KILLS
    told = [await killed_after(chance.randrange(1, 12), STORES, str(folder), sqlite_url) for _ in range(KILLS)]
    assert told[0]
    left = await DiskSpool.open(folder, ROOM)
    async with await Store.open(sqlite_url) as store:
        async with Intake(store, SystemClock(), spool=left) as intake:
            await until(lambda: not intake.spooled, "what is on disk to be stored")
        stored = await stored_keys(store)
    assert await left.aside() == 0
    assert set(promised) <= set(stored)
    assert set(stored.values()) == {1}

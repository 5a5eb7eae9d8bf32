"""Long polling over crashes: what Telegram gave is stored once, whenever the process dies."""

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import pytest
from sqlalchemy import select

from channels.telegram.adapter import TelegramAdapter, TelegramSettings
from core.clock import SystemClock
from core.errors import StoreUnavailable
from core.wakeup import LocalWakeup
from otklik import polling
from sandbox.telegram.bot import DEFAULT_TOKEN
from storage.intake import Intake
from storage.outbox.columns import table
from storage.store import Store
from storage.tables import Inbound
from tests.faults.polling import until
from tests.sandbox.scene import Running, running

_INBOUND = table(Inbound)


@pytest.fixture
async def sandbox() -> AsyncIterator[Running]:
    async with running() as started:
        yield started


async def stored(store: Store) -> list[str]:
    async with store.read() as connection:
        return list(await connection.scalars(select(_INBOUND.c.key).order_by(_INBOUND.c.key)))


async def _polled(store: Store, url: str, keys: int) -> None:
    """A process that polls until ``keys`` deliveries are stored and confirmed, and is killed then."""
    settings = TelegramSettings("telegram", DEFAULT_TOKEN, base_url=url, poll_seconds=1, timeout=60)
    adapter = TelegramAdapter(settings)
    await adapter.open()
    async with Intake(store, SystemClock()) as intake:
        task = asyncio.create_task(polling.poll_for_ever("telegram", adapter, store, intake, LocalWakeup()))
        try:

            async def kept() -> bool:
                cursor = await polling.read_cursor(store, "telegram")
                return len(await stored(store)) >= keys and "offset" in cursor

            await until(kept, f"{keys} deliveries and their cursor")
        finally:
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)
            await adapter.close()


@pytest.mark.parametrize("store_url", ["sqlite"], indirect=True)
async def test_a_cursor_that_was_lost_brings_repeats_and_they_are_dropped(
    store: Store, sandbox: Running, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(polling, "FIRST_PAUSE", 0.01)
    real, failed = polling.write_cursor, []

    async def dies_once(*arguments: Any) -> None:
        if not failed:
            failed.append(len(await stored(store)))
            raise StoreUnavailable("killed between the deliveries and the cursor")
        await real(*arguments)

    monkeypatch.setattr(polling, "write_cursor", dies_once)
    for text in ("one", "two"):
        await sandbox.do("anna", do="write", channel="telegram", text=text)
    await _polled(store, sandbox.url, 2)
    assert failed == [2], "they were stored before the cursor was to be moved"
    first = await stored(store)
    assert len(first) == 2, "and came again, and were dropped"

    await sandbox.do("anna", do="write", channel="telegram", text="three")  # while nobody polls
    await _polled(store, sandbox.url, 3)
    assert (await stored(store))[:2] == first
    assert len(await stored(store)) == 3

"""A provider that is silent or away holds its own channel, and no other one."""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from datetime import UTC, datetime
from pathlib import Path

import pytest
from sqlalchemy import func, select

from campaigns.applying import apply
from campaigns.starting.scheduler import Scheduler
from campaigns.workspace.loader import load_workspace
from core.actors import Actor
from core.clock import VirtualClock
from otklik.contract.servers import Http, closed_port, http_server
from otklik.service import running_service
from otklik.settings import Configuration, Settings
from storage.imports import ConsentGrant, CustomerOptions, import_customers
from storage.outbox.columns import table
from storage.store import Store
from storage.tables import Message

START = datetime(2026, 12, 1, 15, 0, tzinfo=UTC)
MESSAGES = table(Message)
EACH = 60
SESSIONS = 4
SOON = 90.0  # a busy machine is no failure
TAKEN = Http(body='{"ok":true,"result":{"message_id":7}}')
BOT = "100001:a-test-of-ours"
FILES = {
    "otklik.yaml": "brand: {name: Paper Boat, postal_address: 14 Harbour Lane}\nzone: UTC\nlocale: en\ncurrency: USD\n",
    "segments.yaml": "chats:\n  where: {field: city, in: [Riga]}\nphones:\n  where: {field: city, in: [Oslo]}\n",
    "campaigns/chat.yaml": (
        "campaign: chat\naudience: chats\nstart: now\nsteps:\n  - {send: telegram, template: hello, wait: 3d}\n"
    ),
    "campaigns/text.yaml": (
        "campaign: text\naudience: phones\nstart: now\nsteps:\n  - {send: sms, template: hello, wait: 3d}\n"
    ),
    "templates/hello/telegram.txt": "Still interested?\n",
    "templates/hello/sms.txt": "Still interested? STOP to end\n",
}


@asynccontextmanager
async def working(store: Store, folder: Path, bot: str, sms: str) -> AsyncIterator[None]:
    """A service at work with as many people for Telegram at ``bot`` as for SMS at ``sms``."""
    for name, text in FILES.items():
        path = folder / "shop" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    people = folder / "people.csv"
    chats = [f"c{n},{1000 + n},,Riga" for n in range(EACH)]
    phones = [f"p{n},,+120255501{n:02d},Oslo" for n in range(EACH)]
    people.write_text("\n".join(["id,telegram,phone,city", *chats, *phones]) + "\n")
    grant = ConsentGrant("marketing", "a test", "yes, write to me")
    await import_customers(store, people, CustomerOptions(consent=grant, telegram_scope="100001"))
    await apply(store, load_workspace(folder / "shop"), Actor("operator", "test"), START)
    await Scheduler(store, VirtualClock(START)).tick()
    settings = Settings(data_dir=folder, secret="x" * 40, clock="virtual", now=START, public_url="", port=0)
    telegram = {"token": BOT, "base_url": bot, "mode": "webhook", "webhook_secret": "s", "rate": "0", "chat_rate": "0"}
    twilio = {"account_sid": "AC" + "0" * 32, "auth_token": "a", "sender": "+12025550100", "base_url": sms, "rate": "0"}
    accounts = {"telegram": telegram, "sms": twilio | {"sessions": str(SESSIONS), "timeout": str(10 * SOON)}}
    async with running_service(Configuration(settings, accounts), store) as service:
        running = asyncio.create_task(service.run())
        try:
            yield
        finally:
            running.cancel()
            with suppress(asyncio.CancelledError):
                await running


async def states(store: Store) -> Counter[tuple[str, str]]:
    """How many messages of a channel are in a state."""
    async with store.read() as connection:
        columns = MESSAGES.c.channel, MESSAGES.c.state
        rows = (await connection.execute(select(*columns, func.count()).group_by(*columns))).all()
    return Counter({(channel, state.name): number for channel, state, number in rows})


class Silent:
    """A server that reads and never answers, until it is told to ``hang_up``; ``asked`` counts its callers."""

    def __init__(self) -> None:
        self.asked = 0
        self.hang_up = asyncio.Event()

    async def meet(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        self.asked += 1
        await self.hang_up.wait()
        writer.close()


async def until(holds: Callable[[], Awaitable[bool]]) -> None:
    async with asyncio.timeout(SOON):
        while True:
            if await holds():
                return
            await asyncio.sleep(0.05)


@pytest.mark.parametrize("fault", ["silent", "away"])
async def test_the_other_channel_sends_everything_meanwhile(store: Store, tmp_path: Path, fault: str) -> None:
    async def telegram_is_done() -> bool:
        return (await states(store))["telegram", "ACCEPTED"] == EACH

    async def every_session_waits() -> bool:
        return sms.asked == SESSIONS

    sms = Silent()
    async with http_server(TAKEN) as bot, await asyncio.start_server(sms.meet, "127.0.0.1", 0) as server:
        if fault == "away":
            server.close()
        port = server.sockets[0].getsockname()[1] if fault == "silent" else closed_port()
        async with working(store, tmp_path, bot.url, f"http://127.0.0.1:{port}"):
            await until(telegram_is_done)
            if fault == "silent":
                await until(every_session_waits)
            found = await states(store)
            assert not found["sms", "ACCEPTED"] + found["sms", "UNKNOWN"] + found["sms", "REJECTED"]
            sms.hang_up.set()  # a stop waits for those who are in a socket, for a while
        assert sum("/sendMessage" in asked.path for asked in bot.asked) == EACH

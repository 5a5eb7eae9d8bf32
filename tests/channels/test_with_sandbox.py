"""The messengers' adapters and webhooks against the sandbox in a process of its own: both sides' words must agree."""

import asyncio
import json
import os
import socket
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
import uvicorn
from aiohttp import ClientSession
from fastapi import FastAPI

from channels.adapter import Adapter, Polls, ReceivesWebhooks
from channels.registry import make
from channels.webhooks import webhook_router
from core.errors import ChannelFault, PermanentFailure, PermanentKind
from core.machines.message import MessageState
from core.messages import Address, Button, ChannelEvent, DeliveryReport, InboundMessage, OutboundMessage, RawInbound
from core.purposes import Purpose

SID = "AC0123456789abcdef0123456789abcdef"
PEOPLE = [
    {
        "key": "anna",
        "name": "Анна",
        "lang": "ru",
        "email": "anna@example.org",
        "phone": "+12025550111",
        "sms": True,
        "whatsapp": True,
        "read_after": 30,
        "telegram": {"user_id": 5001, "started": True, "blocked": False},
    },
    {
        "key": "boris",
        "name": "Boris",
        "lang": "en",
        "email": "boris@example.org",
        "phone": "+12025550112",
        "sms": True,
        "whatsapp": False,
        "telegram": {"user_id": 5002, "started": True, "blocked": True},
    },
]


@dataclass
class Kept:
    raws: list[RawInbound] = field(default_factory=list)

    async def store(self, inbound: list[RawInbound]) -> None:
        self.raws += inbound


@dataclass
class World:
    """The sandbox, our web server with its webhooks, and the open adapters."""

    http: ClientSession
    url: str
    adapters: dict[str, Adapter]
    kept: Kept

    async def control(self, path: str, body: Any) -> Any:
        async with self.http.post(f"{self.url}{path}", json=body) as answer:
            assert answer.status == 200, await answer.text()
            return await answer.json()

    async def advance(self, now: str) -> None:
        await self.control("/control/clock", {"now": now})

    async def ledger(self) -> list[dict[str, Any]]:
        async with self.http.get(f"{self.url}/control/ledger") as answer:
            return [json.loads(line) for line in (await answer.text()).splitlines()]

    def events(self, account: str) -> list[ChannelEvent]:
        adapter = self.adapters[account]
        assert isinstance(adapter, ReceivesWebhooks)
        return [event for raw in self.kept.raws if raw.account == account for event in adapter.parse(raw)]


@asynccontextmanager
async def sandbox() -> AsyncIterator[str]:
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        *("-m", "sandbox", "--virtual-now", "2026-12-01T12:00:00+00:00", "--parent-pid", str(os.getpid())),
        stdout=asyncio.subprocess.PIPE,
        cwd=Path(__file__).parents[2],
    )
    assert process.stdout is not None
    try:
        ready = json.loads(await asyncio.wait_for(process.stdout.readline(), 60))
        yield ready["http"]
    finally:
        process.terminate()
        await asyncio.wait_for(process.wait(), 60)


@asynccontextmanager
async def served(application: FastAPI, listener: socket.socket) -> AsyncIterator[None]:
    server = uvicorn.Server(uvicorn.Config(application, log_level="warning", lifespan="off"))
    task = asyncio.create_task(server.serve(sockets=[listener]))
    try:
        yield
    finally:
        server.should_exit = True
        await asyncio.wait_for(task, 60)


@pytest.fixture
async def world() -> AsyncIterator[World]:
    listener = socket.create_server(("127.0.0.1", 0))
    public = f"http://127.0.0.1:{listener.getsockname()[1]}"
    async with sandbox() as url, ClientSession() as http:
        twilio = {"account_sid": SID, "auth_token": "sandbox-token-of-twilio", "sender": "+12025550100"}
        twilio |= {"public_url": public, "base_url": url}
        adapters = {
            "sms": make("sms", "sms", twilio),
            "whatsapp": make("whatsapp", "whatsapp", twilio),
            "telegram": make(
                "telegram", "telegram", {"token": "100001:sandbox-token", "base_url": url, "poll_seconds": 1}
            ),
        }
        for adapter in adapters.values():
            await adapter.open()
        kept, application = Kept(), FastAPI()
        hooks = {name: adapter for name, adapter in adapters.items() if isinstance(adapter, ReceivesWebhooks)}
        application.include_router(webhook_router(hooks, kept, public_url=public))
        async with served(application, listener):
            world = World(http, url, adapters, kept)
            await world.control("/control/people", PEOPLE)
            await world.control("/control/twilio", {"inbound_url": f"{public}/webhooks/sms"})
            yield world
        for adapter in adapters.values():
            await adapter.close()


def to(channel: str, value: str, text: str = "Ещё интересно?", **more: Any) -> OutboundMessage:
    scope = "100001" if channel == "telegram" else ""
    return OutboundMessage("0" * 26, Address(channel, value, scope), Purpose.MARKETING, text, **more)


async def test_sms_and_its_receipts_and_answer(world: World) -> None:
    sms = world.adapters["sms"]
    receipt = await sms.send(to("sms", "+12025550111"))
    await world.advance("2026-12-01T12:10:00+00:00")
    states = [
        event.status
        for event in world.events("sms")
        if isinstance(event, DeliveryReport) and event.provider_id == receipt.provider_id
    ]
    assert states == [MessageState.ACCEPTED, MessageState.DELIVERED]
    await world.control("/api/people/anna/do", {"do": "write", "channel": "sms", "text": "Да, интересно"})
    await world.advance("2026-12-01T12:11:00+00:00")
    (answer,) = [event for event in world.events("sms") if isinstance(event, InboundMessage)]
    assert (answer.sender, answer.text) == (Address("sms", "+12025550111"), "Да, интересно")
    await world.control("/api/people/anna/do", {"do": "stop", "channel": "sms"})
    await world.advance("2026-12-01T12:12:00+00:00")
    with pytest.raises(PermanentFailure) as caught:
        await sms.send(to("sms", "+12025550111"))
    assert caught.value.kind is PermanentKind.OPTED_OUT
    (entry,) = [entry for entry in await world.ledger() if entry["accepted"]]
    assert (entry["channel"], entry["provider_id"]) == ("sms", receipt.provider_id)


async def test_whatsapp_free_text_outside_the_window_fails_later_for_that_reason(world: World) -> None:
    receipt = await world.adapters["whatsapp"].send(to("whatsapp", "+12025550111"))
    await world.advance("2026-12-01T12:10:00+00:00")
    reports = [event for event in world.events("whatsapp") if isinstance(event, DeliveryReport)]
    failed = [event for event in reports if event.status is MessageState.FAILED]
    assert [(event.provider_id, event.failure) for event in failed] == [(receipt.provider_id, "window_closed")]


async def test_telegram_send_press_and_block(world: World) -> None:
    bot = world.adapters["telegram"]
    assert isinstance(bot, Polls)
    assert "otklik_demo_bot" in await bot.check()
    receipt = await bot.send(to("telegram", "5001", html="<b>Ещё</b> интересно?", buttons=(Button("Да", "yes"),)))
    assert receipt.provider_id.startswith("5001:")
    with pytest.raises(PermanentFailure) as caught:
        await bot.send(to("telegram", "5002"))
    assert caught.value.kind is PermanentKind.BLOCKED
    with pytest.raises(PermanentFailure) as caught:
        await bot.send(to("telegram", "404"))
    assert caught.value.kind is PermanentKind.BAD_ADDRESS
    await world.control("/api/people/anna/do", {"do": "press", "channel": "telegram", "text": "Да"})
    await world.advance("2026-12-01T12:01:00+00:00")
    cursor: dict[str, object] = {}
    pressed: list[InboundMessage] = []
    async with asyncio.timeout(60):
        while not pressed:
            raws, cursor = await bot.poll(cursor)
            events = [event for raw in raws for event in bot.parse(raw)]
            pressed = [event for event in events if isinstance(event, InboundMessage) and event.button]
    assert (pressed[0].button, pressed[0].text, pressed[0].in_reply_to) == ("yes", "Да", receipt.provider_id)


async def test_wrong_credentials_are_a_channel_fault(world: World) -> None:
    bot = make("telegram", "bot", {"token": "100001:wrong-token", "base_url": world.url})
    sms = make(
        "sms", "sms2", {"account_sid": SID, "auth_token": "wrong", "sender": "+12025550100", "base_url": world.url}
    )
    for adapter, message in ((bot, to("telegram", "5001")), (sms, to("sms", "+12025550111"))):
        await adapter.open()
        with pytest.raises(ChannelFault):
            await adapter.send(message)
        with pytest.raises(ChannelFault):
            await adapter.check()
        await adapter.close()
    assert not [entry for entry in await world.ledger() if entry["accepted"]]

"""The Russian example against the sandbox's gateway: both sides speak the documented shape, so words must agree."""

import socket
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from aiohttp import ClientSession
from fastapi import FastAPI

from channels.gateway.adapter import GatewayAdapter, make_gateway
from channels.webhooks import webhook_router
from core.errors import ChannelFault, PermanentFailure, PermanentKind, TransientFailure, UnknownOutcome
from core.machines.message import MessageState
from core.messages import Address, DeliveryReport, InboundMessage, OutboundMessage
from core.purposes import Purpose
from tests.channels.test_with_sandbox import PEOPLE, Kept, World, sandbox, served

EXAMPLE = Path(__file__).parents[3] / "examples/gateways/smsc-ru.yaml"
KEY, TOKEN = "sandbox-key-of-the-gateway", "a-token-of-a-test-16"


@pytest.fixture
async def world() -> AsyncIterator[World]:
    listener = socket.create_server(("127.0.0.1", 0))
    public = f"http://127.0.0.1:{listener.getsockname()[1]}"
    async with sandbox() as url, ClientSession() as http:
        options = {"gateway": str(EXAMPLE), "api_key": KEY, "webhook_token": TOKEN, "base_url": url, "sender": "SHOP"}
        adapter, kept, application = make_gateway("sms", options), Kept(), FastAPI()
        await adapter.open()
        application.include_router(webhook_router({"sms": adapter}, kept, public_url=public))
        async with served(application, listener):
            world = World(http, url, {"sms": adapter}, kept)
            await world.control("/control/people", PEOPLE)
            await world.control("/control/gateway", {"webhook_url": f"{public}/webhooks/sms?token={TOKEN}"})
            yield world
        await adapter.close()


def to(number: str, text: str = "Ещё интересно?") -> OutboundMessage:
    return OutboundMessage("0" * 26, Address("sms", number), Purpose.MARKETING, text)


async def test_a_message_its_report_and_the_answer(world: World) -> None:
    sms = world.adapters["sms"]
    assert await sms.check() == "SMSC.ru answers: 100.50 RUB"
    receipt = await sms.send(to("+12025550111"))
    lost = await sms.send(to("+12025550199"))
    await world.advance("2026-12-01T12:10:00+00:00")
    reports = {event.provider_id: event for event in world.events("sms") if isinstance(event, DeliveryReport)}
    assert reports[receipt.provider_id].status is MessageState.DELIVERED
    assert (reports[lost.provider_id].status, reports[lost.provider_id].failure) == (MessageState.FAILED, "bad_address")
    assert (await world.control("/control/gateway/write", {"person": "anna", "text": "Да"}))["taken"]
    (answer,) = [event for event in world.events("sms") if isinstance(event, InboundMessage)]
    assert (answer.sender, answer.text) == (Address("sms", "+12025550111"), "Да")
    assert [entry["text"] for entry in await world.ledger() if entry["accepted"]] == ["Ещё интересно?"] * 2
    assert not [raw for raw in world.kept.raws if TOKEN.encode() in raw.payload]


@pytest.mark.parametrize(
    ("error", "kind"), [(2, ChannelFault), (3, ChannelFault), (6, PermanentFailure), (9, TransientFailure)]
)
async def test_its_errors_mean_what_the_file_says(world: World, error: int, kind: type[Exception]) -> None:
    fault = {"provider": "gateway", "channel": "sms", "kind": "status", "code": 200, "error": error}
    await world.control("/control/faults", [fault])
    with pytest.raises(kind) as caught:
        await world.adapters["sms"].send(to("+12025550111"))
    assert type(caught.value) is kind
    assert not [entry for entry in await world.ledger() if entry["accepted"]]


async def test_a_lost_answer_is_unknown_and_may_have_been_taken(world: World) -> None:
    await world.control("/control/faults", [{"provider": "gateway", "channel": "sms", "kind": "accept_then_drop"}])
    with pytest.raises(UnknownOutcome):
        await world.adapters["sms"].send(to("+12025550111"))
    assert [entry["fault"] for entry in await world.ledger() if entry["accepted"]] == ["accept_then_drop"]


async def test_a_wrong_key_is_the_accounts_fault(world: World) -> None:
    options: dict[str, Any] = {"gateway": str(EXAMPLE), "api_key": "wrong", "webhook_token": TOKEN}
    adapter: GatewayAdapter = make_gateway("sms", options | {"base_url": world.url})
    await adapter.open()
    for call in (lambda: adapter.send(to("+12025550111")), adapter.check):
        with pytest.raises(ChannelFault, match="wrong key"):
            await call()
    with pytest.raises(PermanentFailure) as caught:
        await adapter.send(to("12025550111"))
    assert caught.value.kind is PermanentKind.BAD_ADDRESS
    await adapter.close()

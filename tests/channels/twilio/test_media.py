"""Files both ways against the sandbox: ours are fetched from a signed address, theirs with credentials."""

import asyncio
import base64
import hashlib
import socket
from collections.abc import AsyncIterator
from typing import Any

import pytest
from aiohttp import ClientSession
from fastapi import FastAPI

from channels.media.routes import File, media_router
from channels.registry import make
from channels.twilio.adapter import TwilioAdapter
from channels.webhooks import webhook_router
from core.machines.message import MessageState
from core.messages import Address, Attachment, DeliveryReport, InboundMessage, OutboundMessage
from core.purposes import Purpose
from tests.channels.test_with_sandbox import PEOPLE, SID, Kept, World, sandbox, served

SECRET = "a secret of a test"
PICTURE = b"\xff\xd8picture"
DIGEST = hashlib.sha256(PICTURE).hexdigest()
MESSAGE = OutboundMessage(
    "0" * 26,
    Address("sms", "+12025550111"),
    Purpose.MARKETING,
    "Look",
    attachments=(Attachment("a.jpg", "image/jpeg", len(PICTURE), blob=DIGEST),),
)


class Blobs:
    async def file(self, digest: str, largest: int) -> File | None:
        return File(PICTURE, "image/jpeg") if digest == DIGEST else None


@pytest.fixture
async def world() -> AsyncIterator[World]:
    listener = socket.create_server(("127.0.0.1", 0))
    public = f"http://127.0.0.1:{listener.getsockname()[1]}"
    async with sandbox() as url, ClientSession() as http:
        options = {"account_sid": SID, "auth_token": "sandbox-token-of-twilio", "sender": "+12025550100"}
        options |= {"public_url": public, "base_url": url, "media_secret": SECRET}
        adapter = make("sms", "sms", options)
        assert isinstance(adapter, TwilioAdapter)
        await adapter.open()
        kept, application = Kept(), FastAPI()
        application.include_router(webhook_router({"sms": adapter}, kept, public_url=public))
        application.include_router(media_router(Blobs(), SECRET))
        async with served(application, listener):
            world = World(http, url, {"sms": adapter}, kept)
            await world.control("/control/people", PEOPLE)
            await world.control("/control/twilio", {"inbound_url": f"{public}/webhooks/sms"})
            yield world
        await adapter.close()


async def reports(world: World) -> list[Any]:
    await world.advance("2026-12-01T12:10:00+00:00")
    return [event for event in world.events("sms") if isinstance(event, DeliveryReport)]


async def test_twilio_fetches_our_file_and_the_customer_gets_it(world: World) -> None:
    receipt = await world.adapters["sms"].send(MESSAGE)
    assert receipt.provider_id.startswith("MM")
    assert [report.status for report in await reports(world)] == [MessageState.ACCEPTED, MessageState.DELIVERED]
    async with world.http.get(f"{world.url}/api/people/anna") as answer:
        assert "[image/jpeg, 9 bytes]" in await answer.text()


async def test_a_file_that_is_gone_fails_the_message(world: World) -> None:
    gone = Attachment("b.jpg", "image/jpeg", 9, blob="0" * 64)
    await world.adapters["sms"].send(OutboundMessage("0" * 26, MESSAGE.to, Purpose.MARKETING, "", attachments=(gone,)))
    *_, last = await reports(world)
    assert (last.status, last.code, last.failure) == (MessageState.FAILED, "63019", "content_refused")


async def test_a_customers_picture_comes_with_credentials_only(world: World) -> None:
    given = {"type": "image/jpeg", "base64": base64.b64encode(PICTURE).decode()}
    picture = {"person": "anna", "channel": "whatsapp", "text": "look", "files": [given]}
    assert (await world.control("/control/twilio/picture", picture))["taken"]
    await world.advance("2026-12-01T12:01:00+00:00")
    (message,) = [event for event in world.events("sms") if isinstance(event, InboundMessage)]
    (attachment,) = message.attachments
    assert (message.text, attachment.media_type, attachment.blob) == ("look", "image/jpeg", "")
    adapter = world.adapters["sms"]
    assert isinstance(adapter, TwilioAdapter)
    async with asyncio.timeout(60):
        assert await adapter.fetch(attachment) == PICTURE
    async with world.http.get(attachment.remote) as answer:
        assert answer.status == 401

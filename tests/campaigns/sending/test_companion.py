"""Bulk composed by a process beside ours is what would have been composed here; and without it everything goes on."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import replace

import pytest

from campaigns.composing import companion as companions
from campaigns.composing.batch import Batch, Made, Reader
from campaigns.composing.companion import Companion
from campaigns.composing.links import Addresses, MessageLinks
from campaigns.definition import Brand, CampaignBody, CampaignDefinition, Leg, SendStep, WorkspaceConfig
from channels.email.mime import Composer as Mime
from channels.email.settings import EmailSettings
from core.clock import uptime
from core.dispatching import Claim
from core.messages import EMAIL, Address, OutboundMessage
from core.purposes import Purpose
from otklik.contract.suite import until
from tests.conftest import NOW

LINKS = MessageLinks(Addresses("https://links.example.com", "a secret", reply_address="shop@example.org"))
PREPARING = {EMAIL: Mime(EmailSettings(host="127.0.0.1", sender="shop@example.org")).compose}
LETTER = """---
subject: 'Good day, {{ customer.first_name }}'
---
<html><body><p>{{ customer.attributes.size + 1 }}</p><a href="https://shop.example.com/new">New</a></body></html>
"""
CONFIG = WorkspaceConfig(brand=Brand(name="Paper Boat", url="https://shop.example.com"))


def batch(version: str = "v1") -> Batch:
    step = SendStep(id="letter", main=Leg(channel=EMAIL, template="t"))
    definition = CampaignDefinition(name="letters", audience="all", steps=(step,))
    return Batch(CONFIG, {version: CampaignBody(definition=definition, templates={"t/email.html": LETTER})}, NOW)


def claims(version: str = "v1", number: int = 3) -> tuple[list[Claim], list[Reader]]:
    held = [
        Claim(
            f"{at:026}", 1, f"c{at}", f"i{at}", Address(EMAIL, f"reader{at}@example.org"), Purpose.MARKETING, "c",
            f"e{at}", version, "letter", "main",
        )
        for at in range(number)
    ]  # fmt: skip
    sizes = [{"size": at} if at else {} for at in range(number)]  # whose size is not known gets no letter
    return held, [Reader({"id": c.customer_id, "first_name": "Anna", "attributes": s}) for c, s in zip(held, sizes)]  # noqa: B905


@asynccontextmanager
async def running() -> AsyncIterator[Companion]:
    companion = Companion(LINKS, PREPARING)
    try:
        yield companion
    finally:
        await companion.close()


async def made_by(companion: Companion, version: str = "v1") -> Made:
    """What it makes of three letters, once it is up."""
    deadline = uptime() + 180
    while uptime() < deadline:
        if (made := await companion.made(batch(version), *claims(version))) is not None:
            return made
        await asyncio.sleep(0.02)
    raise AssertionError("the composing process never answered")


def made_here(version: str = "v1") -> Made:
    made = Made()
    for claim, reader in zip(*claims(version), strict=True):
        batch(version).make(claim, reader, LINKS, made)
    return made


def sendable(made: Made) -> list[OutboundMessage]:
    return [message for message in made.messages.values() if isinstance(message, OutboundMessage)]


def undated(mail: bytes) -> list[bytes]:
    return [line for line in mail.splitlines() if not line.startswith(b"Date: ")]


@pytest.mark.parametrize("versions", [("v1", "v1", "v2")])
async def test_it_makes_what_would_have_been_made_here(versions: Sequence[str]) -> None:
    async with running() as companion:
        for version in versions:
            made, here = await made_by(companion, version), made_here(version)
            assert (made.targets, made.choices) == (here.targets, here.choices)
            assert len(sendable(made)) == len(sendable(here)) == 2
            for message, expected in zip(sendable(made), sendable(here), strict=True):
                assert undated(message.prepared) == undated(PREPARING[EMAIL](expected, NOW))
                assert replace(message, prepared=b"", html=expected.html) == expected
            assert [one for one in made.messages.values() if isinstance(one, str)] == [
                one for one in here.messages.values() if isinstance(one, str)
            ]


async def test_nobody_waits_for_its_start() -> None:
    async with running() as companion:
        assert await companion.made(batch(), *claims()) is None


async def test_it_is_lost_in_the_midst_of_a_batch(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(companions, "REST_SECONDS", 0.0)
    async with running() as companion:
        await made_by(companion)
        process = companion.process
        assert process is not None
        process.send_signal(19)  # it stands still: what is asked now stays unanswered
        asked = asyncio.create_task(companion.made(batch(), *claims()))
        await asyncio.sleep(0)
        process.kill()
        assert await asked is None
        await made_by(companion)  # another one took its place
        assert companion.process is not process


async def test_one_that_does_not_answer_is_ended(monkeypatch: pytest.MonkeyPatch) -> None:
    async with running() as companion:
        await made_by(companion)
        process = companion.process
        assert process is not None
        process.send_signal(19)
        monkeypatch.setattr(companions, "BATCH_SECONDS", 0.05)
        assert await companion.made(batch(), *claims()) is None
        await process.wait()


async def test_who_asked_may_go_away() -> None:
    async with running() as companion:
        await made_by(companion)
        asked = asyncio.create_task(companion.made(batch(), *claims()))
        await asyncio.sleep(0)
        asked.cancel()
        with pytest.raises(asyncio.CancelledError):
            await asked
        assert len(sendable(await made_by(companion))) == 2  # the answer to the other is not taken for this one's


async def test_it_goes_when_there_is_no_bulk(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(companions, "IDLE_SECONDS", 0.5)
    async with running() as companion:
        await companion.made(batch(), *claims())
        await until(lambda: companion.process is not None, "its start")
        process = companion.process
        assert process is not None
        await process.wait()
        assert await companion.made(batch(), *claims()) is None  # and comes back when there is

"""A country that a channel does not serve goes another way, and stops nobody else: end to end against the sandbox."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import delete, func, select

from campaigns.applying import apply
from campaigns.composing.composer import Composer
from campaigns.composing.links import Addresses, MessageLinks
from campaigns.facts.unserved import known_unserved
from campaigns.running.runner import Runner
from campaigns.starting.scheduler import Scheduler
from campaigns.workspace.loader import load_workspace
from channels.registry import make
from core.actors import Actor
from core.clock import VirtualClock
from core.dispatching import Claim
from core.ids import new_id
from core.messages import Address
from core.purposes import Purpose
from core.wakeup import LocalWakeup
from otklik.accounts import Account, unserved_countries
from otklik.service import Service, running_service
from otklik.settings import Configuration, Settings
from storage.imports import ConsentGrant, CustomerOptions, import_customers
from storage.outbox.columns import table
from storage.outbox.unserved import BELIEVED, unserved_now
from storage.store import Store
from storage.tables import Identity, Message, Occurrence
from tests.channels.test_with_sandbox import SID, sandbox

START = datetime(2026, 12, 1, 15, 0, tzinfo=UTC)
MESSAGES, IDENTITIES = table(Message), table(Identity)
IRAN, BRITAIN, AMERICA = "+989000000000", "+447700900123", "+12025550111"
FILES = {
    "otklik.yaml": "brand: {name: Paper Boat, postal_address: 14 Harbour Lane}\nzone: UTC\nlocale: en\ncurrency: USD\n",
    "segments.yaml": "everyone:\n  where: {field: city, in: [Riga]}\n",
    "campaigns/hello.yaml": (
        "campaign: hello\naudience: everyone\nstart: now\n"
        "steps:\n  - {send: sms, template: hello, otherwise: email, wait: 3d}\n"
    ),
    "templates/hello/sms.txt": "Still interested? STOP to end",
    "templates/hello/email.txt": "---\nsubject: Hello\n---\nStill interested?\n{{ links.unsubscribe }}\n",
}


def twilio(url: str, **options: object) -> dict[str, str]:
    given = {"account_sid": SID, "auth_token": "sandbox-token-of-twilio", "sender": "+12025550100", "base_url": url}
    return given | {name: str(value) for name, value in options.items()}


@asynccontextmanager
async def shop(store: Store, folder: Path, sms: dict[str, str]) -> AsyncIterator[Service]:
    """A working service whose three customers have just entered a campaign."""
    for name, text in FILES.items():
        path = folder / "shop" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    people = folder / "people.csv"
    lines = [f"{n},P{n},{phone},p{n}@example.org,Riga" for n, phone in enumerate((IRAN, BRITAIN, AMERICA))]
    people.write_text("\n".join(["id,first name,phone,email,city", *lines]) + "\n")
    grant = ConsentGrant("marketing", "a test", "yes, write to me")
    await import_customers(store, people, CustomerOptions(consent=grant))
    await apply(store, load_workspace(folder / "shop"), Actor("operator", "test"), START)
    await Scheduler(store, VirtualClock(START)).tick()
    settings = Settings(
        data_dir=folder, secret="x" * 40, clock="virtual", now=START, public_url="http://127.0.0.1:1", port=0
    )
    async with running_service(Configuration(settings, {"sms": sms}), store) as service:
        running = asyncio.create_task(service.run())
        try:
            yield service
        finally:
            running.cancel()
            with suppress(asyncio.CancelledError):
                await running


async def sent(store: Store, count: int) -> dict[tuple[str, str], str]:
    """By channel and address: what became of the messages, once ``count`` of them are settled or wait for a channel."""
    async with asyncio.timeout(90):  # a busy machine is no failure
        while True:
            async with store.read() as connection:
                rows: Any = (
                    await connection.execute(
                        select(MESSAGES.c.channel, IDENTITIES.c.address, MESSAGES.c.state, MESSAGES.c.reason).join(
                            IDENTITIES, IDENTITIES.c.id == MESSAGES.c.identity_id
                        )
                    )
                ).all()
            moving = [
                row for row in rows if row.channel == "sms" and row.state.name in ("PLANNED", "CLAIMED", "DISPATCHING")
            ]
            if len(rows) == count and not moving:
                return {(row.channel, row.address): row.state.name for row in rows}
            await asyncio.sleep(0.05)


async def test_one_recipients_refused_country_stops_nobody_and_goes_another_way(store: Store, tmp_path: Path) -> None:
    """21408 ends that address on that channel, runs `otherwise`, and leaves the channel as it was."""
    async with sandbox() as url, shop(store, tmp_path, twilio(url, unserved=" ")) as service:
        found = await sent(store, 4)
        assert found[("sms", IRAN)] == "REJECTED"
        assert (found[("sms", BRITAIN)], found[("sms", AMERICA)]) == ("ACCEPTED", "ACCEPTED")
        assert found[("email", "p0@example.org")] == "PLANNED"
        assert [dispatcher.fault for dispatcher in service.dispatchers] == [""]
        async with store.read() as connection:
            row = (
                await connection.execute(
                    select(IDENTITIES.c.reachable, IDENTITIES.c.unreachable_reason).where(IDENTITIES.c.address == IRAN)
                )
            ).one()
        assert (row.reachable, row.unreachable_reason) == (False, "country_unserved")


async def test_the_next_of_that_country_go_another_way_without_a_request(store: Store, tmp_path: Path) -> None:
    """What one refusal taught holds for planning and for what was planned before; a day later the country is tried."""
    async with sandbox() as url, shop(store, tmp_path, twilio(url, unserved=" ")) as service:
        await sent(store, 4)
        assert [dispatcher.fault for dispatcher in service.dispatchers] == [""]
    async with store.read() as connection:
        assert await unserved_now(connection, START) == {"sms": {"IR"}}
        assert await unserved_now(connection, START + BELIEVED) == {}
    # a second of that country, planned before it was known: composing gives it back to its journey
    claim = Claim(
        message_id=new_id(), fence=1, customer_id="", identity_id="", to=Address("sms", "+989000000002"),
        purpose=Purpose.MARKETING, content={"text": "hello"},
    )  # fmt: skip
    links = MessageLinks(Addresses("https://l.example", "secret"))
    for now, to, answer in (
        (START, claim.to, "sms does not serve IR"),
        (START + BELIEVED, claim.to, None),
        (START, Address("sms", BRITAIN), None),
    ):
        made = await Composer(store, VirtualClock(now), links).compose([replace(claim, to=to)])
        (said,) = made.values()
        assert (said if isinstance(said, str) else None) == answer


async def test_planning_knows_it_beside_what_the_settings_say(store: Store, tmp_path: Path) -> None:
    async with sandbox() as url, shop(store, tmp_path, twilio(url, unserved=" ")):
        await sent(store, 4)
    async with store.read() as connection:
        assert await known_unserved(connection, {"sms": frozenset({"US"})}, START) == {"sms": {"IR", "US"}}
        assert await known_unserved(connection, None, START + BELIEVED) == {}
        before = await connection.scalar(select(func.count()).select_from(MESSAGES))
    # the same campaign for a newcomer of that country: nothing is planned by SMS
    people = tmp_path / "more.csv"
    people.write_text("id,first name,phone,email,city\n9,P9,+989000000009,p9@example.org,Riga\n")
    grant = ConsentGrant("marketing", "a test", "yes, write to me")
    await import_customers(store, people, CustomerOptions(consent=grant))
    async with store.write() as connection:
        await connection.execute(delete(table(Occurrence)))
    await Scheduler(store, VirtualClock(START)).tick()
    await Runner(store, VirtualClock(START), LocalWakeup()).run_once()
    async with store.read() as connection:
        rows = (await connection.execute(select(MESSAGES.c.channel).order_by(MESSAGES.c.id).offset(before))).all()
    assert [row.channel for row in rows] == ["email"]


@pytest.mark.parametrize(
    ("options", "by_sms"),
    [
        ({}, {BRITAIN, AMERICA}),  # Twilio's own: nothing to Iran
        ({"countries": "US"}, {AMERICA}),
        ({"countries": "US,GB", "unserved": "US"}, {BRITAIN}),
    ],
)
async def test_what_is_known_not_to_be_served_is_never_asked_for(
    store: Store, tmp_path: Path, options: dict[str, str], by_sms: set[str]
) -> None:
    async with sandbox() as url, shop(store, tmp_path, twilio(url, **options)):
        found = await sent(store, 3)
    assert {address for channel, address in found if channel == "sms"} == by_sms


def test_countries_are_the_only_ones_of_a_described_gateway() -> None:
    example = Path(__file__).parents[1] / "examples/gateways/kavenegar-ir.yaml"
    adapter = make("sms", "sms", {"gateway": str(example), "api_key": "k" * 16, "webhook_token": "t" * 16})
    unserved = unserved_countries([Account("sms", adapter, lambda _: [])])["sms"]
    assert "IR" not in unserved
    assert {"GB", "US", "RU", "AF", "001"} <= unserved

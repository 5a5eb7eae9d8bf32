"""Test sends: really sent, marked, attempted like every message, and counted nowhere."""

import asyncio
import json
import os
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from aiohttp import ClientSession
from sqlalchemy import update

from campaigns.composing.links import MessageLinks
from campaigns.definition import CampaignBody
from campaigns.operating.emergency import stop_everything
from campaigns.previewing.readers import example_audience, load_audience
from campaigns.previewing.trial import TESTERS, compose_trials, marked, own_addresses
from campaigns.workspace.loader import load_workspace
from core.actors import Actor
from core.clock import VirtualClock
from core.errors import Refused
from core.messages import SMS, Address, OutboundMessage, ProviderTemplate
from core.purposes import Purpose
from otklik.settings import Configuration, Settings
from otklik.trial_sending import Told, send_trials
from otklik.wiring import addresses
from storage.outbox.columns import table
from storage.store import Store
from storage.tables import Attempt, BudgetUse, Customer, Enrolment, Hold, Identity, Link, Message, Worker
from tests.bot.scene import Scene
from tests.conftest import NOW

STARTER = Path(__file__).parents[3] / "otklik" / "starter"
TESTER = {
    "key": "me", "name": "Me", "lang": "en", "email": "me@example.org", "phone": "+12025550171", "sms": True,
    "whatsapp": True, "telegram": {"user_id": 5001, "started": True, "blocked": False},
}  # fmt: skip
TO = "me@example.org, +12025550171, telegram:5001"
SECONDS = 90
"""For the sandbox to start, or to end, on a machine that has much else to do."""
APPROVED = {"HX00000000000000000000000000010ca1": "Dear {{1}}, this is {{2}}."}


def test_addresses_are_told_by_their_form() -> None:
    found = own_addresses("Me@Example.org,+1 202-555-0171,telegram:77,sms:+442025550100,+12025550171", bot="42")
    assert [(one.channel, one.value, one.scope) for one in found] == [
        ("email", "me@example.org", ""), ("sms", "+12025550171", ""), ("whatsapp", "+12025550171", ""),
        ("telegram", "77", "42"), ("sms", "+442025550100", ""),
    ]  # fmt: skip
    for wrong in ("", "me", "@me", "sms:here", "12345"):
        with pytest.raises(Refused):
            own_addresses(wrong)


def test_the_mark_turns_no_line_around() -> None:
    message = OutboundMessage("1" * 26, Address(SMS, "+12025550171"), Purpose.STAFF, "سلام")
    assert marked(message)["text"] == "\u200f[test] سلام"
    template = ProviderTemplate("HX1", {"1": "a"})
    content = marked(
        OutboundMessage("1" * 26, Address("whatsapp", "+12025550171"), Purpose.STAFF, "Hi", template=template)
    )
    assert content["template"] == {"id": "HX1", "variables": {"1": "a"}}
    assert content["text"] == "[test] Hi"


@dataclass
class Sandbox:
    http: ClientSession
    url: str
    smtp_port: int

    async def control(self, path: str, body: Any) -> None:
        async with self.http.post(f"{self.url}{path}", json=body) as answer:
            assert answer.status == 200, await answer.text()

    async def ledger(self) -> list[dict[str, Any]]:
        async with self.http.get(f"{self.url}/control/ledger") as answer:
            return [json.loads(line) for line in (await answer.text()).splitlines()]


@asynccontextmanager
async def _sandbox() -> AsyncIterator[Sandbox]:
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        *("-m", "sandbox", "--virtual-now", NOW.isoformat(), "--parent-pid", str(os.getpid())),
        stdout=asyncio.subprocess.PIPE,
        cwd=Path(__file__).parents[3],
    )
    assert process.stdout is not None
    try:
        async with asyncio.timeout(SECONDS):
            ready = json.loads(await process.stdout.readline())
        async with ClientSession() as http:
            made = Sandbox(http, ready["http"], ready["smtp_port"])
            await made.control("/control/people", [TESTER])
            await made.control("/control/twilio", {"contents": APPROVED})
            yield made
    finally:
        process.terminate()
        async with asyncio.timeout(SECONDS):
            await process.wait()


@pytest.fixture
async def sandbox() -> AsyncIterator[Sandbox]:
    async with _sandbox() as made:
        yield made


def configured(sandbox: Sandbox, folder: Path) -> Configuration:
    twilio = {
        "account_sid": "AC0123456789abcdef0123456789abcdef", "auth_token": "sandbox-token-of-twilio",
        "base_url": sandbox.url, "sender": "+12025550100",
    }  # fmt: skip
    return Configuration(
        Settings(data_dir=folder / "data", secret="a secret of this test"),
        {
            "email": {"host": "127.0.0.1", "port": str(sandbox.smtp_port), "tls": "none", "sender": "vera@example.com"},
            "telegram": {"token": "100001:sandbox-token", "base_url": sandbox.url},
            "sms": twilio,
            "whatsapp": twilio,
        },
    )


def winback() -> CampaignBody:
    return load_workspace(STARTER).campaigns["winback"]


async def sent(store: Store, configuration: Configuration, customer_id: str, step: str = "") -> list[Told]:
    body, config = winback(), load_workspace(STARTER).config
    async with store.read() as connection:
        audience = await load_audience(connection, customer_id, body, config, NOW)
    own = own_addresses(TO, bot=configuration.bot_id)
    links = MessageLinks(addresses(configuration))
    trials, targets = compose_trials(body, config, audience, own, links, NOW, step=step)
    told: list[Told] = []
    await send_trials(configuration, store, VirtualClock(NOW), trials, targets, told.append)
    return told


async def test_it_arrives_and_counts_nowhere(store: Store, sandbox: Sandbox, tmp_path: Path) -> None:
    scene = Scene(store)
    person = await scene.person()
    async with store.write() as connection:
        await connection.execute(update(table(Customer)).values(first_name="Anna"))
    told = await sent(store, configured(sandbox, tmp_path), person.id)
    assert [(one.trial.speech.channel, one.state, one.why) for one in told] == [
        (channel, "accepted", "") for channel in ("email", "whatsapp", "telegram", "sms")
    ]  # fmt: skip
    seen = json.dumps(await sandbox.ledger(), ensure_ascii=False)
    assert "[test] Hello, Anna!" in seen
    assert "[test] Lantern Books: Anna" in seen
    rows = await scene.all(Message)
    assert len(rows) == 4
    assert {(row.purpose, row.campaign_id, row.enrolment_id, row.version) for row in rows} == {
        ("staff", None, None, "")
    }
    assert {attempt.outcome for attempt in await scene.all(Attempt)} == {"accepted"}
    for nothing in (Enrolment, Hold, BudgetUse):
        assert await scene.all(nothing) == []
    testers = await scene.all(Customer, external_id=TESTERS)
    assert [row.stage for row in testers] == ["staff"]
    assert {row.customer_id for row in rows} == {testers[0].id}  # the customer's own identities got nothing
    assert [row.stopped_at is None for row in await scene.all(Worker)] == [False]
    assert not list((tmp_path / "data" / "journals").iterdir())
    assert {row.url.partition("&utm_medium")[0] for row in await scene.all(Link)} == {
        "https://lantern.example.com?utm_source=otklik"
    }
    again = await sent(store, configured(sandbox, tmp_path), person.id, "letter")
    assert [one.state for one in again] == ["accepted"]
    assert len(await scene.all(Identity, address="me@example.org")) == 1


async def test_an_emergency_stop_holds_tests_too(store: Store, tmp_path: Path) -> None:
    person = await Scene(store).person()
    async with store.write() as connection:
        await stop_everything(connection, Actor("operator", "me"), "a fire", NOW)
    with pytest.raises(Refused, match="a fire"):
        await sent(store, Configuration(Settings(data_dir=tmp_path, secret="x")), person.id, "letter")
    assert await Scene(store).all(Message) == []


async def test_without_an_account_nothing_is_written(store: Store, tmp_path: Path) -> None:
    person = await Scene(store).person()
    told = await sent(store, Configuration(Settings(data_dir=tmp_path, secret="x")), person.id, "letter")
    assert [one.state for one in told] == ["none"]
    assert "email has no account" in told[0].why
    assert await Scene(store).all(Message) == []


def test_what_has_no_address_is_told() -> None:
    body, config = winback(), load_workspace(STARTER).config
    links = MessageLinks(addresses(Configuration(Settings(secret="x"))))
    audience = example_audience("en", body, config, NOW)
    trials, _ = compose_trials(body, config, audience, own_addresses("me@example.org"), links, NOW)
    assert [(one.speech.channel, one.problem) for one in trials if one.problem] == [
        (channel, f"no {channel} address among --to") for channel in ("whatsapp", "telegram", "sms")
    ]

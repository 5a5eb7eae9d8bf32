"""Events set flows off: once, where the customer talked to us last, and not while a person has them."""

from datetime import datetime, timedelta
from pathlib import Path

import pytest

from bot.flows import happening
from bot.flows.happening import begin_by_events
from campaigns.responding.events import CustomerEvent, record_event
from core.clock import VirtualClock
from core.machines.conversation import ASSIGN
from storage.tables import Customer, FlowRun, Message
from tests.bot.flows.test_running import Shop
from tests.bot.scene import Person, Scene
from tests.conftest import NOW

FLOW = "flow: lost\non: {event: parcel_lost}\nsteps: [{ask: where, say: Where shall we send another one?}]"
CLOCK = VirtualClock(NOW)


@pytest.fixture
async def shop(scene: Scene, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Shop:
    monkeypatch.setattr(happening, "BEHIND", timedelta(seconds=-5))  # what was just written is looked at
    made = Shop(scene, tmp_path)
    await made.apply(lost=FLOW)
    assert await begin_by_events(made.store, CLOCK) == 0  # looks from here on
    async with made.store.write() as connection:
        await connection.execute(happening._CURSORS.update().values(value={"after": ""}))
    return made


async def _lost(shop: Shop, person: Person, number: str = "1", at: datetime = NOW) -> None:
    customer = await shop.scene.get(Customer, person.id)
    async with shop.store.write() as connection:
        await record_event(connection, CustomerEvent("shop", number, customer.external_id, "parcel_lost", at), NOW)


async def test_an_event_begins_a_flow_once(shop: Shop) -> None:
    anna = await shop.scene.person()
    await shop.write(anna.telegram, "hello")
    await _lost(shop, anna)
    assert await begin_by_events(shop.store, CLOCK) == 1
    assert await begin_by_events(shop.store, CLOCK) == 0
    (said,) = await shop.scene.all(Message, direction="out")
    assert (said.content["text"], said.purpose) == ("Where shall we send another one?", "transactional")
    assert said.identity_id == anna.identities["telegram"]
    assert await shop.write(anna.telegram, "Riga")
    (run,) = await shop.scene.all(FlowRun)
    assert run.answers == {"where": "Riga"}


async def test_nobody_is_written_to_who_never_wrote_or_whom_a_person_has(shop: Shop) -> None:
    silent = await shop.scene.person()
    await _lost(shop, silent, "1")
    anna = await shop.scene.person()
    await shop.write(anna.telegram, "hello")
    await shop.owner(ASSIGN.target)
    await _lost(shop, anna, "2")
    assert await begin_by_events(shop.store, CLOCK) == 0
    assert await shop.scene.all(FlowRun) == []


async def test_what_happened_long_ago_begins_nothing(shop: Shop) -> None:
    anna = await shop.scene.person()
    await shop.write(anna.telegram, "hello")
    await _lost(shop, anna, at=NOW - timedelta(hours=2))
    assert await begin_by_events(shop.store, CLOCK) == 0

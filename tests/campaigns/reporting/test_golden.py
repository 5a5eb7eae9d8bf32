"""``why`` and ``report`` as the terminal shows them, in every language, of journeys that met every gate.

``OTKLIK_TEST_GOLDEN=write`` writes the files anew: read what changed before it is committed.
"""

import io
import os
from collections.abc import AsyncIterator
from datetime import datetime, timedelta
from decimal import Decimal
from pathlib import Path

import pytest
from rich.console import Console

from campaigns.definition import (
    Arm,
    BranchStep,
    Brand,
    Budget,
    CampaignBody,
    CampaignDefinition,
    Cap,
    ChannelPolicy,
    Experiment,
    GiveStep,
    Goal,
    HandoffStep,
    Leg,
    Offer,
    OfferCandidate,
    OfferChoice,
    Quota,
    SendStep,
    SetStep,
    TaskStep,
    WaitStep,
    WebhookStep,
    When,
    WorkspaceConfig,
)
from campaigns.periods import Period
from campaigns.reporting.report import campaign_report
from campaigns.reporting.story import Absence, never_entered, story
from campaigns.reporting.telling import absence_in_words
from core.catalogue import LANGUAGES
from core.messages import EMAIL, SMS, TELEGRAM
from otklik.reporting import print_report, print_story
from storage import migrate
from storage.outbox.columns import table
from storage.store import Store
from storage.tables import Customer
from tests.invariants.campaigns import CHANNELS, CONDITIONS, OFFERS, PRICES, TEMPLATES, Shop
from tests.invariants.world import World

GOLDEN = Path(__file__).parent / "golden"
START = datetime.fromisoformat("2026-12-01T06:00+00:00")
VIP = When(condition="@vip")


def _leg(channel: str) -> Leg:
    return Leg(channel=channel, template="t", among=CHANNELS)


WINTER = CampaignDefinition(
    name="winter",
    audience="",
    goal=Goal(event="order"),
    conditions=CONDITIONS,
    experiment=Experiment(variants={"plain": 1, "warm": 1}, holdout=Decimal("0.3"), salt="first"),
    offer=OfferChoice(candidates=(OfferCandidate(offer="single"),)),
    budget=Budget(name="own", amount=Decimal("0.08")),
    steps=(
        SendStep(id="hello", main=_leg("best"), wait=Period(1, "d"), until=frozenset({"reply"})),
        SendStep(id="chat", main=_leg(TELEGRAM), otherwise=_leg(SMS), wait=Period(6, "h")),
        BranchStep(id="who", arms=(Arm(when=VIP, first="call"),), otherwise="letters"),
        TaskStep(id="call", task="call", max=Quota(number=1), expires=Period(30, "h")),
        SetStep(id="mark", when=When(condition="@asked"), fields={"attributes.called": True}),
        WebhookStep(id="tell", url="https://example.org/called"),
        SendStep(id="letters", main=_leg(EMAIL), also=(_leg(SMS),), wait=Period(2, "h")),
        GiveStep(id="points", points=5, voucher="gift"),
        HandoffStep(id="desk", queue="sales"),
        WaitStep(id="pause", period=Period(1, "h")),
        SendStep(id="last", main=_leg(EMAIL), expires=Period(12, "h")),
    ),
)
STOCKED: dict[str, Offer] = OFFERS
SHOP = Shop(
    WorkspaceConfig(
        brand=Brand(name="Shop"),
        channels={channel: ChannelPolicy(price=price) for channel, price in PRICES.items()},
        caps=(Cap(max=2, per=Period(3, "d")),),
    ),
    (CampaignBody(definition=WINTER, templates=TEMPLATES, offers=STOCKED),),
    (),
)


@pytest.fixture
async def world(tmp_path: Path) -> AsyncIterator[World]:
    """Everybody went as far as they get in nine days; nobody answered but one, who bought."""
    async with await Store.open(f"sqlite:///{tmp_path / 'store.sqlite3'}") as store:
        await migrate.upgrade(store)
        made = World(store, START, SHOP)
        await made.set_up()
        for person in made.people:
            await made.enter(person, "winter")
        for _ in range(9 * 8):
            await made.plan()
            await made.serve()
            await made._pump(made.workers[0])
            await made.move(timedelta(hours=3))
            if made.clock.now() == START + timedelta(days=6):
                await made.chat(made.people[0], live=False)
                await made.event(made.people[3], "order")
        yield made


def _same(name: str, shown: str) -> None:
    path = GOLDEN / name
    if os.environ.get("OTKLIK_TEST_GOLDEN") == "write":
        path.write_text(shown)
    assert shown == path.read_text()


def _terminal() -> Console:
    return Console(file=io.StringIO(), width=120, color_system=None)


def _shown(console: Console) -> str:
    assert isinstance(console.file, io.StringIO)
    return "\n".join(line.rstrip() for line in console.file.getvalue().splitlines()) + "\n"


async def test_why(world: World) -> None:
    for language in LANGUAGES:
        console = _terminal()
        async with world.store.read() as connection:
            for person in world.people:
                for found in await story(connection, person.id, "winter"):
                    print_story(console, found, language)
        _same(f"why.{language}.txt", _shown(console))


async def test_report(world: World) -> None:
    for language in LANGUAGES:
        console = _terminal()
        async with world.store.read() as connection:
            print_report(console, await campaign_report(connection, "winter"), language)
        _same(f"report.{language}.txt", _shown(console))


async def test_why_not(world: World) -> None:
    for language in LANGUAGES:
        for why in ("draft", "told", "never", "left", "soon"):
            said = absence_in_words(Absence(why, "winter", "dormant", START), language)
            assert "winter" in said
            assert language == "en" or not said.startswith(("Never", "Not"))
    async with world.store.write() as connection:
        new = Customer(external_id="nobody", created_at=START, updated_at=START)
        await connection.execute(table(Customer).insert(), new.model_dump())
    async with world.store.read() as connection:
        assert await never_entered(connection, new.id, "winter") == Absence("told", "winter", "")

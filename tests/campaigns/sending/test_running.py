"""The runner with money, caps and codes: what planning promises holds in the store, also with several workers."""

import asyncio
from collections import Counter
from datetime import timedelta
from decimal import Decimal
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from sqlalchemy import select, update

from campaigns.definition import (
    Brand,
    Budget,
    CampaignBody,
    CampaignDefinition,
    Cap,
    ChannelPolicy,
    Leg,
    Offer,
    OfferCandidate,
    OfferChoice,
    SendStep,
    WorkspaceConfig,
)
from campaigns.limits.caps import kept
from campaigns.live import WORKSPACE
from campaigns.offers.stock import import_codes
from campaigns.periods import Period
from campaigns.reporting.report import campaign_report
from campaigns.running.closing import close_enrolments
from campaigns.running.runner import Runner
from core.actors import Actor
from core.clock import VirtualClock
from core.machines.campaign import CampaignState
from core.machines.enrolment import EXIT, EnrolmentState
from core.money import MICRO, Money
from core.wakeup import LocalWakeup
from storage.outbox.columns import table
from storage.statements import lock_customers
from storage.store import Store
from storage.tables import BudgetUse, Campaign, Enrolment, Grant, Hold, Message, Setting
from tests.bot.scene import Scene
from tests.conftest import NOW

CONFIG = WorkspaceConfig(
    brand=Brand(name="Paper Boat"),
    channels={"telegram": ChannelPolicy(price="10")},
    budgets=(Budget(name="marketing", amount=Decimal(50)),),
)
HOLDS, USES, MESSAGES, ENROLMENTS = table(Hold), table(BudgetUse), table(Message), table(Enrolment)


def campaign(name: str, **more: Any) -> CampaignBody:
    offers = more.pop("offers", {})
    step = SendStep(id="ask", main=Leg(channel="telegram", template="t", among=("telegram", "email")))
    definition = CampaignDefinition(name=name, audience="all", steps=(step,), **more)
    return CampaignBody(definition=definition, templates={"t/telegram.txt": "x", "t/email.txt": "x"}, offers=offers)


class Shop:
    """People who are due in campaigns."""

    def __init__(self, store: Store) -> None:
        self.store, self.scene = store, Scene(store)

    async def configure(self, config: WorkspaceConfig) -> None:
        async with self.store.session() as session:
            session.add(Setting(name=WORKSPACE, value=config.model_dump(mode="json"), updated_at=NOW))

    async def begin(self, body: CampaignBody, people: list[Any]) -> str:
        made = await self.scene.campaign(body)
        for person in people:
            await self.scene.enrol(person, made, entered_at=NOW)
        async with self.store.write() as connection:
            await connection.execute(
                update(table(Campaign)).where(table(Campaign).c.id == made[0]).values(state=CampaignState.ACTIVE)
            )
            await connection.execute(update(ENROLMENTS).where(ENROLMENTS.c.campaign_id == made[0]).values(due_at=NOW))
        return made[0]

    async def run(self, workers: int = 3, batch: int = 3) -> None:
        async def work() -> None:
            runner = Runner(self.store, VirtualClock(NOW), LocalWakeup())
            while await runner.run_once(batch):
                pass

        await asyncio.gather(*(work() for _ in range(workers)))
        await work()  # what one worker had locked while another looked

    async def channels(self, campaign_id: str) -> Counter[str]:
        async with self.store.read() as connection:
            rows = await connection.scalars(select(MESSAGES.c.channel).where(MESSAGES.c.campaign_id == campaign_id))
            return Counter(rows)

    async def taken(self) -> dict[str, int]:
        """Use by budget in whole units; the same as the holds' sums."""
        async with self.store.read() as connection:
            used = {row.budget: row.taken_micros // MICRO for row in await connection.execute(select(USES))}
            held: Counter[str] = Counter()
            for hold in await connection.execute(select(HOLDS).where(HOLDS.c.state != "released")):
                held.update({name: hold.amount_micros // MICRO for name in {hold.budget, hold.shared_budget} if name})
        assert Counter(used) == held
        return used


@pytest.fixture
def shop(store: Store) -> Shop:
    """A shop on each database."""
    return Shop(store)


async def test_money_runs_out_for_all_workers_at_the_same_unit(shop: Shop) -> None:
    await shop.configure(CONFIG)
    people = [await shop.scene.person() for _ in range(8)]
    own = Budget(name="first", amount=Decimal(35), within="marketing")
    first = await shop.begin(campaign("first", budget=own), people)
    await shop.run()
    assert await shop.channels(first) == {"telegram": 3, "email": 5}
    assert await shop.taken() == {"campaign/first": 30, "marketing": 30}
    second = await shop.begin(campaign("second", budget=Budget(name="marketing")), people)
    await shop.run()
    assert await shop.channels(second) == {"telegram": 2, "email": 6}
    assert await shop.taken() == {"campaign/first": 30, "marketing": 50}
    async with shop.store.write() as connection:
        rows = (await connection.execute(select(ENROLMENTS).where(ENROLMENTS.c.campaign_id == first))).all()
        await lock_customers(connection, [row.customer_id for row in rows], shared=False)
        await close_enrolments(connection, [row.id for row in rows], EXIT, reason="stopped", now=NOW)
    assert await shop.taken() == {"campaign/first": 0, "marketing": 20}
    async with shop.store.read() as connection:
        told = await campaign_report(connection, "second", now=NOW)
    assert list(told.spending.reserved) == [Money(20 * MICRO, "USD")]
    assert [(state.limit.name, state.taken // MICRO, state.left // MICRO) for state in told.spending.budgets] == [
        ("marketing", 20, 30)
    ]


async def test_a_shared_budget_says_itself_what_follows_when_it_is_short(shop: Shop) -> None:
    short = Budget(name="marketing", amount=Decimal(20), when_short="skip")
    await shop.configure(CONFIG.model_copy(update={"budgets": (short,)}))
    people = [await shop.scene.person() for _ in range(4)]
    first = await shop.begin(campaign("first", budget=Budget(name="marketing")), people)
    await shop.run()
    assert await shop.channels(first) == {"telegram": 2}


async def test_codes_go_to_as_many_as_there_are(shop: Shop) -> None:
    await shop.configure(CONFIG)
    people = [await shop.scene.person() for _ in range(7)]
    await import_codes(shop.store, "winter", ["A", "B", "C"], now=NOW, actor=Actor("operator"))
    offer = Offer(name="winter", product="discount", codes="unique")
    choice = OfferChoice(candidates=(OfferCandidate(offer="winter"),))
    first = await shop.begin(campaign("first", offer=choice, offers={"winter": offer}), people)
    await shop.run(workers=4, batch=2)
    assert (await shop.channels(first)).total() == 3
    grants = await shop.scene.all(Grant, offer="winter")
    assert sorted(grant.code for grant in grants) == ["A", "B", "C"]
    states = Counter(row.state for row in await shop.scene.all(Enrolment))
    assert states == {EnrolmentState.WAITING: 3, EnrolmentState.EXITED: 4}


async def test_caps_hold_over_campaigns_and_workers(shop: Shop) -> None:
    caps = (Cap(max=1, per=Period(1, "d"), channel="telegram"), Cap(max=2, per=Period(1, "w")))
    await shop.configure(CONFIG.model_copy(update={"caps": caps}))
    people = [await shop.scene.person() for _ in range(5)]
    for number in range(4):
        await shop.begin(campaign(f"c{number}"), people)
    await shop.run(workers=4)
    rows = await shop.scene.all(Message)
    for person in people:
        sent = [(row.channel, row.send_at) for row in rows if row.customer_id == person.id]
        assert len(sent) == 2  # the third would have to wait for a week: longer than a step is patient
        assert kept(caps, sent, ZoneInfo("UTC"))
        assert sorted(at - NOW for _, at in sent) == [timedelta(), timedelta(days=1)]

"""Money: a budget's use is the sum of its holds whatever happens to messages, and nobody gets past the amount."""

import asyncio
import random
from collections import Counter
from dataclasses import dataclass, field
from datetime import UTC, datetime
from decimal import Decimal
from types import SimpleNamespace
from typing import Any

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
from sqlalchemy import func, select, update

from campaigns.definition import Brand, Budget, WorkspaceConfig
from campaigns.limits import budgets
from campaigns.limits.budgets import Limit, budget_states, give_back, grant, limits_of, period_from
from campaigns.operating.unknowns import settle
from campaigns.responding.receipts import record_reports
from campaigns.running.closing import cancel_planned
from core.actors import Actor
from core.clock import EPOCH
from core.dispatching import Ended
from core.errors import Refused
from core.ids import new_id
from core.machines.message import CLAIM, DISPATCH, MessageState
from core.messages import DeliveryReport
from core.outcomes import Outcome, OutcomeKind
from storage.outbox import attempts, recovery
from storage.outbox.columns import table
from storage.outbox.holds import RELEASED, settle_prices
from storage.store import Store
from storage.tables import Attempt, BudgetUse, Campaign, CampaignVersion, Customer, Enrolment, Hold, Identity, Message
from tests.conftest import NOW

MESSAGES, HOLDS, USES = table(Message), table(Hold), table(BudgetUse)
BUDGETS = ("ads", "sms")
MONTH = datetime(2026, 12, 1, tzinfo=UTC)
AMOUNT = 50


@dataclass
class Scene:
    """Messages paid from budgets, and everything that can happen to them."""

    store: Store
    campaign: str
    prefix: str
    ids: list[str] = field(default_factory=list)
    attempts: list[tuple[str, str]] = field(default_factory=list)
    released: set[str] = field(default_factory=set)
    accepted: set[str] = field(default_factory=set)
    owed: bool = False

    def name(self, budget: int) -> str:
        return f"{self.prefix}-{BUDGETS[budget]}"

    async def plan(self, budget: int, price: int, within: bool = False) -> None:
        """``within``: the second budget is shared, and has to have room as well."""
        customer = Customer(created_at=NOW, updated_at=NOW)
        identity = Identity(
            customer_id=customer.id, channel="sms", address=customer.id, key=customer.id, created_at=NOW
        )
        enrolment = Enrolment(
            campaign_id=self.campaign, customer_id=customer.id, version=self.campaign, entered_at=NOW, step="s"
        )
        message = Message(
            customer_id=customer.id, identity_id=identity.id, channel="sms", account="a", enrolment_id=enrolment.id,
            campaign_id=self.campaign, version=self.campaign, step="s", leg="main", send_at=NOW, not_before=NOW,
            not_after=NOW, created_at=NOW,
        )  # fmt: skip
        enrolment.message_id = message.id
        first, second = self.name(budget), self.name(1) if within and budget == 0 else ""
        async with self.store.session() as session:
            connection = await session.connection()
            granted = {
                (name, MONTH): await grant(connection, name, MONTH, AMOUNT, 3 * price)
                for name in (first, second)
                if name
            }
            if min(granted.values()) < price:
                await give_back(connection, granted)
                return
            await give_back(connection, {key: micros - price for key, micros in granted.items()})
            hold = Hold(message_id=message.id, customer_id=customer.id, budget=first, period_from=MONTH,
                        shared_budget=second, shared_from=MONTH if second else None, amount_micros=price,
                        send_at=NOW)  # fmt: skip
            for row in (customer, identity, enrolment, message, hold):
                session.add(row)
                await session.flush()
        self.ids.append(message.id)

    async def start(self, id_: str) -> None:
        attempt = Attempt(message_id=id_, fence=0, worker="w", started_at=NOW)
        async with self.store.write() as connection:
            moved = await connection.execute(
                update(MESSAGES)
                .where(MESSAGES.c.id == id_, MESSAGES.c.state.in_([*CLAIM.sources, *DISPATCH.sources]))
                .values(state=DISPATCH.target, sent_at=NOW)
            )
            if moved.rowcount:
                await connection.execute(table(Attempt).insert(), attempt.model_dump())
                self.attempts.append((attempt.id, id_))

    async def end(self, place: int, kind: OutcomeKind) -> None:
        """Any outcome, also a late one of an attempt that was thought to be over."""
        if not self.attempts:
            return
        attempt, id_ = self.attempts[place % len(self.attempts)]
        outcome = Outcome(kind, provider_id=id_, retry_after=0.0)
        async with self.store.write() as connection:
            await attempts.record(connection, [Ended(attempt, id_, outcome)], now=NOW, machine_now=NOW)
        if kind is OutcomeKind.ACCEPTED:
            self.accepted.add(id_)

    async def refuse(self, id_: str) -> None:
        async with self.store.write() as connection:
            await connection.execute(
                update(MESSAGES)
                .where(MESSAGES.c.id == id_, MESSAGES.c.state == MessageState.PLANNED)
                .values(state=MessageState.CLAIMED)
            )
            await attempts.refuse(connection, [id_], "no text", NOW)

    async def cancel(self, id_: str) -> None:
        async with self.store.write() as connection:
            await cancel_planned(connection, MESSAGES.c.id == id_, "answered")

    async def reap(self) -> None:
        async with self.store.write() as connection:
            await connection.execute(
                update(MESSAGES).where(MESSAGES.c.state == MessageState.DISPATCHING).values(lease_until=EPOCH)
            )
            await recovery.reap(connection, NOW)

    async def report(self, id_: str, status: MessageState) -> None:
        report = DeliveryReport("a", id_, status, key=new_id(), message_id=id_)
        async with self.store.write() as connection:
            await record_reports(connection, [report], NOW)

    async def settle(self, id_: str, verdict: Any) -> None:
        try:
            async with self.store.write() as connection:
                await settle(connection, [id_], verdict, Actor("operator", "me"), NOW)
                new = await connection.scalars(
                    select(MESSAGES.c.id).where(
                        MESSAGES.c.campaign_id == self.campaign,
                        MESSAGES.c.leg.like("resend-%"),
                        MESSAGES.c.id.not_in(self.ids),
                    )
                )
                self.ids += list(new)
        except Refused:
            pass

    async def check(self) -> None:
        async with self.store.read() as connection:
            sums: Counter[str] = Counter()
            for budget in (HOLDS.c.budget, HOLDS.c.shared_budget):
                held = await connection.execute(
                    select(budget.label("name"), func.sum(HOLDS.c.amount_micros).label("micros"))
                    .where(HOLDS.c.state != RELEASED, budget.like(f"{self.prefix}%"))
                    .group_by(budget)
                )
                sums.update({row.name: int(row.micros) for row in held})
            used = await connection.execute(USES.select().where(USES.c.budget.like(f"{self.prefix}%")))
            taken = Counter({row.budget: row.taken_micros for row in used})
            ended = await connection.execute(
                select(MESSAGES.c.id, MESSAGES.c.state, HOLDS.c.state.label("hold"))
                .join(HOLDS, HOLDS.c.message_id == MESSAGES.c.id)
                .where(MESSAGES.c.id.in_(self.ids))
            )
            for row in ended:
                # what left after its money had gone back takes it again, whatever else was granted meanwhile
                self.owed |= row.hold != RELEASED and row.id in self.released
                if row.hold == RELEASED:
                    self.released.add(row.id)
                    assert row.state in (MessageState.REJECTED, MessageState.CANCELLED, MessageState.SKIPPED)
                left = row.state in (MessageState.ACCEPTED, MessageState.DELIVERED, MessageState.READ)
                if left or row.id in self.accepted:
                    assert row.hold == "spent"
        assert taken == sums  # a counter's zero is as good as nothing
        if not self.owed:
            assert all(micros <= AMOUNT for micros in taken.values())


place = st.integers(0, 30)
OPERATIONS = st.one_of(
    st.tuples(st.just("plan"), st.integers(0, 1), st.integers(0, 20), st.booleans()),
    st.tuples(st.just("start"), place),
    st.tuples(st.just("start"), place),
    st.tuples(st.just("end"), place, st.sampled_from(OutcomeKind)),
    st.tuples(st.just("refuse"), place),
    st.tuples(st.just("cancel"), place),
    st.tuples(st.just("reap")),
    st.tuples(st.just("report"), place, st.sampled_from([MessageState.DELIVERED, MessageState.FAILED])),
    st.tuples(st.just("settle"), place, st.sampled_from(["sent", "not-sent", "resend"])),
)


async def _scene(store: Store) -> Scene:
    campaign = new_id()
    async with store.session() as session:
        session.add(Campaign(id=campaign, name=campaign, version=campaign, created_at=NOW, updated_at=NOW))
        await session.flush()
        session.add(CampaignVersion(hash=campaign, campaign_id=campaign, body={}, created_at=NOW))
    return Scene(store, campaign, campaign)


SENT_AGAIN = [("start", 0), ("end", 0, OutcomeKind.UNKNOWN), ("settle", 0, "resend"), ("cancel", 2)]
LEFT_AFTER_ALL = [("start", 0), ("end", 0, OutcomeKind.REJECTED), ("end", 0, OutcomeKind.ACCEPTED)]
REPORTED_AND_REFUSED = [("start", 0), ("report", 0, MessageState.DELIVERED), ("end", 0, OutcomeKind.REJECTED)]


@given(history=st.lists(OPERATIONS, min_size=5, max_size=30))
@example(history=SENT_AGAIN)
@example(history=LEFT_AFTER_ALL)
@example(history=REPORTED_AND_REFUSED)
@settings(max_examples=30, deadline=None, suppress_health_check=[*HealthCheck])
async def test_a_budgets_use_is_the_sum_of_its_holds(store: Store, history: list[tuple[Any, ...]]) -> None:
    scene = await _scene(store)
    await scene.plan(0, 9, within=True)
    await scene.plan(1, 7)
    for name, *given_to in history:
        match name:
            case "plan" | "end" | "reap":
                await getattr(scene, name)(*given_to)
            case _:
                where, *rest = given_to
                await getattr(scene, name)(scene.ids[where % len(scene.ids)], *rest)
        await scene.check()


async def test_workers_together_never_get_past_the_amount(store: Store) -> None:
    amount, used = 1_000, []

    async def worker(seed: int) -> None:
        chance = random.Random(seed)
        for _ in range(15):
            wanted = chance.randint(1, 60)
            async with store.write() as connection:
                granted = await grant(connection, "ads", MONTH, amount, wanted)
                assert 0 <= granted <= wanted
                spent = chance.randint(0, granted)
                await asyncio.sleep(0)
                await give_back(connection, {("ads", MONTH): granted - spent})
                taken = await connection.scalar(select(USES.c.taken_micros).where(USES.c.budget == "ads"))
                assert (taken or 0) <= amount
            used.append(spent)

    await asyncio.gather(*(worker(seed) for seed in range(8)))
    async with store.write() as connection:
        rest = await grant(connection, "ads", MONTH, amount, amount)
        taken = await connection.scalar(select(USES.c.taken_micros).where(USES.c.budget == "ads"))
    assert sum(used) + rest == taken == amount


async def test_a_lowered_budget_grants_nothing_a_raised_one_the_rest(store: Store) -> None:
    async with store.write() as connection:
        assert await grant(connection, "b", EPOCH, 100, 80) == 80
        assert await grant(connection, "b", EPOCH, 50, 10) == 0
        assert await grant(connection, "b", EPOCH, 100, 30) == 20
        assert await grant(connection, "b", EPOCH, 130, 50) == 30
        assert await grant(connection, "b", MONTH, 100, 30) == 30  # another period
        assert await grant(connection, "c", EPOCH, 0, 10) == 0


async def test_a_history_within_the_amount_stays_within(store: Store) -> None:
    scene = await _scene(store)
    for price in (20, 20, 20):
        await scene.plan(0, price)
    assert len(scene.ids) == 2
    await scene.cancel(scene.ids[0])
    await scene.plan(0, 30)
    assert len(scene.ids) == 3
    await scene.check()


async def test_what_providers_charged_is_kept_beside_the_ceiling(store: Store) -> None:
    scene = await _scene(store)
    for price in (10, 10, 10):
        await scene.plan(0, price)
    for id_ in scene.ids[:2]:
        await scene.start(id_)
        await scene.end(len(scene.attempts) - 1, OutcomeKind.ACCEPTED)
    limit = Limit(scene.name(0), MONTH, AMOUNT)
    async with store.write() as connection:
        await settle_prices(connection, {scene.ids[0]: 14, scene.ids[1]: 3})
    async with store.read() as connection:
        (state,) = await budget_states(connection, [limit])
    assert (state.taken, state.held, state.spent, state.excess, state.left) == (30, 10, 17, 4, 20)


@pytest.mark.parametrize(
    ("period", "begins"),
    [
        ("total", EPOCH),
        ("day", datetime(2026, 11, 30, 21, tzinfo=UTC)),
        ("week", datetime(2026, 11, 29, 21, tzinfo=UTC)),
        ("month", datetime(2026, 11, 30, 21, tzinfo=UTC)),
        ("year", datetime(2025, 12, 31, 21, tzinfo=UTC)),
    ],
)
def test_periods_begin_on_the_organisations_calendar(period: str, begins: datetime) -> None:
    assert period_from(period, NOW, "Europe/Moscow") == begins


def test_an_own_budget_and_a_shared_one_of_the_same_name_are_two() -> None:
    marketing = Budget(name="winback", amount=Decimal(10), period="month")
    config = WorkspaceConfig(brand=Brand(name="b"), budgets=(marketing,))
    own = Limit("campaign/winback", EPOCH, 5_000_000)
    shared = Limit("winback", MONTH, 10_000_000)
    assert limits_of(Budget(name="winback", amount=Decimal(5)), "winback", config, NOW) == (own,)
    assert limits_of(Budget(name="winback"), "winback", config, NOW) == (shared,)
    assert limits_of(Budget(name="x", amount=Decimal(5), within="winback"), "winback", config, NOW) == (own, shared)


def test_a_budget_that_cannot_be_used_gives_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    # a log of its own: a command that another test ran has set the process's logs up for good
    told: list[str] = []
    monkeypatch.setattr(budgets, "log", SimpleNamespace(warning=lambda _event, *, why: told.append(why)))
    budgets._warn.cache_clear()
    config = WorkspaceConfig(brand=Brand(name="b"))
    assert limits_of(Budget(name="gone"), "winback", config, NOW) == (Limit("gone", EPOCH, 0),)
    foreign = Budget(name="x", amount=Decimal(5), currency="EUR")
    assert limits_of(foreign, "c", config, NOW) == (Limit("campaign/c", EPOCH, 0),)
    assert "no budget 'gone'" in told[0]
    assert "in EUR" in told[1]

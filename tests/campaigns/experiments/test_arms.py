"""Arms are counted from entry, both alike: the one query against a count in plain Python."""

import random
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

import pytest

from campaigns.definition import Experiment, Goal, Start
from campaigns.experiments.arms import HOLDOUT, Arm, Question, count_arms
from campaigns.experiments.inference import Sample
from campaigns.periods import Period
from core.ids import new_id
from core.machines.enrolment import EnrolmentState
from storage.tables import Customer, Enrolment, Event, Response
from tests.campaigns.starts.place import Place, campaign
from tests.conftest import NOW

DAY = timedelta(days=1)
GOAL = Goal(event="order", within=Period(10, "d"))


@dataclass
class Walker:
    """A customer as plain Python has them; ages are days from entry."""

    id: str
    variant: str
    ghost: bool
    entered: Any
    orders: list[tuple[float, int, str]] = field(default_factory=list)
    replies: list[float] = field(default_factory=list)
    answered: float | None = None


def walkers(count: int, seed: int) -> list[Walker]:
    chance = random.Random(seed)
    made = []
    for _ in range(count):
        one = Walker(new_id(), chance.choice("ab"), chance.random() < 0.2, NOW - chance.randint(0, 30) * DAY)
        one.orders = [
            (chance.choice([-5, -0.01, 0, 0.5, 3, 9.9, 10, 10.1, 25]), chance.randint(0, 90) * 10**6,
             chance.choice(["GBP", "GBP", "", "USD"]))
            for _ in range(chance.choice([0, 0, 0, 1, 2, 3]))
        ]  # fmt: skip
        one.replies = [chance.choice([0.1, 2, 6, 20]) for _ in range(chance.choice([0, 0, 1, 2]))]
        one.answered = chance.choice([None, None, 1.5])
        made.append(one)
    return made


async def put(place: Place, campaign_id: str, people: list[Walker]) -> None:
    version = (await place.all_campaigns())[campaign_id]
    async with place.store.session() as session:
        session.add_all(Customer(id=one.id, created_at=NOW, updated_at=NOW) for one in people)
        await session.flush()
        for one in people:
            ends = one.entered + one.answered * DAY if one.answered is not None else None
            session.add(
                Enrolment(
                    campaign_id=campaign_id, customer_id=one.id, version=version, variant=one.variant, ghost=one.ghost,
                    entered_at=one.entered, closed_at=ends, reason="reply" if ends else "",
                    state=EnrolmentState.ANSWERED if ends else EnrolmentState.WAITING,
                )
            )  # fmt: skip
            session.add_all(
                Event(customer_id=one.id, name="order", at=one.entered + age * DAY, amount_micros=amount,
                      currency=currency, source="t", external_id=new_id(), recorded_at=NOW)
                for age, amount, currency in one.orders
            )  # fmt: skip
            session.add_all(
                Response(key=new_id(), kind="reply", customer_id=one.id, campaign_id=campaign_id,
                         at=one.entered + age * DAY)
                for age in one.replies
            )  # fmt: skip


def by_hand(people: list[Walker], metric: str, until: Any, ripe: float | None) -> dict[str, Arm]:
    arms: dict[str, Arm] = {}
    for one in people:
        if one.entered > until - (ripe or 0) * DAY:
            continue
        last = (until - one.entered) / DAY
        last = last if ripe is None else min(last, ripe)
        if metric == "reply":
            did = [age for age in [*one.replies, one.answered] if age is not None and age <= last]
            amounts: list[float] = []
        else:
            hits = [(age, amount, money) for age, amount, money in one.orders if 0 <= age <= min(last, 10)]
            did = [age for age, _, _ in hits]
            amounts = [amount / 10**6 for _, amount, money in hits if money in ("", "GBP")]
        name = HOLDOUT if one.ghost else one.variant
        value = sum(amounts)
        arms[name] = arms.get(name, Arm(name, 0)).and_(Arm(name, 1, bool(did), Sample(1, value, value * value)))
    return arms


@pytest.mark.parametrize("metric", ["reply", "goal", "revenue"])
async def test_the_query_counts_as_by_hand(place: Place, metric: str) -> None:
    experiment = Experiment(variants={"a": 1, "b": 1})
    id_ = await place.apply(campaign("test", Start(kind="api"), goal=GOAL, experiment=experiment))
    people = walkers(150, 3)
    await put(place, id_, people)
    for until, ripe in ((NOW, None), (NOW - 12 * DAY, None), (NOW, 3), (NOW - DAY, 7)):
        question = Question(id_, metric, GOAL, until, "GBP", ripe * DAY if ripe else None)
        async with place.store.read() as connection:
            found = await count_arms(connection, question)
        assert dict(found) == by_hand(people, metric, until, ripe)


async def test_the_event_that_started_is_not_counted(place: Place) -> None:
    await place.apply(campaign("refill", Start(kind="event", event="order"), goal=Goal(event="order")))
    await place.event("ann", "order")
    (journey,) = await place.entered()
    question = Question(journey.campaign_id, "goal", Goal(event="order"), NOW + DAY)
    async with place.store.read() as connection:
        assert (await count_arms(connection, question))[""].reached == 0
    place.clock.advance_to(NOW + DAY / 2)
    await place.event("ann", "order")
    async with place.store.read() as connection:
        assert (await count_arms(connection, question))[""].reached == 1

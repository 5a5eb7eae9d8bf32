"""The daily draw: towards the better variant, once a day, the same for everybody, and nobody is dealt anew."""

import asyncio
import random
from datetime import timedelta

from sqlalchemy import select

from campaigns.definition import Experiment, Goal, Start
from campaigns.experiments.arms import Arm
from campaigns.experiments.drawing import DRAWS, LEAST, drawn, ripe_after
from campaigns.experiments.inference import Sample
from campaigns.periods import Period
from campaigns.starting.scheduler import Scheduler
from core.clock import VirtualClock
from storage.outbox.columns import table
from storage.tables import Audit, ExperimentWeights
from tests.campaigns.starts.place import Place, campaign
from tests.conftest import NOW

EVEN = Experiment(variants={"plain": 1, "warm": 1}, winner="thompson")
CART = Start(kind="event", event="cart_left")
DAY = timedelta(days=1)


def arms(plain: tuple[int, int], warm: tuple[int, int]) -> dict[str, Arm]:
    return {name: Arm(name, n, did) for name, (n, did) in (("plain", plain), ("warm", warm))}


def test_weights_follow_what_is_known() -> None:
    even = drawn(EVEN, arms((1000, 100), (1000, 100)), "one")
    assert 0.4 < even["warm"] < 0.6
    assert sum(even.values()) == 1
    better = drawn(EVEN, arms((1000, 100), (1000, 130)), "one")
    assert 0.9 < better["warm"] <= 1 - LEAST
    assert better["plain"] >= LEAST
    assert better == drawn(EVEN, arms((1000, 100), (1000, 130)), "one")
    assert better != drawn(EVEN, arms((1000, 100), (1000, 130)), "another day")


def test_the_share_is_the_chance_of_being_best() -> None:
    """Against the exact chance of one Beta above another, Σ of Beta functions (Cook, 2005)."""
    from math import exp, lgamma

    def beta(a: float, b: float) -> float:
        return lgamma(a) + lgamma(b) - lgamma(a + b)

    a, b, c, d = 11, 91, 16, 86  # plain: 10 of 100, warm: 15 of 100
    exact = sum(exp(beta(a + i, b + d) - beta(1 + i, d) - beta(a, b)) / (d + i) for i in range(c))
    found = drawn(EVEN, arms((100, 10), (100, 15)), "x")["warm"]
    assert abs((found - LEAST) / (1 - 2 * LEAST) - exact) < 3 / DRAWS**0.5


def test_until_there_is_something_to_see_the_own_weights_stand() -> None:
    uneven = EVEN.model_copy(update={"variants": {"plain": 3, "warm": 1}})
    assert drawn(uneven, {}, "x") == {"plain": 0.75, "warm": 0.25}
    revenue = EVEN.model_copy(update={"metric": "revenue"})
    few = {name: Arm(name, 29, 5, Sample(29, 100, 900)) for name in ("plain", "warm")}
    assert drawn(revenue, few, "x") == {"plain": 0.5, "warm": 0.5}
    many = {name: Arm(name, 400, 90, Sample(400, total, 90_000)) for name, total in (("plain", 4000), ("warm", 4800))}
    assert drawn(revenue, many, "x")["warm"] > 0.9
    dropped = EVEN.model_copy(update={"variants": {"plain": 1, "warm": 1, "cold": 0}})
    assert drawn(dropped, {**arms((9, 1), (9, 1)), "cold": Arm("cold", 9, 9)}, "x")["cold"] == 0


def test_traffic_moves_to_the_better_arm() -> None:
    """Thirty days of 100 entries, 10 % against 14 %: most of the last days' entries go to the better."""
    late = []
    for seed in range(20):
        chance, known = random.Random(seed), {"plain": [0, 0], "warm": [0, 0]}
        for day in range(30):
            weights = drawn(EVEN, arms(*((n, did) for n, did in known.values())), f"{seed} {day}")
            dealt = ["warm" if chance.random() < weights["warm"] else "plain" for _ in range(100)]
            for name in dealt:
                known[name][0] += 1
                known[name][1] += chance.random() < (0.14 if name == "warm" else 0.10)
            late += [dealt.count("warm")] if day >= 20 else []
    assert sum(late) / len(late) > 80


def test_the_time_to_react() -> None:
    assert ripe_after("reply", None) == 3 * DAY
    assert ripe_after("goal", Goal(event="order")) == 7 * DAY
    assert ripe_after("revenue", Goal(event="order", within=Period(2, "d"))) == 2 * DAY


async def test_one_draw_a_day_however_many_schedulers(place: Place) -> None:
    await place.apply(campaign("cart", CART, experiment=EVEN, goal=Goal(event="order")))
    clocks = [VirtualClock(NOW) for _ in range(4)]
    schedulers = [Scheduler(place.store, clock) for clock in clocks]
    for day in range(3):
        for hours in (0, 6):
            for clock in clocks:
                clock.advance_to(NOW + day * DAY + timedelta(hours=hours))
            await asyncio.gather(*(scheduler.tick() for scheduler in schedulers))
    weights, audit = table(ExperimentWeights), table(Audit)
    async with place.store.read() as connection:
        days = list(await connection.scalars(select(weights.c.day).order_by(weights.c.day)))
        told = await connection.scalars(select(audit.c.detail).where(audit.c.action == "experiment.draw"))
        assert sorted(one["day"] for one in told) == days == ["2026-12-01", "2026-12-02", "2026-12-03"]


async def test_nobody_is_dealt_anew(place: Place) -> None:
    """Weights turn over between two rounds: whoever comes again keeps the variant, whoever is new follows them."""
    await place.apply(campaign("cart", CART, experiment=EVEN, reentry=Period(1, "h")))
    await store_weights(place, {"plain": 0.98, "warm": 0.02})
    for number in range(60):
        await place.event(f"c{number}", "cart_left")
    first = {row.external_id: row.variant for row in await place.entered()}
    assert list(first.values()).count("plain") > 50
    await place.close_all()
    await store_weights(place, {"plain": 0.02, "warm": 0.98})
    place.clock.advance_to(NOW + DAY)
    for number in range(120):
        await place.event(f"c{number}", "cart_left")
    second = {row.external_id: row.variant for row in await place.entered() if row.entered_at > NOW}
    assert {name: second[name] for name in first} == first
    assert [second[name] for name in second if name not in first].count("warm") > 50


async def store_weights(place: Place, weights: dict[str, float]) -> None:
    (id_,) = await place.all_campaigns()
    async with place.store.session() as session:
        await session.merge(ExperimentWeights(campaign_id=id_, day="2026-12-01", weights=weights, at=NOW))

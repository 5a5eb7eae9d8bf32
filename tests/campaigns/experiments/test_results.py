"""What is concluded, and when: no winner before the time that was set, a warning where the split is off."""

import random
from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest
from rich.console import Console

from campaigns.definition import Experiment, Goal, Start
from campaigns.experiments.arms import HOLDOUT, Arm
from campaigns.experiments.inference import Sample
from campaigns.experiments.results import ExperimentResult, concluded, experiment_result
from campaigns.periods import Period
from core.errors import Refused
from otklik.experiment_report import print_experiment
from tests.campaigns.experiments.test_arms import Walker, put
from tests.campaigns.starts.place import CONFIG, Place, campaign
from tests.conftest import NOW

DAY = timedelta(days=1)
TWO = Experiment(variants={"plain": 1, "warm": 1})
HELD = Experiment(holdout=Decimal("0.1"))


def conclude(experiment: Experiment, *arms: Arm, over: bool = True, **more: Any) -> ExperimentResult:
    definition = campaign("test", Start(kind="api"), experiment=experiment)
    counted = {arm.name: arm for arm in arms}
    return concluded(definition, experiment, CONFIG, counted, until=NOW, ends=NOW, over=over, **more)


def money(name: str, number: int, mean: float) -> Arm:
    return Arm(name, number, number // 2, Sample(number, number * mean, number * (mean * mean + 100)))


def test_no_winner_before_the_time() -> None:
    arms = Arm("plain", 1000, 100), Arm("warm", 1000, 200)
    early = conclude(TWO, *arms, over=False)
    assert (early.verdict, early.winner, early.p) == ("early", "", None)
    assert (early.needed, early.enough) == (2402, False)
    over = conclude(TWO, *arms)
    assert (over.verdict, over.winner) == ("winner", "warm")
    assert over.p is not None
    assert over.p < 0.001


@pytest.mark.parametrize(
    ("arms", "verdict"),
    [
        ((Arm("plain", 1000, 100), Arm("warm", 1000, 110)), "same"), ((Arm("plain", 20, 2), Arm("warm", 20, 7)), "few"),
        ((Arm("plain", 1000, 0), Arm("warm", 1000, 0)), "few"), ((Arm("plain", 1000, 990), Arm("warm", 0, 0)), "few"),
    ],
)  # fmt: skip
def test_what_is_not_proven(arms: tuple[Arm, ...], verdict: str) -> None:
    assert conclude(TWO, *arms).verdict == verdict


def test_more_variants_need_more_proof() -> None:
    pair = Arm("plain", 1000, 100), Arm("warm", 1000, 131)
    assert conclude(TWO, *pair).verdict == "winner"
    four = TWO.model_copy(update={"variants": dict.fromkeys(("plain", "warm", "red", "blue"), 1)})
    assert conclude(four, *pair, Arm("red", 1000, 101), Arm("blue", 1000, 99)).verdict == "same"


def test_against_the_holdout() -> None:
    found = conclude(HELD, Arm("", 9000, 900), Arm(HOLDOUT, 1000, 70))
    assert (found.verdict, found.winner) == ("winner", "")
    (lift,) = found.lifts
    assert lift.difference.estimate == pytest.approx(0.03)
    assert lift.difference.low > 0
    assert lift.relative == pytest.approx(3 / 7)
    assert lift.brought.estimate == pytest.approx(270)
    replies = HELD.model_copy(update={"metric": "reply"})
    assert conclude(replies, Arm("", 9000, 900), Arm(HOLDOUT, 1000, 0)).lifts == ()
    assert conclude(replies, Arm("", 9000, 900), Arm(HOLDOUT, 1000, 0)).verdict == "alone"


def test_revenue_is_compared_by_customer() -> None:
    revenue = TWO.model_copy(update={"metric": "revenue", "holdout": Decimal("0.1")})
    found = conclude(revenue, money("plain", 500, 10), money("warm", 500, 14), money(HOLDOUT, 110, 9))
    assert (found.verdict, found.winner) == ("winner", "warm")
    assert {lift.arm: lift.difference.excludes_zero for lift in found.lifts} == {"plain": False, "warm": True}


def test_a_split_that_is_off_is_said() -> None:
    assert not conclude(TWO, Arm("plain", 1000, 100), Arm("warm", 1040, 100)).split_is_off
    assert conclude(TWO, Arm("plain", 1000, 100), Arm("warm", 1200, 100)).split_is_off
    assert conclude(HELD, Arm("", 9000, 900), Arm(HOLDOUT, 700, 70)).split_is_off
    moving = TWO.model_copy(update={"winner": "thompson"})
    assert conclude(moving, Arm("plain", 100, 10), Arm("warm", 900, 10)).split_p is None


def test_alike_variants_have_a_winner_in_one_case_of_twenty() -> None:
    """The whole rule over 1,000 experiments in which nothing differs."""
    chance, wins = random.Random(3), 0
    for _ in range(1000):
        arms = (Arm(name, 300, sum(chance.random() < 0.2 for _ in range(300))) for name in ("plain", "warm"))
        wins += conclude(TWO, *arms).verdict == "winner"
    assert 30 < wins < 70


async def test_what_comes_after_the_time_changes_no_verdict(place: Place) -> None:
    experiment = TWO.model_copy(update={"horizon": Period(10, "d")})
    id_ = await place.apply(campaign("test", Start(kind="api"), goal=Goal(event="order"), experiment=experiment))
    people = [_walker(number, 0.5 if number % (5 if number % 2 else 2) == 0 else 15) for number in range(200)]
    await put(place, id_, people)
    seen = []
    for days in (9, 10, 11, 40):
        async with place.store.read() as connection:
            seen.append(await experiment_result(connection, "test", NOW - 30 * DAY + days * DAY))
    assert [one.verdict for one in seen] == ["early", "winner", "winner", "winner"]
    assert seen[1] == seen[2] == seen[3]
    assert seen[1].winner == "plain"
    assert seen[1].counted_until == seen[1].verdict_at


def _walker(number: int, age: float) -> Walker:
    from core.ids import new_id

    return Walker(new_id(), "warm" if number % 2 else "plain", False, NOW - 30 * DAY, orders=[(age, 10**6, "GBP")])


async def test_a_campaign_that_compares_nothing_says_so(place: Place) -> None:
    await place.apply(campaign("plain", Start(kind="api")))
    async with place.store.read() as connection:
        for name, message in (("plain", "no experiment"), ("other", "no campaign")):
            with pytest.raises(Refused, match=message):
                await experiment_result(connection, name, NOW)


@pytest.mark.parametrize("lang", ["en", "ru", "fa"])
def test_it_reads_in_every_language(lang: str) -> None:
    held = TWO.model_copy(update={"holdout": Decimal("0.1")})
    arms = Arm("plain", 1000, 100), Arm("warm", 1000, 200), Arm(HOLDOUT, 220, 20)
    revenue = held.model_copy(update={"metric": "revenue"})
    sums = money("plain", 500, 10), money("warm", 500, 14), money(HOLDOUT, 1, 9)
    moving = held.model_copy(update={"winner": "thompson"})
    for result in (
        conclude(held, *arms), conclude(held, *arms, over=False), conclude(revenue, *sums), conclude(held),
        conclude(TWO, Arm("plain", 1000, 100), Arm("warm", 1300, 100)),
        conclude(TWO, Arm("plain", 9, 2), Arm("warm", 9, 1)),
        conclude(moving, *arms, weights={"plain": 0.1, "warm": 0.9}), conclude(HELD, Arm("", 5, 5)),
    ):  # fmt: skip
        console = Console(record=True, width=140, force_terminal=False)
        print_experiment(console, result, lang)
        told = console.export_text()
        assert "experiment." not in told
        assert "{" not in told
        assert ("۵" in told) == (lang == "fa")
        if lang == "en" and result.verdict == "winner" and result.metric == "goal":
            assert "The winner is warm (p < 0.001)." in told
            assert "+10.9 points (" in told

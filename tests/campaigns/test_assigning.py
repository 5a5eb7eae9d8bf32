"""Assignments are a hash: the shares come out, arms are independent, nobody flips; waves keep their pace."""

from collections import Counter
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from itertools import islice
from zoneinfo import ZoneInfo

from campaigns.definition import Brand, CampaignDefinition, Experiment, Leg, Pace, SendStep, Staff, WorkspaceConfig
from campaigns.starting.assigning import assign, beginnings, per_hour
from core.draws import customer_draw
from core.purposes import Purpose

STEP = SendStep(id="mail", main=Leg(channel="email", template="t"))
CONFIG = WorkspaceConfig(brand=Brand(name="Lantern Books"), zone="Europe/London")
NOON = datetime(2026, 12, 1, 12, tzinfo=UTC)
DRAWS = [customer_draw(f"{number:026d}") for number in range(20_000)]
"""Of the same customers in every run: the bounds below are three deviations wide, which one run in 300 would leave."""


def campaign(**more: object) -> CampaignDefinition:
    return CampaignDefinition(name="winback", audience="all", steps=(STEP,), **more)  # type: ignore[arg-type]


def test_shares_come_out_and_arms_are_independent() -> None:
    experiment = Experiment(variants={"plain": 3, "warm": 1}, holdout=Decimal("0.1"))
    made = [assign(campaign(experiment=experiment), CONFIG, draw, experiment.variants) for draw in DRAWS]
    held = [one for one in made if one.ghost]
    assert 0.09 < len(held) / len(made) < 0.11
    for group in (made, held):
        warm = Counter(one.variant for one in group)["warm"] / len(group)
        assert 0.22 < warm < 0.28
    again = [assign(campaign(experiment=experiment), CONFIG, draw, experiment.variants) for draw in DRAWS]
    assert made == again


def test_the_global_holdout_is_the_same_people_in_every_campaign_and_spares_transactions() -> None:
    config = CONFIG.model_copy(update={"holdout": Decimal("0.05")})
    other = CampaignDefinition(name="spring", audience="all", steps=(STEP,))
    held = [draw for draw in DRAWS if assign(campaign(), config, draw, {}).ghost]
    assert 0.04 < len(held) / len(DRAWS) < 0.06
    assert held == [draw for draw in DRAWS if assign(other, config, draw, {}).ghost]
    assert not any(assign(campaign(purpose=Purpose.TRANSACTIONAL), config, draw, {}).ghost for draw in DRAWS)


def test_a_new_weight_moves_only_its_share() -> None:
    experiment = Experiment(variants={"a": 1, "b": 1})
    before = [assign(campaign(experiment=experiment), CONFIG, draw, {"a": 1, "b": 1}).variant for draw in DRAWS]
    after = [assign(campaign(experiment=experiment), CONFIG, draw, {"a": 1.2, "b": 0.8}).variant for draw in DRAWS]
    moved = Counter((old, new) for old, new in zip(before, after, strict=True) if old != new)
    assert set(moved) == {("b", "a")}
    assert 0.08 < moved["b", "a"] / len(DRAWS) < 0.12


def test_without_a_pace_all_begin_at_once() -> None:
    assert set(islice(beginnings(campaign(), CONFIG, NOON), 5)) == {NOON}


def test_a_pace_runs_in_the_sending_hours_only_and_loses_nobody_over_night() -> None:
    begins = list(islice(beginnings(campaign(pace=Pace(per_hour=100)), CONFIG, NOON), 2_000))
    hours = Counter(instant.replace(minute=0, second=0, microsecond=0) for instant in begins)
    assert max(hours.values()) <= 101
    local = [instant.astimezone(ZoneInfo("Europe/London")).hour for instant in begins]
    assert min(local) == 8
    assert max(local) == 20
    assert begins == sorted(begins)
    assert begins[900] - NOON >= timedelta(hours=20)  # nine hours are left of the day


def test_a_share_of_the_desk_is_counted_in_answers() -> None:
    config = CONFIG.model_copy(update={"staff": Staff(agents=3, answers_per_hour=10, reply_rate=Decimal("0.05"))})
    assert per_hour(Pace(share=Decimal("0.5")), config) == 300

"""The walk: weights, rates of answers, money and quotas of a sample."""

from datetime import date, timedelta
from decimal import Decimal
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from campaigns.definition import (
    Brand,
    Budget,
    CampaignBody,
    CampaignDefinition,
    Leg,
    Quota,
    SendingHours,
    SendStep,
    Staff,
    TaskStep,
    WorkspaceConfig,
)
from campaigns.engine import Facts, IdentityFacts, Journey, Price
from campaigns.forecast.figures import capacity, figures
from campaigns.forecast.purse import DailyQuota, Purse, spread
from campaigns.forecast.walking import HORIZON, Tally, Traveller, World, walk
from campaigns.periods import Period
from core.money import MICRO
from tests.conftest import NOW

LONDON = ZoneInfo("Europe/London")
CONFIG = WorkspaceConfig(brand=Brand(name="Lantern Books"), zone="Europe/London", currency="GBP")
TODAY = date(2026, 12, 1)


def _letter(id_: str, channel: str = "email", **more: Any) -> SendStep:
    return SendStep(id=id_, main=Leg(channel=channel, template="t"), wait=Period(3, "d"), **more)


def _body(*steps: Any, **more: Any) -> CampaignBody:
    definition = CampaignDefinition(name="winback", audience="", steps=steps, **more)
    return CampaignBody(definition=definition, templates={})


def _facts(price: int = 0, channels: tuple[str, ...] = ("email",)) -> Facts:
    return Facts(
        zone=LONDON,
        sending_hours=SendingHours(),
        identities=tuple(IdentityFacts(channel, channel, consented=True) for channel in channels),
        price_of=lambda *_: Price(price),
    )


def _walk(
    body: CampaignBody, *, number: int = 4, weight: float = 25.0, facts: Facts | None = None, **world: Any
) -> Tally:
    one = World(LONDON, Purse(body.definition, CONFIG), world.pop("rates", {}), **world)
    facts = facts or _facts()
    travellers = [Traveller(body, Journey(), facts, NOW, weight) for _ in range(number)]
    return walk(travellers, one, NOW + HORIZON)


def _by_step(tally: Tally) -> dict[str, float]:
    found: dict[str, float] = {}
    for key, count in tally.messages.items():
        found[key.step] = found.get(key.step, 0.0) + count
    return found


def test_those_who_answer_go_no_further() -> None:
    body = _body(_letter("first"), _letter("second"), _letter("third"))
    tally = _walk(body, rates={"email": 0.2})
    assert _by_step(tally) == pytest.approx({"first": 100, "second": 80, "third": 64})
    assert sum(tally.answers.values()) == pytest.approx(20 + 16 + 12.8)
    found = figures(tally, body.definition, weekly=False)
    assert [(week.week, round(week.number)) for week in found.weeks] == [
        (date(2026, 11, 30), 180),
        (date(2026, 12, 7), 64),
    ]


def test_a_step_that_nothing_answers_keeps_everybody() -> None:
    body = _body(_letter("first", until=frozenset()), _letter("second"))
    assert _by_step(_walk(body, rates={"email": 0.5})) == pytest.approx({"first": 100, "second": 100})


def test_money_stops_the_forecast_where_it_stops_sending() -> None:
    body = _body(_letter("first"), _letter("second"), budget=Budget(name="own", amount=Decimal(6)))
    tally = _walk(body, number=100, weight=1.0, facts=_facts(MICRO // 10))
    assert _by_step(tally) == pytest.approx({"first": 60})
    assert sum(tally.cost.values()) == 6 * MICRO
    assert {key.reason for key in tally.gates} == {"budget"}


def test_a_new_period_of_a_budget_begins_full() -> None:
    body = _body(_letter("first"), _letter("second"), budget=Budget(name="own", amount=Decimal(6), period="day"))
    assert _by_step(_walk(body, number=50, weight=1.0, facts=_facts(MICRO // 10))) == pytest.approx(
        {"first": 50, "second": 50}
    )


def test_what_is_over_a_days_quota_goes_to_the_next_days() -> None:
    body = _body(TaskStep(id="call", task="call", max=Quota(number=20), expires=Period(30, "d")))
    quotas = {"call": DailyQuota(20, 20, TODAY)}
    tally = _walk(body, number=50, weight=2.0, quotas=quotas)
    assert sum(tally.asks.values()) == pytest.approx(100)
    (line,) = figures(tally, body.definition, weekly=False).asks
    assert (line.number, line.peak, line.most) == (pytest.approx(100), 20, 20)
    assert len({day for _, day in tally.asks}) == 5


def test_impatient_tasks_are_passed_over() -> None:
    body = _body(TaskStep(id="call", task="call", max=Quota(number=20), expires=Period(1, "d")))
    tally = _walk(body, number=100, weight=1.0, quotas={"call": DailyQuota(20, 20, TODAY)})
    assert sum(tally.asks.values()) == 40
    assert {key.verdict: count for key, count in tally.gates.items()} == {"deferred": 80, "skipped": 60}


def test_a_heavy_sample_owes_what_it_took_too_much() -> None:
    quota = DailyQuota(20, 20, TODAY)
    quota.take(50)
    days = [TODAY + timedelta(days=number) for number in range(4)]
    assert [quota.on(day) for day in days] == [-30, -10, 10, 20]
    assert spread({TODAY: 50.0, days[1]: 5.0}, 20) == {TODAY: 20, days[1]: 20, days[2]: 15}
    assert spread({TODAY: 50.0}, None) == {TODAY: 50}


def test_a_stream_is_told_by_the_week() -> None:
    body = _body(_letter("first"), _letter("second"))
    found = figures(_walk(body), body.definition, weekly=True)
    assert [(line.step, line.number) for line in found.sends] == [("first", 25), ("second", 25)]
    assert found.weeks == ()


def test_what_staff_can_answer() -> None:
    staff = Staff(agents=2, answers_per_hour=10, hours=SendingHours(opens="09:00", closes="17:30"))
    assert capacity(CONFIG.model_copy(update={"staff": staff})) == 170
    assert capacity(CONFIG) == 0

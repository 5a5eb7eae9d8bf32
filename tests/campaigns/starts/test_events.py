"""An event that arrives lets its customer in, once, where everything else allows it."""

from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import update

from campaigns.definition import ActivePeriod, GiveStep, Goal, Pace, Start
from campaigns.periods import Period
from campaigns.responding.events import sweep_goals
from campaigns.running.runner import Runner
from campaigns.starting.events import start_by_imported
from core.clock import machine_now
from core.machines.campaign import CampaignState
from core.machines.enrolment import EnrolmentState
from core.wakeup import LocalWakeup
from storage.outbox.columns import table
from storage.tables import Campaign, Event
from tests.campaigns.starts.place import CONFIG, STEP, Place, campaign
from tests.conftest import NOW

CART = Start(kind="event", event="cart_left")
HOUR = timedelta(hours=1)


async def test_an_event_starts_what_it_names_and_nothing_else(place: Place) -> None:
    await place.apply(campaign("cart", CART))
    await place.apply(campaign("other", Start(kind="event", event="visit")))
    await place.event("ann", "cart_left", key="c-1")
    assert not await place.event("ann", "cart_left", key="c-1")
    await place.event("bob", "order")
    (journey,) = await place.entered()
    assert (journey.external_id, journey.name, journey.entered_at, journey.due_at) == ("ann", "cart", NOW, NOW)
    async with place.store.session() as session:
        assert (await session.get_one(Event, journey.event_id)).external_id == "c-1"
    assert await place.scheduler.next_start() is None
    assert await place.tick() == 0


async def test_properties_say_which_events(place: Place) -> None:
    where = {"amount": {"above": 50}, "category": {"in": ["books", "maps"]}}
    await place.apply(campaign("cart", CART.model_copy(update={"where": where})))
    for customer, amount, category in [("a", 50, "books"), ("b", 51, "books"), ("c", 60, "toys"), ("d", 99, "maps")]:
        await place.event(customer, "cart_left", amount_micros=amount * 10**6, properties={"category": category})
    await place.event("e", "cart_left")
    assert await place.who() == ["b", "d"]


@pytest.mark.parametrize(("ago", "starts"), [(timedelta(), True), (HOUR, True), (HOUR + timedelta(seconds=1), False)])
async def test_an_old_event_starts_nothing(place: Place, ago: timedelta, starts: bool) -> None:
    await place.apply(campaign("cart", CART))
    await place.event("ann", "cart_left", at=NOW - ago)
    assert await place.who() == (["ann"] if starts else [])


async def test_the_audience_is_asked_now_and_may_depend_on_the_event(place: Place) -> None:
    await place.segment("readers", {"event": "order", "where": {"category": "books"}})
    await place.apply(campaign("thanks", Start(kind="event", event="order"), audience="readers"))
    await place.event("ann", "order", properties={"category": "books"})
    await place.event("bob", "order", properties={"category": "toys"})
    assert await place.who() == ["ann"]


async def test_reentry_period_and_state(place: Place) -> None:
    await place.apply(campaign("once", CART))
    await place.apply(campaign("again", CART, reentry=Period(2, "h")))
    await place.apply(campaign("later", CART, period=ActivePeriod(first=date(2026, 12, 2))))
    paused = await place.apply(campaign("paused", CART))
    campaigns = table(Campaign)
    async with place.store.write() as connection:
        await connection.execute(update(campaigns).where(campaigns.c.id == paused).values(state=CampaignState.PAUSED))
    for hours in (0, 1, 2, 13):
        place.clock.advance_to(NOW + hours * HOUR)
        await place.event("ann", "cart_left")
        await place.close_all()
    assert {name: len(await place.who(name)) for name in ("once", "again", "later", "paused")} == {
        "once": 1, "again": 3, "later": 1, "paused": 0,
    }  # fmt: skip


async def test_the_event_that_starts_is_not_the_goal(place: Place) -> None:
    """Order after order: the first starts, the second converts; and so says the sweep after an import."""
    await place.apply(campaign("refill", Start(kind="event", event="order"), goal=Goal(event="order")))
    await place.event("ann", "order")
    assert await sweep_goals(place.store, NOW) == 0
    (journey,) = await place.entered()
    assert journey.state is EnrolmentState.WAITING
    await place.event("ann", "order")
    (journey,) = await place.entered()
    assert journey.state is EnrolmentState.CONVERTED


async def test_an_audience_that_cannot_be_asked_keeps_no_event_out(place: Place) -> None:
    await place.apply(campaign("cart", CART, audience="gone"))
    assert await place.event("ann", "cart_left")
    assert await place.who() == []


async def test_an_import_starts_by_its_last_hour_and_says_what_it_left_out(place: Place) -> None:
    started = CART.model_copy(update={"where": {"size": {"above": 1}}})
    await place.apply(campaign("cart", started))
    ids = await place.people(*({"external_id": f"c{n}"} for n in range(6)))
    began = machine_now()
    ages = [timedelta(minutes=5), timedelta(minutes=59), 2 * HOUR, timedelta(days=400), timedelta(minutes=1)]
    async with place.store.session() as session:
        session.add_all(
            Event(customer_id=id_, name="cart_left", at=NOW - age, source="file", external_id=f"f{number}",
                  properties={"size": 1 if number == 4 else 3}, recorded_at=NOW)
            for number, (id_, age) in enumerate(zip(ids, ages, strict=False))
        )  # fmt: skip
    assert await start_by_imported(place.store, "file", began, NOW) == (2, 2)
    assert await place.who() == ["c0", "c1"]
    await place.close_all()
    assert await start_by_imported(place.store, "file", machine_now() + HOUR, NOW + timedelta(seconds=1)) == (0, 0)


async def test_an_event_starts_once_though_reentry_would_allow_it(place: Place) -> None:
    await place.apply(campaign("cart", CART, reentry=Period(1, "s")))
    await place.event("ann", "cart_left")
    await place.close_all()
    place.clock.advance_to(NOW + timedelta(minutes=1))
    assert await start_by_imported(place.store, "shop", machine_now(), place.clock.now()) == (0, 0)
    assert len(await place.who()) == 1


async def test_an_event_that_a_campaign_records_starts_another(place: Place) -> None:
    give = GiveStep(id="points", points=100)
    await place.apply(campaign("cart", CART, steps=(give, STEP)))
    rich = Start(kind="event", event="points_given", where={"points": {"above": 50}})
    await place.apply(campaign("thanks", rich))
    await place.event("ann", "cart_left")
    await Runner(place.store, place.clock, LocalWakeup()).run_once()
    assert {(row.external_id, row.name) for row in await place.entered()} == {("ann", "cart"), ("ann", "thanks")}


async def test_the_allowlist_and_the_pace_hold_here_too(place: Place) -> None:
    await place.apply(campaign("wave", CART, pace=Pace(per_hour=60)))
    await place.begin(CONFIG.model_copy(update={"mode": "allowlist", "allowlist": ("c1", "c2", "c3")}))
    ids = await place.people(*({"external_id": f"c{n}"} for n in range(6)))
    async with place.store.session() as session:
        session.add_all(_event(id_, number) for number, id_ in enumerate(ids))
    assert await start_by_imported(place.store, "file", machine_now(), NOW) == (3, 0)
    assert [row.due_at - NOW for row in await place.entered()] == [timedelta(minutes=n) for n in range(3)]


def _event(customer_id: str, number: int) -> Any:
    at = datetime(2026, 12, 1, 11, 50, tzinfo=UTC)
    return Event(
        customer_id=customer_id, name="cart_left", at=at, source="file", external_id=f"w{number}", recorded_at=NOW
    )

"""Starts by a customer's own day: the calendar against a count of all days, the selection against plain Python."""

from calendar import isleap
from datetime import UTC, date, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sqlalchemy import select

from campaigns.definition import ActivePeriod, Start
from campaigns.periods import Period
from campaigns.starting.dates import chosen, days_meant
from campaigns.starting.occurrences import occurrences
from campaigns.starting.scheduler import SKIPPED
from storage.outbox.columns import table
from storage.tables import Customer, Occurrence
from tests.campaigns.starts.place import Place, campaign
from tests.conftest import NOW

BIRTHDAY = Start(kind="date", field="birthday", yearly=True, zone="customer")
LONDON = ZoneInfo("Europe/London")
DAYS = st.dates(date(2023, 1, 1), date(2029, 12, 31))
OFFSETS = st.builds(Period, st.integers(0, 40), st.sampled_from(["d", "w", "mo", "y"]))


def moved(day: date, period: Period, *, before: bool) -> date:
    noon = datetime(day.year, day.month, day.day, 12, tzinfo=UTC)
    utc = ZoneInfo("UTC")
    return (period.before(noon, utc) if before else period.after(noon, utc)).date()


@given(DAYS, OFFSETS, st.booleans())
@settings(deadline=None, max_examples=60)
def test_the_days_meant_are_all_that_lead_here(today: date, offset: Period, before: bool) -> None:
    found = days_meant(Start(kind="date", field="birthday", offset=offset, before=before), today)
    assert all(moved(day, offset, before=before) == today for day in found)
    reach = offset.rough.days + 60 + offset.amount
    near = [today + timedelta(days=step) for step in range(-reach, reach + 1)]
    assert found == [day for day in near if moved(day, offset, before=before) == today]


def test_an_offset_out_of_the_calendar_means_no_day() -> None:
    assert days_meant(Start(kind="date", field="birthday", offset=Period(99999, "y")), date(2026, 1, 1)) == []


def test_daily_instants_through_both_clock_changes() -> None:
    start = BIRTHDAY.model_copy(update={"time": "01:30"})
    for after in (datetime(2026, 3, 27, tzinfo=UTC), datetime(2026, 10, 23, tzinfo=UTC)):
        found = list(occurrences(start, LONDON, after, after + timedelta(days=5)))
        local = [instant.astimezone(LONDON) for instant in found]
        assert [one.date() for one in local] == [after.date() + timedelta(days=n) for n in range(5)]
        skipped = date(2026, 3, 29)
        assert all((one.hour, one.minute) == ((2, 0) if one.date() == skipped else (1, 30)) for one in local)


async def test_the_selection_equals_a_count_by_hand(place: Place) -> None:
    births = ["2024-02-29", "1996-02-29", "1980-02-28", "1980-03-01", "1999-12-31", "2000-01-01", "2026-11-05",
              "2027-02-28", "", None]  # fmt: skip
    people: list[dict[str, Any]] = [
        {"external_id": str(n), "birthday": own, "attributes": {"ends": own}} for n, own in enumerate(births)
    ]
    people += [{"external_id": "long", "attributes": {"ends": "2027-02-28T10:00:00"}},
               {"external_id": "number", "attributes": {"ends": 20270228}}]  # fmt: skip
    await place.people(*people)
    customers = table(Customer)

    async def picked(start: Start, today: date) -> set[str]:
        async with place.store.read() as connection:
            query = select(customers.c.external_id).where(chosen(start, today, LONDON))
            return set(await connection.scalars(query))

    for today in (date(2027, 2, 28), date(2028, 2, 28), date(2028, 2, 29), date(2026, 12, 31), date(2027, 1, 1),
                  date(2025, 11, 5), date(2027, 11, 2)):  # fmt: skip
        for before, days in ((False, 0), (True, 3), (False, 1)):
            offset = {"offset": Period(days, "d"), "before": before}
            day = today + timedelta(days=days if before else -days)
            kept = {n for n, birth in enumerate(births) if birth and _kept(date.fromisoformat(birth), day)}
            assert await picked(BIRTHDAY.model_copy(update=offset), today) == {str(n) for n in kept}
            once = Start(kind="date", field="attributes.ends", zone="customer", **offset)
            exact = {str(n) for n, birth in enumerate(births) if birth == day.isoformat()}
            exact |= {"long"} if day == date(2027, 2, 28) else set()
            assert await picked(once, today) == exact


def _kept(birth: date, day: date) -> bool:
    own = (birth.month, birth.day)
    if own == (2, 29) and not isleap(day.year):
        own = (2, 28)
    return own == (day.month, day.day) and birth <= day


async def test_each_zone_begins_on_its_own_clock_and_once(place: Place) -> None:
    await place.apply(campaign("birthday", BIRTHDAY.model_copy(update={"offset": Period(3, "d"), "before": True})))
    await place.people(
        {"external_id": "london", "birthday": "1990-12-05"},
        {"external_id": "tokyo", "birthday": "1990-12-05", "zone": "Asia/Tokyo"},
        {"external_id": "samara", "birthday": "1990-12-05", "zone_guess": "Europe/Samara"},
        {"external_id": "tomorrow", "birthday": "1990-12-06"},
        {"external_id": "unknown"},
    )
    begun: dict[str, datetime] = {}
    while (at := await place.scheduler.next_start()) is not None and at < NOW + timedelta(days=1, hours=3):
        await place.tick(at)
        await place.tick()
        begun |= {row.external_id: row.entered_at for row in await place.entered() if row.external_id not in begun}
    assert {name: at.astimezone(UTC).strftime("%d %H:%M") for name, at in begun.items()} == {
        "tokyo": "02 01:00", "samara": "02 06:00", "london": "02 10:00",
    }  # fmt: skip
    assert len(await place.who()) == 3


async def test_what_was_missed_is_left_out_and_said(place: Place) -> None:
    await place.apply(campaign("birthday", BIRTHDAY.model_copy(update={"zone": "organisation"})))
    await place.people(*({"external_id": f"d{day}", "birthday": f"1990-12-0{day}"} for day in (2, 3, 4)))
    assert await place.tick(datetime(2026, 12, 3, 10, 59, tzinfo=UTC)) == 1
    assert await place.who() == ["d3"]
    occurrence = table(Occurrence)
    async with place.store.read() as connection:
        outcomes = list(await connection.scalars(select(occurrence.c.outcome).order_by(occurrence.c.instant)))
    assert outcomes == [SKIPPED, "fired"]


async def test_each_year_again_with_reentry_and_within_the_period(place: Place) -> None:
    period = ActivePeriod(first=date(2027, 6, 1))
    await place.apply(campaign("yearly", BIRTHDAY, reentry=Period(11, "mo")))
    await place.apply(campaign("later", BIRTHDAY, reentry=Period(11, "mo"), period=period))
    await place.people({"external_id": "leap", "birthday": "2004-02-29"})
    for year in (2027, 2028, 2029):
        for day in (date(year, 2, 28), date(year, 3, 1) - timedelta(days=1)):
            await place.tick(max(place.clock.now(), datetime(year, day.month, day.day, 10, 1, tzinfo=UTC)))
            await place.close_all()
    days = [row.entered_at.date() for row in await place.entered("yearly")]
    assert days == [date(2027, 2, 28), date(2028, 2, 29), date(2029, 2, 28)]
    assert [row.entered_at.date() for row in await place.entered("later")] == days[1:]


async def test_days_of_joining(place: Place) -> None:
    joined = Start(kind="date", field="created_at", offset=Period(1, "w"), zone="Asia/Tokyo", time="09:00")
    await place.apply(campaign("a-week-in", joined))
    await place.apply(campaign("jubilee", joined.model_copy(update={"yearly": True, "offset": None})))
    await place.people(
        {"external_id": "evening", "created_at": datetime(2026, 11, 30, 16, 0, tzinfo=UTC)},  # 1 December in Tokyo
        {"external_id": "morning", "created_at": datetime(2026, 11, 30, 14, 0, tzinfo=UTC)},
        {"external_id": "years", "created_at": datetime(2019, 12, 7, 16, 0, tzinfo=UTC)},
    )
    await place.tick(datetime(2026, 12, 8, 0, 5, tzinfo=UTC))
    assert await place.who("a-week-in") == ["evening"]
    assert await place.who("jubilee") == ["years"]


@pytest.mark.parametrize("day", [date(2026, 12, 20), date(2026, 12, 1)])
async def test_a_period_that_opens_later_is_waited_for(place: Place, day: date) -> None:
    start = Start(kind="cron", cron="0 10 * * *")
    await place.apply(campaign("later", start, period=ActivePeriod(first=day)))
    tomorrow = datetime(2026, 12, 2, 10, tzinfo=UTC)
    assert await place.scheduler.next_start() == max(tomorrow, datetime(day.year, 12, day.day, 10, tzinfo=UTC))
    await place.apply(campaign("once", Start(), period=ActivePeriod(first=day)))
    opens = max(NOW, datetime(day.year, 12, day.day, tzinfo=UTC))
    assert await place.scheduler.next_start() == min(opens, max(tomorrow, opens))
    await place.people({"external_id": "ann"})
    await place.tick(opens)
    assert await place.who("once") == ["ann"]

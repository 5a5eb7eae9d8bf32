"""Working time: openings, promises over nights, weekends, holidays and both DST changes."""

from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.handoff.hours import WorkingHours
from bot.handoff.promises import honest_answer, promised
from campaigns.definition.desk import Queue
from campaigns.periods import Period

LONDON = ZoneInfo("Europe/London")
HOURS = WorkingHours(LONDON, time(9), time(18), frozenset(range(5)), frozenset({date(2026, 12, 25)}))


def at(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=LONDON).astimezone(UTC)


@pytest.mark.parametrize(
    ("now", "opens"),
    [
        ("2026-12-01T12:00", "2026-12-01T12:00"),
        ("2026-12-01T08:59", "2026-12-01T09:00"),
        ("2026-12-01T18:00", "2026-12-02T09:00"),
        ("2026-12-04T20:00", "2026-12-07T09:00"),  # Friday night
        ("2026-12-24T18:30", "2026-12-28T09:00"),  # a holiday on Friday
    ],
)
def test_next_opening(now: str, opens: str) -> None:
    assert HOURS.next_open(at(now)) == at(opens)
    assert HOURS.is_open(at(now)) == (now == opens)


@pytest.mark.parametrize(
    ("now", "minutes", "ends"),
    [
        ("2026-12-01T12:00", 15, "2026-12-01T12:15"),
        ("2026-12-01T17:50", 15, "2026-12-02T09:05"),
        ("2026-12-01T23:00", 15, "2026-12-02T09:15"),
        ("2026-12-04T17:00", 120, "2026-12-07T10:00"),
        ("2026-12-24T17:00", 540, "2026-12-28T17:00"),
        ("2027-03-26T17:00", 120, "2027-03-29T10:00"),  # the clocks go forward on Sunday
    ],
)
def test_working_time_passes_while_it_is_open(now: str, minutes: int, ends: str) -> None:
    assert HOURS.after(at(now), timedelta(minutes=minutes)) == at(ends)


@given(
    st.integers(0, 730 * 1440).map(lambda minutes: datetime(2026, 1, 1, tzinfo=UTC) + timedelta(minutes=minutes)),
    st.integers(1, 3000),
    st.integers(1, 3000),
)
def test_one_stretch_after_another_is_both(now: datetime, first: int, second: int) -> None:
    halves = HOURS.after(HOURS.after(now, timedelta(minutes=first)), timedelta(minutes=second))
    assert halves == HOURS.after(now, timedelta(minutes=first + second))
    assert halves > now


def test_nobody_ever_works() -> None:
    never = WorkingHours(LONDON, time(9), time(18), frozenset(), frozenset())
    now = at("2026-12-01T12:00")
    assert never.next_open(now) == now
    assert never.after(now, timedelta(hours=1)) == now + timedelta(hours=1)


def test_a_day_is_a_working_day() -> None:
    assert HOURS.working(Period(1, "d")) == timedelta(hours=9)
    assert HOURS.working(Period(1, "w")) == timedelta(hours=45)
    assert HOURS.working(Period(90, "m")) == timedelta(minutes=90)


def test_promise_and_what_is_honest() -> None:
    now = at("2026-12-01T17:50")
    promise = promised(Queue(answer=Period(15, "m"), resolve=Period(1, "d")), HOURS, now)
    assert (promise.answer, promise.resolve) == (at("2026-12-02T09:05"), at("2026-12-02T17:50"))
    alone = honest_answer(promise.answer, HOURS, now, ahead=0, agents=3, answers_per_hour=12)
    assert alone == at("2026-12-02T09:05"), "the promise, where few wait"
    crowded = honest_answer(promise.answer, HOURS, now, ahead=71, agents=3, answers_per_hour=12)
    assert crowded == at("2026-12-02T10:50"), (
        "72 answers at 36 an hour are two hours: ten minutes today, the rest later"
    )
    assert honest_answer(promise.answer, HOURS, now, ahead=0, agents=0, answers_per_hour=1) == at("2026-12-02T09:50")

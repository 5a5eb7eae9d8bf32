"""When campaigns start: crontab's weekdays, and one occurrence a day through every clock change."""

from datetime import UTC, datetime, time, timedelta
from itertools import pairwise
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from campaigns.definition import Start
from campaigns.starting.occurrences import next_occurrence, occurrences

MINUTE, HOUR, DAY = timedelta(minutes=1), timedelta(hours=1), timedelta(days=1)
ZONES = ("Europe/London", "America/New_York", "Australia/Lord_Howe", "America/Santiago", "Asia/Beirut", "Africa/Cairo")
"""Changes of an hour and of half an hour, at one, two and midnight, in both hemispheres."""
YEAR = (datetime(2026, 6, 1, tzinfo=UTC), datetime(2027, 6, 1, tzinfo=UTC))
TIMES = ("00:00", "00:30", "01:00", "01:30", "01:45", "02:00", "02:30", "03:00", "23:30")


def cron(expression: str) -> Start:
    return Start(kind="cron", cron=expression)


def changes(zone: ZoneInfo) -> list[datetime]:
    """The hours of the year in which the zone's offset changes."""
    found, instant = [], YEAR[0]
    while instant < YEAR[1]:
        if instant.astimezone(zone).utcoffset() != (instant + HOUR).astimezone(zone).utcoffset():
            found.append(instant)
        instant += HOUR
    return found


def first_at_or_after(wall: datetime, zone: ZoneInfo) -> datetime:
    """Minute by minute from before: the first instant whose clock shows ``wall`` or more."""
    instant = wall.replace(tzinfo=UTC) - 15 * HOUR
    while instant.astimezone(zone).replace(tzinfo=None) < wall:
        instant += MINUTE
    return instant


@pytest.mark.parametrize("at", TIMES)
@pytest.mark.parametrize("name", ZONES)
def test_once_a_day_through_both_changes(name: str, at: str) -> None:
    zone, hour = ZoneInfo(name), time.fromisoformat(at)
    both = changes(zone)
    assert len(both) == 2
    for change in both:
        middle = change.astimezone(zone).date()
        days = [middle + n * DAY for n in range(-2, 3)]
        expected = [first_at_or_after(datetime.combine(day, hour), zone) for day in days]
        found = list(occurrences(cron(f"{hour.minute} {hour.hour} * * *"), zone, expected[0] - MINUTE, expected[-1]))
        assert found == expected


def test_a_gap_and_a_fold_by_hand() -> None:
    london, start = ZoneInfo("Europe/London"), cron("30 1 * * *")
    assert next_occurrence(start, london, datetime(2027, 3, 27, 12, tzinfo=UTC)) == datetime(2027, 3, 28, 1, tzinfo=UTC)
    first = next_occurrence(start, london, datetime(2026, 10, 24, 12, tzinfo=UTC))
    assert first == datetime(2026, 10, 25, 0, 30, tzinfo=UTC)
    assert next_occurrence(start, london, first) == datetime(2026, 10, 26, 1, 30, tzinfo=UTC)


@pytest.mark.parametrize("name", ZONES)
def test_half_hours_are_neither_doubled_nor_skipped(name: str) -> None:
    """Every half hour: no wall time twice in the hour that comes twice; those of a gap are one, at its end."""
    zone = ZoneInfo(name)
    for change in changes(zone):
        found = list(occurrences(cron("*/30 * * * *"), zone, change - DAY, change + DAY))
        walls = [instant.astimezone(zone).replace(tzinfo=None) for instant in found]
        assert walls == sorted(set(walls))
        assert all(wall.minute in (0, 30) for wall in walls)
        before = (change).astimezone(zone).utcoffset()
        after = (change + HOUR).astimezone(zone).utcoffset()
        assert abs(len(found) - 96) <= abs(after - before) / (30 * MINUTE)


@pytest.mark.parametrize(
    ("field", "days"),
    [("0", {6}), ("7", {6}), ("1", {0}), ("1-5", {0, 1, 2, 3, 4}), ("6,0", {5, 6}), ("mon", {0}), ("sun", {6})],
)
def test_weekdays_are_crontabs(field: str, days: set[int]) -> None:
    """Sunday is 0 and 7, Monday 1; Python's weekday has Monday as 0."""
    found = occurrences(cron(f"0 10 * * {field}"), ZoneInfo("UTC"), YEAR[0], YEAR[0] + 28 * DAY)
    assert {instant.weekday() for instant in found} == days


@settings(deadline=None)  # a busy machine is no failure
@given(
    zone=st.sampled_from(ZONES),
    expression=st.sampled_from(["*/7 * * * *", "30 1 * * *", "0 0 * * *", "15 */2 * * 1-5", "59 23 28-31 * *"]),
    start=st.integers(0, 365 * 24 * 60),
    steps=st.lists(st.integers(1, 60 * 40), min_size=1, max_size=8),
)
def test_looking_in_pieces_finds_the_same(zone: str, expression: str, start: int, steps: list[int]) -> None:
    """However the time is cut, each occurrence is found in exactly one piece."""
    where, begin = ZoneInfo(zone), YEAR[0] + start * MINUTE
    cuts = [begin]
    for step in steps:
        cuts.append(cuts[-1] + step * MINUTE)
    whole = list(occurrences(cron(expression), where, cuts[0], cuts[-1]))
    pieces = [
        instant for after, until in pairwise(cuts) for instant in occurrences(cron(expression), where, after, until)
    ]
    assert pieces == whole


def test_a_local_time_is_on_each_zones_own_clock() -> None:
    start = Start(kind="at", at=datetime.fromisoformat("2026-12-01T10:00"))
    after = datetime(2026, 11, 1, tzinfo=UTC)
    assert next_occurrence(start, ZoneInfo("Asia/Tokyo"), after) == datetime(2026, 12, 1, 1, tzinfo=UTC)
    assert next_occurrence(start, ZoneInfo("America/New_York"), after) == datetime(2026, 12, 1, 15, tzinfo=UTC)
    assert next_occurrence(start, ZoneInfo("UTC"), datetime(2026, 12, 1, 10, tzinfo=UTC)) is None

"""Days of a calendar that come again: birthdays, ages and stretches of days, all as texts to compare with.

A birthday on 29 February is kept on 28 February in other years; who was born then is a year older from that day on.
"""

from calendar import isleap
from collections.abc import Sequence
from datetime import date, datetime, timedelta
from decimal import Decimal
from zoneinfo import ZoneInfo

from campaigns.periods import Period
from campaigns.segments.syntax import Comparison

LONGEST_STRETCH = timedelta(days=366)
THIS = ("day", "week", "month", "year")


def today(now: datetime, zone: ZoneInfo) -> date:
    """The day in a zone."""
    return now.astimezone(zone).date()


def stretch(comparison: Comparison, day: date) -> tuple[date, date]:
    """The first and last day that ``within_next``, ``within_last`` or ``this`` mean on a day, both inclusive.

    ``within_next: 7d`` is today and the seven days after it, ``within_last: 7d`` today and the seven before it.
    """
    value = comparison.values[0]
    if isinstance(value, Period):
        return (day, _moved(day, value, 1)) if comparison.word == "within_next" else (_moved(day, value, -1), day)
    match value:
        case "week":
            monday = day - timedelta(days=day.weekday())
            return monday, monday + timedelta(days=6)
        case "month":
            following = (day.replace(day=1) + timedelta(days=31)).replace(day=1)
            return day.replace(day=1), following - timedelta(days=1)
        case "year":
            return day.replace(month=1, day=1), day.replace(month=12, day=31)
        case _:
            return day, day


def _moved(day: date, period: Period, direction: int) -> date:
    noon = datetime(day.year, day.month, day.day, 12, tzinfo=ZoneInfo("UTC"))
    move = period.after if direction > 0 else period.before
    try:
        return move(noon, ZoneInfo("UTC")).date()
    except (ValueError, OverflowError):
        return date.max if direction > 0 else date.min


def anniversaries(first: date, last: date) -> Sequence[tuple[str, str]]:
    """The stretch as ranges of ``MM-DD``, both ends inclusive, whatever the year of birth."""
    if last - first >= timedelta(days=365):
        return [("01-01", "12-31")]
    start, end = f"{first:%m-%d}", _or_leap_day(last)
    return [(start, end)] if start <= end else [(start, "12-31"), ("01-01", end)]


def _or_leap_day(day: date) -> str:
    return "02-29" if (day.month, day.day) == (2, 28) and not isleap(day.year) else f"{day:%m-%d}"


def born_by(years: int, day: date) -> str:
    """The last birthday (ISO) of those who are ``years`` old or older on a day."""
    return f"{max(day.year - years, 0):04}-{_or_leap_day(day)}"


def birthdays_of_ages(comparison: Comparison, day: date) -> tuple[str | None, str | None]:
    """The birthdays of those whose age satisfies the comparison: after the first (exclusive) and up to the second.

    ``is_not`` gives what ``is`` does: the caller turns it round.
    """
    ages = [int(value) for value in comparison.values if isinstance(value, Decimal)]
    low, high = ages[0], ages[-1]
    match comparison.word:
        case "above":
            return None, born_by(low + 1, day)
        case "at_least":
            return None, born_by(low, day)
        case "below":
            return born_by(low, day), None
        case "at_most":
            return born_by(low + 1, day), None
        case _:
            return born_by(high + 1, day), born_by(low, day)

"""Starts by a customer's own day: whose day it is on a local day. The calendar is Python's; SQL compares texts.

A day on 29 February is kept on 28 February in other years.
"""

from calendar import isleap
from collections.abc import Iterator, Sequence
from datetime import UTC, date, datetime, time, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from sqlalchemy import ColumnElement, and_, func, or_

from campaigns.definition import Start
from campaigns.periods import Period, resolve
from campaigns.segments.attributes import attribute_text
from campaigns.segments.syntax import ATTRIBUTE
from storage.outbox.columns import table
from storage.tables import Customer

_CUSTOMERS = table(Customer)
_UTC = ZoneInfo("UTC")
_ISO_DAY = len("2026-12-01")
_OLDEST_YEAR = 1990
"""Of instants that come each year: before it nobody was a customer of anybody's."""


def days_meant(start: Start, today: date) -> list[date]:
    """The days from which ``offset`` leads to ``today``: one, or several where months of unequal length meet, or none.

    With ``-1mo``, 28 February is one month before 28, 29, 30 and 31 March.
    """
    period = start.offset or Period(0, "d")
    # a month is taken for 30 days at first, a year for 365: so far they may be off
    slack = {"mo": period.amount // 2 + 4, "y": period.amount // 4 + 2}.get(period.unit, 0)
    try:
        near = today + period.rough if start.before else today - period.rough
        days = [near + timedelta(days=step) for step in range(-slack, slack + 1)]
    except OverflowError:  # it leads out of the calendar
        return []
    return [day for day in days if _moved(day, period, before=start.before) == today]


def _moved(day: date, period: Period, *, before: bool) -> date | None:
    midday = datetime.combine(day, time(), UTC)
    try:
        return (period.before(midday, _UTC) if before else period.after(midday, _UTC)).date()
    except (ValueError, OverflowError):
        return None


def chosen(start: Start, today: date, zone: ZoneInfo) -> ColumnElement[bool]:
    """The customers whose day, moved by the offset, is ``today`` in ``zone``."""
    days = days_meant(start, today)
    if start.field == "created_at":
        return or_(*(_within_day(_CUSTOMERS.c.created_at, day, zone) for day in _all_years(start, days)), _NOBODY)
    own = _text_of(start.field)
    iso = func.substr(own, 1, _ISO_DAY)
    if not start.yearly:
        return and_(own.is_not(None), iso.in_([day.isoformat() for day in days]))
    tests = [and_(func.substr(own, 6, 5).in_(_kept_on(day)), iso <= day.isoformat()) for day in days]
    return and_(own.is_not(None), own != "", or_(*tests, _NOBODY))


_NOBODY = _CUSTOMERS.c.id.is_(None)


def _text_of(field: str) -> ColumnElement[Any]:
    if field.startswith(ATTRIBUTE):
        return attribute_text(_CUSTOMERS.c.attributes, field.removeprefix(ATTRIBUTE))
    column: ColumnElement[Any] = _CUSTOMERS.c[field]
    return column


def _kept_on(day: date) -> Sequence[str]:
    """The ``MM-DD`` that are kept on a day."""
    own = f"{day:%m-%d}"
    return [own, "02-29"] if own == "02-28" and not isleap(day.year) else [own]


def _all_years(start: Start, days: Sequence[date]) -> Iterator[date]:
    for day in days:
        yield day
        if not start.yearly:
            continue
        for year in range(_OLDEST_YEAR, day.year):
            for kept in _kept_on(day):
                month, number = map(int, kept.split("-"))
                if kept != "02-29" or isleap(year):
                    yield date(year, month, number)


def _within_day(column: ColumnElement[Any], day: date, zone: ZoneInfo) -> ColumnElement[bool]:
    begins = resolve(datetime.combine(day, time()), zone)
    ends = resolve(datetime.combine(day + timedelta(days=1), time()), zone)
    return and_(column >= begins, column < ends)

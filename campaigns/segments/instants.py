"""Days and ages of a segment as instants, in Python: the SQL only compares whole microseconds."""

from dataclasses import dataclass
from datetime import date, datetime, timedelta
from zoneinfo import ZoneInfo

from campaigns.periods import Period, resolve
from campaigns.segments.syntax import Comparison, Window
from core.clock import EPOCH

_TICK = timedelta(microseconds=1)


@dataclass(frozen=True, slots=True)
class Span:
    """Instants from ``start`` to ``end``, both inclusive; None is open."""

    start: datetime | None = None
    end: datetime | None = None

    def and_(self, other: "Span") -> "Span":
        """What lies in both."""
        starts = [bound for bound in (self.start, other.start) if bound is not None]
        ends = [bound for bound in (self.end, other.end) if bound is not None]
        return Span(max(starts, default=None), min(ends, default=None))

    def covers(self, instant: datetime) -> bool:
        """Whether the instant lies within."""
        return (self.start is None or instant >= self.start) and (self.end is None or instant <= self.end)


def midnight(day: date, zone: ZoneInfo) -> datetime:
    """The first instant of a day in a zone, UTC."""
    return resolve(datetime(day.year, day.month, day.day), zone)  # noqa: DTZ001  a wall clock


def back(period: Period, now: datetime, zone: ZoneInfo) -> datetime:
    """That long ago; a period that leads out of the calendar ends at the epoch."""
    try:
        return period.before(now, zone)
    except (ValueError, OverflowError):
        return EPOCH


def span_of(window: Window, now: datetime, zone: ZoneInfo) -> Span:
    """The instants whose events count in a window."""
    span = Span(end=now)
    if window.within is not None:
        span = span.and_(Span(start=back(window.within, now, zone)))
    if window.not_within is not None:
        span = span.and_(Span(end=back(window.not_within, now, zone) - _TICK))
    if window.since is not None:
        span = span.and_(Span(start=midnight(window.since, zone)))
    if window.before is not None:
        span = span.and_(Span(end=midnight(window.before, zone) - _TICK))
    return span


def span_compared(comparison: Comparison, now: datetime, zone: ZoneInfo) -> Span:
    """The instants that satisfy a comparison with a day (later is more) or an age (longer ago is more)."""
    first = comparison.values[0]
    if isinstance(first, Period):
        ages = [back(value, now, zone) for value in comparison.values if isinstance(value, Period)]
        match comparison.word:
            case "above":
                return Span(end=ages[0] - _TICK)
            case "at_least":
                return Span(end=ages[0])
            case "below":
                return Span(start=ages[0] + _TICK)
            case "at_most":
                return Span(start=ages[0])
            case _:
                return Span(start=min(ages), end=max(ages))
    days = [value for value in comparison.values if isinstance(value, date)]
    starts = [midnight(day, zone) for day in days]
    ends = [midnight(day + timedelta(days=1), zone) - _TICK for day in days]
    match comparison.word:
        case "above":
            return Span(start=ends[0] + _TICK)
        case "at_least":
            return Span(start=starts[0])
        case "below":
            return Span(end=starts[0] - _TICK)
        case "at_most":
            return Span(end=ends[0])
        case _:
            return Span(start=min(starts), end=max(ends))

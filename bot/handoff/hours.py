"""Working time: when our people are there, and when a promise of "15 minutes" ends."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

from campaigns.definition import Staff
from campaigns.periods import Period, resolve, zone_named

FARTHEST = 366
"""Days that are looked ahead: with no working day within a year there is none."""
_WORKING_DAYS = {"d": 1.0, "mo": 22.0, "y": 260.0}


@dataclass(frozen=True, slots=True)
class WorkingHours:
    """Days and hours on the organisation's wall clock. Instants are aware; the results are in UTC."""

    zone: ZoneInfo
    opens: time
    closes: time
    weekdays: frozenset[int]
    holidays: frozenset[date]

    @classmethod
    def of(cls, staff: Staff, zone: str) -> "WorkingHours":
        """The hours that ``staff:`` says."""
        opens, closes = (time.fromisoformat(text) for text in (staff.hours.opens, staff.hours.closes))
        return cls(zone_named(zone), opens, closes, frozenset(staff.weekdays), frozenset(staff.holidays))

    def is_open(self, instant: datetime) -> bool:
        """Whether it is working time."""
        return self.next_open(instant) == instant.astimezone(UTC)

    def next_open(self, instant: datetime) -> datetime:
        """The first instant of working time from ``instant`` on; itself where it never is again."""
        found = next(self._spans(instant), None)
        return instant.astimezone(UTC) if found is None else found[0]

    def after(self, instant: datetime, working: timedelta) -> datetime:
        """The instant by which ``working`` of working time has passed. Where there is none, plain time counts."""
        left, end = working, instant.astimezone(UTC)
        for start, end in self._spans(instant):
            if end - start >= left:
                return start + left
            left -= end - start
        return end + left

    def working(self, period: Period) -> timedelta:
        """How much working time a period is: hours as they are, a day is a working day."""
        if period.unit in ("s", "m", "h"):
            return period.rough
        day = datetime.combine(date.min, self.closes) - datetime.combine(date.min, self.opens)
        days = float(len(self.weekdays)) if period.unit == "w" else _WORKING_DAYS[period.unit]
        return day * days * period.amount

    def _spans(self, instant: datetime) -> Iterator[tuple[datetime, datetime]]:
        """The stretches of working time from ``instant`` on, the first one cut to it."""
        instant = instant.astimezone(UTC)
        today = instant.astimezone(self.zone).date()
        for offset in range(FARTHEST):
            day = today + timedelta(days=offset)
            if day.weekday() not in self.weekdays or day in self.holidays:
                continue
            start = resolve(datetime.combine(day, self.opens), self.zone)
            end = resolve(datetime.combine(day, self.closes), self.zone)
            if end > instant:
                yield max(start, instant), end

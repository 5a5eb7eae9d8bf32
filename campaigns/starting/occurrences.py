"""When a campaign starts: pure. Gives instants; what is done with them is the scheduler's.

Cron fields mean what they mean in crontab(5): weekdays count from Sunday = 0. A wall time that a clock change skips
fires at the first valid instant after it; one that comes twice fires the first time only.
"""

from collections.abc import Iterator
from datetime import UTC, datetime, time, timedelta
from zoneinfo import ZoneInfo

from campaigns.definition import Start
from campaigns.periods import resolve

LONGEST_LOOK = timedelta(days=366 * 5)


def occurrences(start: Start, zone: ZoneInfo, after: datetime, until: datetime) -> Iterator[datetime]:
    """Every instant in ``(after, until]`` at which ``start`` fires on the clock of ``zone``, in order, in UTC.

    A start by a customer's day looks every day whose day it is.
    """
    match start.kind:
        case "cron":
            yield from _cron(start.cron, zone, after, until)
        case "at" if start.at is not None:
            instant = start.at.astimezone(UTC) if start.at.tzinfo else resolve(start.at, zone)
            if after < instant <= until:
                yield instant
        case "date":
            yield from _daily(time.fromisoformat(start.time), zone, after, until)
        case _:
            return


def next_occurrence(start: Start, zone: ZoneInfo, after: datetime) -> datetime | None:
    """The first one after ``after``, within five years."""
    return next(iter(occurrences(start, zone, after, after + LONGEST_LOOK)), None)


def _cron(expression: str, zone: ZoneInfo, after: datetime, until: datetime) -> Iterator[datetime]:
    from cronsim import CronSim

    # Walk naive wall times, a day early for the widest clock change, and resolve each by our own rule.
    local = after.astimezone(zone).replace(tzinfo=None) - timedelta(days=1)
    previous = after
    for wall in CronSim(expression, local):
        instant = resolve(wall, zone)
        if instant > until:
            return
        if instant > previous:
            previous = instant
            yield instant


def _daily(at: time, zone: ZoneInfo, after: datetime, until: datetime) -> Iterator[datetime]:
    day = after.astimezone(zone).date() - timedelta(days=1)
    previous = after
    while True:
        instant = resolve(datetime.combine(day, at), zone)
        if instant > until:
            return
        if instant > previous:
            previous = instant
            yield instant
        day += timedelta(days=1)

"""Sending hours: when a message may arrive on the customer's wall clock."""

from dataclasses import dataclass
from datetime import UTC, datetime, time, timedelta
from functools import lru_cache
from zoneinfo import ZoneInfo

from campaigns.definition import SendingHours
from campaigns.periods import resolve
from core.purposes import Purpose

ALWAYS = frozenset({Purpose.CONVERSATION, Purpose.SERVICE, Purpose.STAFF, Purpose.TRANSACTIONAL})
"""Purposes that do not wait for the morning: the customer is there, or their order is."""


@dataclass(frozen=True, slots=True)
class Window:
    """A message may be dispatched while ``opens ≤ business time < closes``."""

    opens: datetime
    closes: datetime


@lru_cache(maxsize=1024)
def first_window(now: datetime, zone: ZoneInfo, hours: SendingHours) -> Window:
    """The window that is open at ``now``, or else the next one; it opens no earlier than ``now``.

    Hours that close before they open span midnight; equal hours mean the whole day. Wall times that a clock change
    skips or repeats are resolved as everywhere: the first valid instant, the first of two.
    """
    opens, closes = time.fromisoformat(hours.opens), time.fromisoformat(hours.closes)
    today = now.astimezone(zone).date()
    for offset in (-1, 0, 1, 2):
        day = today + timedelta(days=offset)
        last_day = day if closes > opens else day + timedelta(days=1)
        start = resolve(datetime.combine(day, opens), zone)
        end = resolve(datetime.combine(last_day, closes), zone)
        if now < end and start < end:
            return Window(max(start, now.astimezone(UTC)), end)
    raise AssertionError("two days always hold a window")


def window_for(purpose: Purpose, now: datetime, zone: ZoneInfo, hours: SendingHours, *, patience: timedelta) -> Window:
    """When a message of ``purpose`` planned at ``now`` may leave; ``patience`` bounds those that know no hours."""
    if purpose in ALWAYS:
        return Window(now, now + patience)
    return first_window(now, zone, hours)

"""When a message may arrive: sending hours on the customer's wall clock, days without sending, frequency caps. Pure."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from functools import lru_cache
from itertools import pairwise
from zoneinfo import ZoneInfo

from campaigns.definition import Cap, NoSendDays, SendingHours
from campaigns.limits.caps import free_from, relevant
from campaigns.periods import resolve
from core.purposes import Purpose
from core.values import value

ALWAYS = frozenset({Purpose.CONVERSATION, Purpose.SERVICE, Purpose.STAFF, Purpose.TRANSACTIONAL})
"""Purposes that do not wait for the morning: the customer is there, or their order is."""
EVERYWHERE = "*"
NOON, EVENING = time(12), time(17)
"""Where a customer may cut the sending hours."""
_DAY = timedelta(days=1)


@value(frozen=True, slots=True)
class Window:
    """A message may be dispatched while ``opens ≤ business time < closes``."""

    opens: datetime
    closes: datetime


@value(frozen=True, slots=True)
class Opening:
    """Where a message finds its place. ``window`` None: nowhere in time.

    ``deferred_by`` names the gate that did not let it leave at once (``sending_hours`` or ``cap``), or is empty.
    """

    window: Window | None
    deferred_by: str = ""


@dataclass(frozen=True, slots=True)
class ClosedDays:
    """Days of one country on which nothing is sent. ``weekdays``: Monday = 0."""

    weekdays: frozenset[int] = frozenset()
    days: frozenset[date] = frozenset()

    @classmethod
    def of(cls, no_send: NoSendDays, country: str) -> "ClosedDays":
        """Those of every country and those of ``country`` (ISO 3166 alpha-2, empty: not known)."""
        if not no_send.weekdays and not no_send.days:
            return OPEN_ALWAYS
        places = (EVERYWHERE, country) if country else (EVERYWHERE,)
        return cls(
            frozenset(day for place in places for day in no_send.weekdays.get(place, ())),
            frozenset(day for place in places for day in no_send.days.get(place, ())),
        )

    def __bool__(self) -> bool:
        return bool(self.weekdays or self.days)

    def has(self, day: date) -> bool:
        """Whether nothing is sent on that day."""
        return day.weekday() in self.weekdays or day in self.days


OPEN_ALWAYS = ClosedDays()


def parts_of_hours(hours: SendingHours) -> tuple[str, ...]:
    """Parts of the organisation's sending hours that a customer may choose, such as ``08:00-12:00``."""
    return _parts(hours.opens, hours.closes)


@lru_cache(maxsize=64)
def _parts(first: str, last: str) -> tuple[str, ...]:
    opens, closes = time.fromisoformat(first), time.fromisoformat(last)
    if closes <= opens:
        return ()
    borders = [opens, *(at for at in (NOON, EVENING) if opens < at < closes), closes]
    return tuple(f"{start:%H:%M}-{end:%H:%M}" for start, end in pairwise(borders))


def chosen_hours(hours: SendingHours, chosen: str) -> SendingHours:
    """The hours for a customer who ``chosen`` a part of them; all of them, if that part is offered no more."""
    if not chosen or chosen not in parts_of_hours(hours):
        return hours
    opens, _, closes = chosen.partition("-")
    return SendingHours(opens=opens, closes=closes)


def first_window(now: datetime, zone: ZoneInfo, hours: SendingHours) -> Window:
    """The window that is open at ``now``, or else the next one; it opens no earlier than ``now``.

    Hours that close before they open span midnight; equal hours mean the whole day. Wall times that a clock change
    skips or repeats are resolved as everywhere: the first valid instant, the first of two.
    """
    return _first_window(now, zone, hours.opens, hours.closes)


@lru_cache(maxsize=1024)
def _first_window(now: datetime, zone: ZoneInfo, opens: str, closes: str) -> Window:
    """Kept by the hours' words, which are hashed at once: a batch's journeys share most windows."""
    return next(windows(now, zone, SendingHours(opens=opens, closes=closes)))


def windows(now: datetime, zone: ZoneInfo, hours: SendingHours, closed: ClosedDays = OPEN_ALWAYS) -> Iterator[Window]:
    """Every window that closes after ``now``, in order, for ever; the first opens no earlier than ``now``.

    A closed day ends at midnight, also for hours that span it.
    """
    opens, closes = time.fromisoformat(hours.opens), time.fromisoformat(hours.closes)
    now = now.astimezone(UTC)
    day = now.astimezone(zone).date() - _DAY
    while True:
        last_day = day if closes > opens else day + _DAY
        start = resolve(datetime.combine(day, opens), zone)
        end = resolve(datetime.combine(last_day, closes), zone)
        if last_day != day and closed.has(day) != closed.has(last_day):
            midnight = resolve(datetime.combine(last_day, time()), zone)
            start, end = (midnight, end) if closed.has(day) else (start, midnight)
        elif closed.has(day):
            end = start
        if now < end and start < end:
            yield Window(max(start, now), end)
        day += _DAY


def opening(
    purpose: Purpose,
    earliest: datetime,
    *,
    zone: ZoneInfo,
    hours: SendingHours,
    no_send: NoSendDays,
    country: str,
    caps: Sequence[Cap],
    sent: Sequence[tuple[str, datetime]],
    channel: str,
    latest: datetime,
    patience: timedelta,
) -> Opening:
    """The first window from ``earliest`` in which a message may leave, if it opens no later than ``latest``.

    Marketing waits for sending hours on a day that is not closed in the customer's ``country`` and ``zone``, and keeps
    the caps among the customer's other messages ``sent``: (channel, instant). Other purposes may leave at once, for as
    long as ``patience``.
    """
    if purpose in ALWAYS:
        return Opening(Window(earliest, earliest + patience) if earliest <= latest else None)
    capped = relevant(caps, channel) if sent else ()
    closed = ClosedDays.of(no_send, country)
    if not capped and not closed:
        window = first_window(earliest, zone, hours)
        return Opening(window if window.opens <= latest else None, "sending_hours" if window.opens > earliest else "")
    return _searched(earliest, latest, windows(earliest, zone, hours, closed), capped, sent, channel, zone)


def _searched(
    earliest: datetime,
    latest: datetime,
    open_windows: Iterable[Window],
    caps: Sequence[Cap],
    sent: Sequence[tuple[str, datetime]],
    channel: str,
    zone: ZoneInfo,
) -> Opening:
    not_before, deferred_by = earliest, ""
    for window in open_windows:
        at = max(window.opens, not_before)
        if at > earliest and not deferred_by:
            deferred_by = "sending_hours"
        while at < window.closes and at <= latest:
            free = free_from(at, caps, sent, channel, zone)
            if free == at:
                return Opening(Window(at, window.closes), deferred_by)
            at, deferred_by = free, "cap"
        if at > latest:
            return Opening(None, deferred_by)
        not_before = at
    raise AssertionError("windows go on for ever")

"""Frequency caps: at most so many marketing messages a customer in any stretch of time, over all campaigns. Pure.

A stretch begins with a message and ends (exclusively) one period later: two messages exactly a day apart are never
together in a stretch of a day. What counts is when a message left, else when it is planned to leave, be that in the
past or in the future.

So the cap is one of plans. A message that leaves late within its own window (a slow provider, a worker that was down)
does not move what was planned before it left: that one keeps its instant, and the two may arrive closer together than
the cap says, by as much as the first was late, at the most until the sending hours ended. Whatever is planned after it
left counts from when it left, so that the lateness never adds up. Moving the others at the moment of leaving would let
one slow hour push every later wave of these customers out of its window, and drop messages for the sake of hours.
"""

from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

from campaigns.definition import Cap

_QUARTER = timedelta(minutes=15)
_SPARE = timedelta(days=4)
"""More than a calendar's unit can differ from its rough length, a month's and a clock change's together."""


def relevant(caps: Iterable[Cap], channel: str) -> tuple[Cap, ...]:
    """The caps that a message on ``channel`` counts for."""
    return tuple(cap for cap in caps if cap.channel in ("", channel))


def free_from(
    at: datetime, caps: Iterable[Cap], sent: Sequence[tuple[str, datetime]], channel: str, zone: ZoneInfo
) -> datetime:
    """``at`` where one more message on ``channel`` keeps every cap; else the next instant worth asking about.

    No instant in between is free. ``sent`` are (channel, instant) of the customer's other messages.
    """
    later = at
    for cap in relevant(caps, channel):
        instants = [instant for used, instant in sent if cap.channel in ("", used)]
        if len(instants) >= cap.max:
            later = max(later, _free_of(at, cap, instants, zone))
    return later


def kept(caps: Iterable[Cap], sent: Sequence[tuple[str, datetime]], zone: ZoneInfo) -> bool:
    """Whether these messages together keep every cap."""
    for cap in caps:
        instants = [instant for used, instant in sent if cap.channel in ("", used)]
        if any(_number_in(instants, start, cap.per.after(start, zone)) > cap.max for start in instants):
            return False
    return True


def _number_in(instants: Iterable[datetime], start: datetime, end: datetime) -> int:
    return sum(start <= instant < end for instant in instants)


def _free_of(at: datetime, cap: Cap, instants: list[datetime], zone: ZoneInfo) -> datetime:
    reach = cap.per.rough * 2 + _SPARE
    near = [instant for instant in instants if abs(instant - at) <= reach]
    if len(near) < cap.max:
        return at
    later = at
    for start in near:
        if start <= at:
            end = cap.per.after(start, zone)
            if at < end and _number_in(near, start, end) >= cap.max:
                later = max(later, end)  # the stretch that began there stays full until it ends
    end = cap.per.after(at, zone)
    if _number_in(near, at, end) < cap.max:
        return later
    # Too much is planned ahead: free at the earliest behind the first of it.
    first = min((instant for instant in near if at < instant < end), default=at)
    if first.astimezone(zone).utcoffset() != at.astimezone(zone).utcoffset():
        # Where the clock goes back a stretch may end earlier than one that began before it.
        first = min(first, at + _QUARTER - (at - datetime.min.replace(tzinfo=at.tzinfo)) % _QUARTER)
    return max(later, first)

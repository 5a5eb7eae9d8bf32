"""How long a journey waits: pure arithmetic of instants. A pause of its campaign freezes what it waits for."""

from collections.abc import Sequence
from datetime import datetime, time, timedelta
from zoneinfo import ZoneInfo

from campaigns.definition import WaitStep
from campaigns.periods import Period, resolve
from core.values import value

STALE = "paused"
"""Why a message is not sent whose time came during a pause that drops such."""
LATE = timedelta(hours=1)
"""A message accepted later than this after its ``send_at`` starts its wait at acceptance."""


@value(frozen=True, slots=True)
class Standstill:
    """A pause that is over, in business time. With ``drops`` the calendar went on and what fell due in it is not sent;
    otherwise everything came later by its length."""

    from_at: datetime
    to_at: datetime
    drops: bool = False


def wait_ends(
    wait: Period | None,
    send_at: datetime,
    sent_at: datetime | None,
    zone: ZoneInfo,
    pauses: Sequence[Standstill] = (),
) -> datetime:
    """When a send's wait is over: counted from the plan, or from acceptance if that was more than an hour later.

    ``pauses``, the oldest first, are those of the campaign: they lengthen what they met.
    """
    start = sent_at if sent_at is not None and sent_at - send_at > LATE else send_at
    end = wait.after(start, zone) if wait is not None else start
    for pause in pauses:
        if not pause.drops and start < pause.to_at and pause.from_at <= end:
            end += pause.to_at - max(pause.from_at, start)
    return end


def is_missed(due_at: datetime, pauses: Sequence[Standstill]) -> bool:
    """Whether what was due then is stale: a pause that drops has ended since. Nothing is decided during a pause."""
    return any(pause.drops and due_at < pause.to_at for pause in pauses)


def step_ends(step: WaitStep, now: datetime, zone: ZoneInfo) -> datetime | None:
    """When a wait that begins ``now`` is over by itself; None if only an event can end it."""
    if step.period is None and step.at is None:
        return None
    earliest = step.period.after(now, zone) if step.period is not None else now
    if step.at is None:
        return earliest
    wall = time.fromisoformat(step.at)
    today = earliest.astimezone(zone).date()
    for ahead in range(9):
        day = today + timedelta(days=ahead)
        if step.weekdays and day.weekday() not in step.weekdays:
            continue
        instant = resolve(datetime.combine(day, wall), zone)
        if instant >= earliest:
            return instant
    raise AssertionError("nine days hold every weekday twice or once and a day over")

"""How long a journey waits: pure arithmetic of instants."""

from datetime import datetime, time, timedelta
from zoneinfo import ZoneInfo

from campaigns.definition import WaitStep
from campaigns.periods import Period, resolve

LATE = timedelta(hours=1)
"""A message accepted later than this after its ``send_at`` starts its wait at acceptance."""


def wait_ends(wait: Period | None, send_at: datetime, sent_at: datetime | None, zone: ZoneInfo) -> datetime:
    """When a send's wait is over: counted from the plan, or from acceptance if that was more than an hour later."""
    start = sent_at if sent_at is not None and sent_at - send_at > LATE else send_at
    return wait.after(start, zone) if wait is not None else start


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

"""What a waiting customer is promised, and what they are honestly told."""

import math
from dataclasses import dataclass
from datetime import datetime, timedelta

from bot.handoff.hours import WorkingHours
from campaigns.definition.desk import Queue

STEP = timedelta(minutes=5)
"""People are told round times."""


@dataclass(frozen=True, slots=True)
class Promise:
    """By when a first answer comes, and by when it is done. Business instants."""

    answer: datetime
    resolve: datetime


def promised(queue: Queue, hours: WorkingHours, now: datetime) -> Promise:
    """The promise of a queue to somebody who begins to wait now."""
    return Promise(
        hours.after(now, hours.working(queue.answer)),
        hours.after(now, hours.working(queue.resolve)),
    )


def honest_answer(
    promise: datetime, hours: WorkingHours, now: datetime, *, ahead: int, agents: int, answers_per_hour: int
) -> datetime:
    """By when somebody will really answer: the promise, or later where more people wait than can be answered by then.

    ``ahead`` wait before this customer; ``agents`` are online, or would be when working time begins. Rounded up.
    """
    pace = max(agents, 1) * max(answers_per_hour, 1)
    by_pace = hours.after(now, timedelta(hours=math.ceil((ahead + 1) * 60 / pace) / 60))
    return _rounded(max(promise, by_pace))


def _rounded(instant: datetime) -> datetime:
    late = timedelta(minutes=instant.minute % 5, seconds=instant.second, microseconds=instant.microsecond)
    return instant if not late else instant - late + STEP

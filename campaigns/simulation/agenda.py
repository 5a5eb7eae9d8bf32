"""What the simulation's clock jumps to: the next instant at which a journey or a message falls due.

The same question as :mod:`campaigns.running.agenda` asks of a running service, put so that it costs the same however
many journeys wait: after everything is delivered, only what a gate holds can miss its window.
"""

from datetime import datetime
from functools import cache
from typing import Any

from sqlalchemy import ScalarSelect, Select, bindparam, func, select
from sqlalchemy.ext.asyncio import AsyncConnection

from core.installed import channel_names
from storage.outbox.columns import is_planned, table
from storage.tables import Enrolment, Message
from storage.types import Instant

_MESSAGES, _ENROLMENTS = table(Message), table(Enrolment)
_NOW = bindparam("now", type_=Instant())
_BULK = 1
"""The lane of campaigns."""


def _of(channel: str, *, later: bool) -> ScalarSelect[datetime]:
    waits = (is_planned(_MESSAGES), _MESSAGES.c.channel == channel, _MESSAGES.c.lane == _BULK)
    if later:
        return select(func.min(_MESSAGES.c.not_before)).where(*waits, _MESSAGES.c.not_before > _NOW).scalar_subquery()
    held = (_MESSAGES.c.not_before <= _NOW, _MESSAGES.c.not_after > _NOW)
    return select(func.min(_MESSAGES.c.not_after)).where(*waits, *held).scalar_subquery()


_DUE = (
    select(func.min(_ENROLMENTS.c.due_at))
    .where(_ENROLMENTS.c.closed_at.is_(None), _ENROLMENTS.c.due_at > _NOW)
    .scalar_subquery()
)


@cache
def _next() -> Select[tuple[Any, ...]]:
    return select(_DUE, *(_of(channel, later=later) for channel in channel_names() for later in (True, False)))


async def next_instant(connection: AsyncConnection, now: datetime) -> datetime | None:
    """The first instant after ``now`` at which there is something to do, None if there is none."""
    row = (await connection.execute(_next(), {"now": now})).one()
    return min((at for at in row if at is not None), default=None)

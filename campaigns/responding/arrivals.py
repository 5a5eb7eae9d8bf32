"""Events on their way through the rooms that they concern: goals, waits, starts."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, NamedTuple

from sqlalchemy import Select, select
from sqlalchemy.ext.asyncio import AsyncConnection

from storage.outbox.columns import table
from storage.statements import chunks
from storage.tables import Event

_EVENTS = table(Event)


class Arrival(NamedTuple):
    """An event that has just been kept. One without ``id`` starts nothing; ``at`` is when it happened."""

    customer_id: str
    name: str
    at: datetime
    id: str = ""
    amount_micros: int | None = None
    properties: Mapping[str, Any] = {}


def arrivals() -> Select[Any]:
    """SELECT of events with the columns of an :class:`Arrival`."""
    return select(
        _EVENTS.c.customer_id, _EVENTS.c.name, _EVENTS.c.at, _EVENTS.c.id, _EVENTS.c.amount_micros, _EVENTS.c.properties
    )


async def kept_events(connection: AsyncConnection, source: str, external_ids: Sequence[str]) -> list[Arrival]:
    """Events as they are kept, by the ids that their source gave them."""
    found: list[Arrival] = []
    for group in chunks(sorted(set(external_ids))):
        wanted = arrivals().where(_EVENTS.c.source == source, _EVENTS.c.external_id.in_(group))
        found += [Arrival(*row) for row in await connection.execute(wanted)]
    return found

"""Flows that events set off: what a customer did begins one where they talked to us last.

Read from the events' table by id, a little behind, so that no transaction that is still open is passed over; the cursor
moves with each event, so that of two processes one takes it.
"""

from datetime import datetime, timedelta
from typing import Any

import structlog
from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncConnection

from bot.flows.carrying import Answers, no_answers
from bot.flows.live import live_flows
from bot.flows.places import place_of
from bot.flows.running import begin
from campaigns.live import workspace_config
from campaigns.starting.entry import MISFIRE
from core.clock import Clock, machine_now
from core.ids import id_floor
from core.messages import EMAIL
from core.purposes import Purpose
from storage.outbox.columns import table
from storage.statements import insert_into, lock_customers
from storage.store import Store
from storage.tables import Cursor, Event

log = structlog.get_logger(__name__)

_CURSORS, _EVENTS = table(Cursor), table(Event)
CURSOR = "flows: events"
BEHIND = timedelta(seconds=5)
"""Machine time. Transactions are over in a fraction of it."""
AT_ONCE = 100


async def begin_by_events(store: Store, clock: Clock, *, answers: Answers = no_answers) -> int:
    """Begin what the events since the last look set off; gives how many flows began."""
    now, up_to = clock.now(), id_floor(machine_now() - BEHIND)
    async with store.read() as connection:
        live = await live_flows(connection)
        seen = await _seen(connection)
    if seen is None:
        async with store.write() as connection:  # from now on: nothing is made up for
            await connection.execute(
                insert_into(connection, _CURSORS)
                .values(account=CURSOR, value={"after": up_to}, updated_at=machine_now())
                .on_conflict_do_nothing()
            )
        return 0
    if not live.events:
        return 0
    async with store.read() as connection:
        events = (
            await connection.execute(
                select(_EVENTS.c.id, _EVENTS.c.customer_id, _EVENTS.c.name, _EVENTS.c.at)
                .where(_EVENTS.c.name.in_(sorted(live.events)), _EVENTS.c.id > seen, _EVENTS.c.id < up_to)
                .order_by(_EVENTS.c.id).limit(AT_ONCE)
            )
        ).all()  # fmt: skip
    begun = 0
    for event in events:
        async with store.write() as connection:
            if await _move_on(connection, seen, event.id):
                begun += await _begin(connection, event, live.events[event.name], now, answers)
            else:
                return begun  # another process is at it
        seen = event.id
    return begun


async def _begin(
    connection: AsyncConnection, event: Any, names: tuple[str, ...], now: datetime, answers: Answers
) -> int:
    if event.at < now - MISFIRE:
        return 0
    await lock_customers(connection, [event.customer_id], shared=False)
    place = await place_of(connection, event.customer_id, now)
    if place is None or place.channel == EMAIL:
        return 0  # a mail out of the blue is a campaign's
    config = await workspace_config(connection)
    for name in names:
        if await begin(connection, name, place, config, now, answers=answers, purpose=Purpose.TRANSACTIONAL):
            return 1
    return 0


async def _seen(connection: AsyncConnection) -> str | None:
    value = await connection.scalar(select(_CURSORS.c.value).where(_CURSORS.c.account == CURSOR))
    return None if value is None else str(value["after"])


async def _move_on(connection: AsyncConnection, seen: str, to: str) -> bool:
    """Move the cursor; False where another process has."""
    wanted = select(_CURSORS.c.value).where(_CURSORS.c.account == CURSOR).with_for_update()
    value = await connection.scalar(wanted)
    if value is None or value["after"] != seen:
        return False
    await connection.execute(
        _CURSORS.update().where(_CURSORS.c.account == CURSOR).values(value={"after": to}, updated_at=machine_now())
    )
    return True

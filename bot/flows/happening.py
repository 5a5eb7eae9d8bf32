"""Flows that events set off: what a customer did begins one where they talked to us last.

Read from the events' table by id, a little behind, so that no transaction that is still open is passed over; the cursor
moves with each event, so that of two processes one takes it.
"""

from datetime import datetime, timedelta
from typing import Any

import structlog
from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncConnection

from bot.flows.carrying import Answers, Place, no_answers
from bot.flows.live import live_flows
from bot.flows.running import begin
from campaigns.live import workspace_config
from campaigns.starting.entry import MISFIRE
from core.clock import Clock, machine_now
from core.ids import id_floor, new_id
from core.machines.conversation import CONVERSATION, ConversationState
from core.messages import EMAIL, WHATSAPP
from core.purposes import Purpose
from core.transitions import apply
from storage.outbox.columns import table
from storage.statements import insert_into, lock_customers
from storage.store import Store
from storage.tables import Conversation, Cursor, Event, Identity, Message

log = structlog.get_logger(__name__)

_CURSORS, _EVENTS, _MESSAGES = table(Cursor), table(Event), table(Message)
_IDENTITIES, _CONVERSATIONS = table(Identity), table(Conversation)
CURSOR = "flows: events"
BEHIND = timedelta(seconds=5)
"""Machine time. Transactions are over in a fraction of it."""
WINDOW = timedelta(hours=24)
"""How long WhatsApp lets free text through after the customer wrote."""
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


async def place_of(connection: AsyncConnection, customer_id: str, now: datetime) -> Place | None:
    """Where the customer talked to us last, and their conversation, opened where there is none. The customer is locked.

    None where they never wrote, cannot be reached there, or somebody else has the conversation.
    """
    last = (
        await connection.execute(
            select(_MESSAGES.c.identity_id, _IDENTITIES.c.channel, _IDENTITIES.c.window_from)
            .join(_IDENTITIES, _IDENTITIES.c.id == _MESSAGES.c.identity_id)
            .where(
                _MESSAGES.c.customer_id == customer_id, _MESSAGES.c.direction == "in", _IDENTITIES.c.reachable.is_(True)
            )
            .order_by(_MESSAGES.c.created_at.desc(), _MESSAGES.c.id.desc())
            .limit(1)
        )
    ).first()
    if last is None or (last.channel == WHATSAPP and (last.window_from is None or now - last.window_from >= WINDOW)):
        return None
    conversation = await _conversation(connection, customer_id, last.channel, now)
    return None if conversation is None else Place(customer_id, last.identity_id, last.channel, *conversation)


async def _conversation(
    connection: AsyncConnection, customer_id: str, channel: str, now: datetime
) -> tuple[str, int] | None:
    """(id, fence) of the conversation that the bot has, opened or reopened; None where somebody else has it."""
    mine = (_CONVERSATIONS.c.customer_id == customer_id, _CONVERSATIONS.c.verified.is_(True))
    rows = (
        await connection.execute(
            select(_CONVERSATIONS.c.id, _CONVERSATIONS.c.state, _CONVERSATIONS.c.token)
            .where(*mine).order_by(_CONVERSATIONS.c.last_at.desc(), _CONVERSATIONS.c.id.desc())
        )
    ).all()  # fmt: skip
    open_one = next((row for row in rows if row.state is not ConversationState.RESOLVED), None)
    if open_one is not None:
        return (open_one.id, open_one.token) if open_one.state is ConversationState.BOT else None
    if rows:
        state = apply(CONVERSATION, rows[0].state, "ConversationReopened", {"flow_takes_it": True})
        await connection.execute(
            _CONVERSATIONS.update().where(_CONVERSATIONS.c.id == rows[0].id)
            .values(state=state, last_at=now)
        )  # fmt: skip
        return rows[0].id, rows[0].token
    new = Conversation(
        id=new_id(), customer_id=customer_id, state=CONVERSATION.initial, channel=channel, opened_at=now, last_at=now
    )
    await connection.execute(_CONVERSATIONS.insert().values(new.model_dump()))
    return new.id, new.token


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

"""Handing a customer over to the desk: their conversation waits for a person."""

from datetime import datetime

from sqlalchemy import case, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from core.ids import new_id
from core.machines.conversation import CONVERSATION, QUEUE, REOPEN, ConversationState
from core.text import clipped
from core.transitions import apply
from storage.outbox.columns import table
from storage.tables import Conversation

_CONVERSATIONS = table(Conversation)


async def conversation_of(connection: AsyncConnection, customer_id: str, now: datetime) -> str:
    """The customer's verified conversation: the open one, else the last, else a new one that the bot has."""
    found = await connection.scalar(
        select(_CONVERSATIONS.c.id)
        .where(_CONVERSATIONS.c.customer_id == customer_id, _CONVERSATIONS.c.verified.is_(True))
        .order_by(
            # one that is open goes before all that are over: there may be no second
            case((_CONVERSATIONS.c.state == ConversationState.RESOLVED, 1), else_=0),
            _CONVERSATIONS.c.last_at.desc(),
            _CONVERSATIONS.c.id.desc(),
        )
        .limit(1)
    )
    if found is not None:
        return str(found)
    id_ = new_id()
    await connection.execute(
        _CONVERSATIONS.insert().values(
            id=id_, customer_id=customer_id, state=CONVERSATION.initial, verified=True, channel="", opened_at=now,
            last_at=now, last_text="", agent="", token=0,
        )
    )  # fmt: skip
    return id_


async def queue_conversation(connection: AsyncConnection, customer_id: str, note: str, now: datetime) -> str:
    """The customer's conversation, waiting for a person, without a promise: for simulations."""
    id_ = await conversation_of(connection, customer_id, now)
    state = await connection.scalar(select(_CONVERSATIONS.c.state).where(_CONVERSATIONS.c.id == id_))
    if state in (ConversationState.BOT, ConversationState.RESOLVED):
        event = QUEUE.event if state is ConversationState.BOT else REOPEN.event
        values = {"state": apply(CONVERSATION, state, event), "resolved_at": None, "last_at": now}
        if note:
            values["last_text"] = clipped(note, 200)
        await connection.execute(update(_CONVERSATIONS).where(_CONVERSATIONS.c.id == id_).values(**values))
    return id_

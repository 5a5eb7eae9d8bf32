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


async def queue_conversation(connection: AsyncConnection, customer_id: str, note: str, now: datetime) -> str:
    """The customer's verified conversation, waiting for a person: opened, reopened or taken from the bot."""
    mine = (_CONVERSATIONS.c.customer_id == customer_id, _CONVERSATIONS.c.verified.is_(True))
    row = (
        await connection.execute(
            select(_CONVERSATIONS.c.id, _CONVERSATIONS.c.state)
            .where(*mine)
            .order_by(
                # one that is open goes before all that are over: there may be no second
                case((_CONVERSATIONS.c.state == ConversationState.RESOLVED, 1), else_=0),
                _CONVERSATIONS.c.last_at.desc(),
                _CONVERSATIONS.c.id.desc(),
            )
            .limit(1)
        )
    ).first()
    if row is None:
        id_ = new_id()
        state = apply(CONVERSATION, CONVERSATION.initial, QUEUE.event)
        await connection.execute(
            _CONVERSATIONS.insert().values(
                id=id_, customer_id=customer_id, state=state, verified=True, channel="", opened_at=now, last_at=now,
                last_text=clipped(note, 200), agent="", token=0,
            )
        )  # fmt: skip
        return id_
    if row.state in (ConversationState.BOT, ConversationState.RESOLVED):
        event = QUEUE.event if row.state is ConversationState.BOT else REOPEN.event
        state = apply(CONVERSATION, row.state, event)
        await connection.execute(
            update(_CONVERSATIONS)
            .where(_CONVERSATIONS.c.id == row.id)
            .values(state=state, resolved_at=None, last_at=now)
        )
    return str(row.id)

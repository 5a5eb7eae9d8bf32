"""Handoffs that a campaign asks for: the customer's conversation is queued for the desk."""

from datetime import datetime

from sqlalchemy import select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from campaigns.running.commands import Finish, OpenCommand
from core.clock import Clock
from core.ids import new_id
from core.machines.conversation import CONVERSATION, QUEUE, REOPEN, ConversationState
from core.text import clipped
from core.transitions import apply
from storage.outbox.columns import table
from storage.statements import lock_customers
from storage.store import Store
from storage.tables import Audit, Conversation, Customer

_CONVERSATIONS, _CUSTOMERS, _AUDIT = table(Conversation), table(Customer), table(Audit)


class Handoffs:
    """Carries out ``handoff`` commands: from then on campaigns hold until the desk has resolved the conversation."""

    def __init__(self, store: Store, clock: Clock) -> None:
        self._store = store
        self._clock = clock

    async def __call__(self, command: OpenCommand, finish: Finish) -> None:
        customer_id, now = str(command.payload["customer_id"]), self._clock.now()
        async with self._store.write() as connection:
            await lock_customers(connection, [customer_id], shared=False)
            known = await connection.scalar(select(_CUSTOMERS.c.id).where(_CUSTOMERS.c.id == customer_id))
            if known is not None:
                note = str(command.payload.get("note", ""))
                conversation_id = await queue_conversation(connection, customer_id, note, now)
                detail = {name: command.payload.get(name, "") for name in ("campaign_id", "step", "queue", "note")}
                await connection.execute(
                    _AUDIT.insert().values(
                        id=new_id(), at=now, actor=f"campaign:{command.payload['campaign_id']}", action="handoff",
                        subject="conversation", subject_id=conversation_id, detail=detail,
                    )
                )  # fmt: skip
            await finish(connection)


async def queue_conversation(connection: AsyncConnection, customer_id: str, note: str, now: datetime) -> str:
    """The customer's verified conversation, waiting for a person: opened, reopened or taken from the bot."""
    mine = (_CONVERSATIONS.c.customer_id == customer_id, _CONVERSATIONS.c.verified.is_(True))
    row = (
        await connection.execute(
            select(_CONVERSATIONS.c.id, _CONVERSATIONS.c.state)
            .where(*mine)
            .order_by(_CONVERSATIONS.c.last_at.desc(), _CONVERSATIONS.c.id.desc())
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

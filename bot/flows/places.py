"""Where a flow talks that the customer did not set off with a message: their last channel, and the conversation."""

from datetime import datetime, timedelta

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncConnection

from bot.flows.carrying import Place
from core.ids import new_id
from core.machines.conversation import CONVERSATION, ConversationState
from core.messages import WHATSAPP
from core.transitions import apply
from storage.outbox.columns import table
from storage.tables import Conversation, Identity, Message

_MESSAGES, _IDENTITIES, _CONVERSATIONS = table(Message), table(Identity), table(Conversation)
WINDOW = timedelta(hours=24)
"""How long WhatsApp lets free text through after the customer wrote."""


async def place_of(
    connection: AsyncConnection, customer_id: str, now: datetime, *, since: datetime | None = None
) -> Place | None:
    """Where the customer talked to us last, and their conversation, opened where there is none. The customer is locked.

    None where they never wrote (or not ``since``), cannot be reached there, or somebody else has the conversation.
    """
    last = (
        await connection.execute(
            select(_MESSAGES.c.identity_id, _MESSAGES.c.created_at, _IDENTITIES.c.channel, _IDENTITIES.c.window_from)
            .join(_IDENTITIES, _IDENTITIES.c.id == _MESSAGES.c.identity_id)
            .where(
                _MESSAGES.c.customer_id == customer_id, _MESSAGES.c.direction == "in", _IDENTITIES.c.reachable.is_(True)
            )
            .order_by(_MESSAGES.c.created_at.desc(), _MESSAGES.c.id.desc())
            .limit(1)
        )
    ).first()
    if last is None or (since is not None and last.created_at < since):
        return None
    if last.channel == WHATSAPP and (last.window_from is None or now - last.window_from >= WINDOW):
        return None
    conversation = await conversation_for(connection, customer_id, last.channel, now)
    return None if conversation is None else Place(customer_id, last.identity_id, last.channel, *conversation)


async def conversation_for(
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

"""The record of a conversation: who did what with it, beside what was said in it."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from sqlalchemy.ext.asyncio import AsyncConnection

from core.actors import Actor
from core.ids import new_id
from core.text import clipped
from storage.intake import storable
from storage.outbox.columns import table
from storage.tables import ConversationEvent

_EVENTS = table(ConversationEvent)
NOTE = "NoteAdded"
LATE = "PromiseBroken"
RATED = "ConversationRated"
LONGEST = 10_000


async def record(
    connection: AsyncConnection,
    conversation_id: str,
    customer_id: str,
    event: str,
    *,
    actor: Actor,
    now: datetime,
    text: str = "",
    detail: Mapping[str, Any] | None = None,
) -> str:
    """Write down ``event``; gives its id."""
    id_ = new_id()
    await connection.execute(
        _EVENTS.insert().values(
            id=id_, conversation_id=conversation_id, customer_id=customer_id, at=now, actor=str(actor), event=event,
            text=clipped(storable(text), LONGEST), detail=dict(detail or {}),
        )
    )  # fmt: skip
    return id_

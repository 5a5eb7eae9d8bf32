"""What customers did about a campaign, the newest first; opens, which prove nothing, are only counted."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncConnection

from core.text import clipped
from storage.outbox.columns import table
from storage.tables import Customer, Message, Response

_RESPONSES, _CUSTOMERS, _MESSAGES = table(Response), table(Customer), table(Message)
SHOWN = 20
SHORT = 140


@dataclass(frozen=True, slots=True)
class Responded:
    """One response; ``conversation`` is where it can be read, empty where nothing was said."""

    kind: str
    at: datetime
    customer_id: str
    name: str
    channel: str
    step: str
    text: str
    conversation: str


async def newest(connection: AsyncConnection, campaign_id: str, limit: int = SHOWN) -> Sequence[Responded]:
    """The newest of the campaign."""
    rows = await connection.execute(
        select(
            _RESPONSES.c.kind, _RESPONSES.c.at, _RESPONSES.c.channel, _RESPONSES.c.step,
            _RESPONSES.c.customer_id, _CUSTOMERS.c.first_name, _CUSTOMERS.c.last_name, _MESSAGES.c.body,
            _MESSAGES.c.conversation_id,
        )
        .join(_CUSTOMERS, _CUSTOMERS.c.id == _RESPONSES.c.customer_id)
        .outerjoin(_MESSAGES, _MESSAGES.c.id == _RESPONSES.c.inbound_message_id)
        .where(_RESPONSES.c.campaign_id == campaign_id, _RESPONSES.c.kind != "open")  # opens prove nothing
        .order_by(_RESPONSES.c.at.desc(), _RESPONSES.c.id.desc())
        .limit(limit)
    )  # fmt: skip
    return [
        Responded(
            row.kind, row.at, row.customer_id, f"{row.first_name} {row.last_name}".strip(), row.channel, row.step,
            clipped(row.body or "", SHORT), row.conversation_id or "",
        )
        for row in rows
    ]  # fmt: skip

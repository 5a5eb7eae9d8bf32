"""A chat that goes on by email: what a visitor did not see in their window in time is mailed to them.

The letter repeats our lines only, never the visitor's: an address that was left in a chat is nobody's proof. Its reply
address is signed, so that what comes back stands in the same conversation.
"""

from collections.abc import Sequence
from datetime import datetime, timedelta
from itertools import groupby
from typing import Any

from sqlalchemy import Row, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from bot.conversations import plan_message
from campaigns.live import workspace_config
from core import catalogue
from core.clock import Clock
from core.messages import EMAIL, WEBCHAT
from core.purposes import Purpose
from storage.outbox.columns import table
from storage.statements import lock_customers
from storage.store import Store
from storage.tables import ChatLine, Conversation, Customer, Identity

PATIENCE = timedelta(minutes=5)
"""How long a line may stand unseen in a window before it is mailed."""
FORGOTTEN = timedelta(days=2)
"""What nobody saw for so long is not mailed any more: somebody has just turned mail on."""
TOGETHER = 200

_LINES, _IDENTITIES, _CONVERSATIONS, _CUSTOMERS = (
    table(ChatLine), table(Identity), table(Conversation), table(Customer),
)  # fmt: skip


async def continue_by_email(store: Store, clock: Clock) -> int:
    """Plan a letter for every visitor with lines that stood unseen too long; gives their number."""
    now = clock.now()
    async with store.read() as connection:
        rows = (await connection.execute(_unseen(now))).all()
    planned = 0
    for _, lines in groupby(rows, key=lambda row: row.visitor):
        async with store.write() as connection:
            planned += await _mail(connection, list(lines), now)
    return planned


def _unseen(now: datetime) -> Any:
    """Lines by visitor, each with the visitor's customer and an address of theirs."""
    mail = _IDENTITIES.alias()
    return (
        select(
            _LINES.c.id, _LINES.c.visitor, _LINES.c.text, _LINES.c.content, _IDENTITIES.c.customer_id,
            mail.c.id.label("mail"),
        )
        .join(_IDENTITIES, (_IDENTITIES.c.channel == WEBCHAT) & (_IDENTITIES.c.address == _LINES.c.visitor))
        .join(mail, (mail.c.customer_id == _IDENTITIES.c.customer_id) & (mail.c.channel == EMAIL) & mail.c.reachable)
        .where(
            _LINES.c.direction == "out",
            _LINES.c.seen_at.is_(None),
            _LINES.c.mailed_at.is_(None),
            _LINES.c.at <= now - PATIENCE,
            _LINES.c.at > now - FORGOTTEN,
        )
        .order_by(_LINES.c.visitor, _LINES.c.id, mail.c.verified.desc(), mail.c.created_at.desc())
        .limit(TOGETHER)
    )  # fmt: skip


async def _mail(connection: AsyncConnection, rows: Sequence[Row[Any]], now: datetime) -> int:
    customer_id, mail = rows[0].customer_id, rows[0].mail
    await lock_customers(connection, [customer_id], shared=False)
    marked = set(
        await connection.scalars(
            update(_LINES)
            .where(_LINES.c.id.in_({row.id for row in rows}), _LINES.c.seen_at.is_(None), _LINES.c.mailed_at.is_(None))
            .values(mailed_at=now)
            .returning(_LINES.c.id)
        )
    )
    conversation_id = await connection.scalar(
        select(_CONVERSATIONS.c.id)
        .where(_CONVERSATIONS.c.customer_id == customer_id)
        .order_by(_CONVERSATIONS.c.last_at.desc(), _CONVERSATIONS.c.id.desc())
        .limit(1)
    )
    texts: dict[str, str] = {}
    for row in rows:
        if row.id in marked:
            first = (row.content or {}).get("replaces")
            texts[first if first in texts else row.id] = row.text  # what was edited is told as it is now
    if not texts or conversation_id is None:
        return 0
    config = await workspace_config(connection)
    locale = await connection.scalar(select(_CUSTOMERS.c.locale).where(_CUSTOMERS.c.id == customer_id))
    said = {"brand": config.brand.name, "email": ""}
    words = {
        name: catalogue.text(locale or config.locale, f"chat.mail_{name}", **said)
        for name in ("subject", "intro", "outro")
    }
    await plan_message(
        connection,
        customer_id=customer_id,
        identity_id=mail,
        channel=EMAIL,
        conversation_id=conversation_id,
        client_token=f"chat:{max(marked)}",
        purpose=Purpose.CONVERSATION,
        content={
            "text": "\n\n".join([words["intro"], *texts.values(), words["outro"]]) + "\n",
            "subject": words["subject"],
        },
        now=now,
    )
    return 1

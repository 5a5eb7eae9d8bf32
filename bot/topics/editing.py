"""What staff change of what they wrote in a topic, and what they answer there: found among the customer's messages."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from sqlalchemy import or_, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from bot.handoff import ownership
from bot.handoff.answering import Draft
from core import catalogue
from core.agents import WROTE
from core.machines.message import MessageState
from core.messages import TELEGRAM, WEBCHAT
from storage.intake import storable
from storage.outbox.columns import table
from storage.tables import Customer, Message

_MESSAGES, _CUSTOMERS = table(Message), table(Customer)
_LEAVING = (MessageState.CLAIMED, MessageState.DISPATCHING)
_OUT = (MessageState.ACCEPTED, MessageState.DELIVERED, MessageState.READ)
_CHANGE = (TELEGRAM, WEBCHAT)
"""Channels on which a message that is there can be changed."""
LOOKED_AT = 50
"""The customer's latest messages, among which the one that is answered is looked for."""


class StillLeaving(Exception):
    """What was edited is on its way to the provider: in a moment it is known what became of it."""


@dataclass(frozen=True, slots=True)
class Edit:
    """What is to be sent because of an edit, and the name of the text that its writer is told."""

    draft: Draft | None = None
    told: str = ""


async def edited(
    connection: AsyncConnection, conversation_id: str, agent: str, key: str, edit: str, text: str
) -> Edit | None:
    """What the edit of the answer with that ``key`` comes to; None where it was no answer, or never left.

    What has not left yet leaves in the new words. On Telegram and in the web chat the message that is there changes; on
    other channels a correction follows. ``edit`` is the edit's own key: each is carried out once.

    Raises:
        StillLeaving: to be tried again.
    """
    await ownership.held(connection, conversation_id)  # customers are locked before their messages, as everywhere
    token, text = f"{WROTE}{agent}:{key}", storable(text.strip())
    mine = or_(_MESSAGES.c.client_token == token, _MESSAGES.c.client_token.startswith(f"{token}~", autoescape=True))
    here = select(_MESSAGES).where(_MESSAGES.c.conversation_id == conversation_id, mine)
    rows = (await connection.execute(here.order_by(_MESSAGES.c.id).with_for_update())).all()
    if not rows or not text:
        return None
    first, last = rows[0], rows[-1]
    if last.state in _LEAVING:
        raise StillLeaving(f"message {last.id} is leaving just now")
    changes = first.channel in _CHANGE and bool(first.provider_id) and not first.content.get("attachments")
    unsent = first is last and last.state == MessageState.PLANNED
    words = text if changes or unsent else await _correction(connection, first, text)
    if last.content.get("text") == words:
        return Edit()
    if last.state == MessageState.PLANNED:
        content = {**last.content, "text": words}
        await connection.execute(update(_MESSAGES).where(_MESSAGES.c.id == last.id).values(content=content))
        return Edit()
    if first.state not in _OUT:
        return None
    if changes:
        return Edit(Draft(f"{key}~{edit}", words, first.identity_id, {"replaces": first.provider_id}))
    return Edit(Draft(f"{key}~{edit}", words, first.identity_id), "corrected")


async def _correction(connection: AsyncConnection, row: Any, text: str) -> str:
    locale = await connection.scalar(select(_CUSTOMERS.c.locale).where(_CUSTOMERS.c.id == row.customer_id))
    return catalogue.text(catalogue.language_of(str(locale or "")), "topics.correction", text=text)


async def reply_of(connection: AsyncConnection, conversation_id: str, said: Mapping[str, Any]) -> dict[str, Any]:
    """What makes the answer an answer to one message, where the channel shows that: ``in_reply_to``, or nothing.

    Staff answer a line of their own, or one that the desk put into the topic; that may hold several of the customer's
    messages, and only where a single one is meant it is answered.
    """
    mine = (_MESSAGES.c.conversation_id == conversation_id, _MESSAGES.c.channel == TELEGRAM)
    own = select(_MESSAGES.c.provider_id).where(*mine, _MESSAGES.c.client_token.endswith(f":{said['answered']}"))
    provider_id = await connection.scalar(own.limit(1)) if said["answered"] else None
    if provider_id:
        return {"in_reply_to": str(provider_id)}
    theirs = select(_MESSAGES.c.body, _MESSAGES.c.content).where(*mine, _MESSAGES.c.direction == "in")
    rows = (await connection.execute(theirs.order_by(_MESSAGES.c.id.desc()).limit(LOOKED_AT))).all()
    quoted = str(said["quoted"]).strip()
    meant = [row for row in rows if row.body and (row.body.strip() in quoted or quoted in row.body)]
    found = str((meant[0].content or {}).get("message_id", "")) if len(meant) == 1 else ""
    return {"in_reply_to": found} if found else {}

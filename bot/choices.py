"""Choices: an answer by number, by the words of a button, or by a button's token, and what it stands for.

"2", "2.", "۲" or the second label answer the last message with choices that went to that address within the
attribution window, or the one that was quoted. A token is worth something only to whom its message was sent.
"""

import re
from dataclasses import dataclass, replace

from sqlalchemy import exists, select
from sqlalchemy.ext.asyncio import AsyncConnection

from bot.context import Context
from bot.senders import Sender
from core.ids import ID_LENGTH
from core.messages import EMAIL, InboundMessage
from core.statuses import SENT
from core.text import folded
from core.tokens import TAG_LENGTH
from storage.outbox.columns import table
from storage.tables import Message, MessageChoice

_MESSAGES, _CHOICES = table(Message), table(MessageChoice)
_NUMBER = re.compile(r"[(#№]?\s*([0-9]{1,2})\s*[.)]?")
_TOKEN = re.compile(rf"[0-9a-v]{{{ID_LENGTH}}}[0-9]{{2}}[0-9a-v]{{{TAG_LENGTH}}}")
_LONGEST = 100
_QUOTES = ("token", "in_reply_to", "references")
_EDGES = ".!?…,;:؟،؛\"'«»“” "


@dataclass(frozen=True, slots=True)
class Choice:
    """What was chosen, under which message."""

    message_id: str
    number: int
    label: str
    value: str


async def chosen(
    connection: AsyncConnection, inbound: InboundMessage, sender: Sender, context: Context
) -> tuple[InboundMessage, Choice | None]:
    """The message with what its button or its words stand for in ``button``, and the choice that this is.

    A token that is nobody's, or somebody else's, stands for nothing.
    """
    if _TOKEN.fullmatch(inbound.button):
        choice = await _by_token(connection, inbound.button, sender, context)
        if choice is None:
            return replace(inbound, button=""), None
        return replace(inbound, button=choice.value, text=inbound.text or choice.label), choice
    if inbound.automatic or len(inbound.text) > _LONGEST * 20:
        return inbound, None
    said = [one for one in _said(inbound) if one and len(one) <= _LONGEST]
    if not said:
        return inbound, None
    offered = await _offered(connection, inbound, sender, context)
    if inbound.button and any(one.value == inbound.button for one in offered):
        return inbound, None
    for words in said:
        number = _NUMBER.fullmatch(words)
        for choice in offered:
            if (number and choice.number == int(number[1])) or _bare(choice.label) == words.strip(_EDGES):
                return replace(inbound, button=choice.value), choice
    return inbound, None


def _said(inbound: InboundMessage) -> list[str]:
    """What may be a choice: the whole text; of a mail also its first line, which a signature may follow."""
    lines = [folded(inbound.text)]
    if inbound.sender.channel == EMAIL:
        lines.append(folded(inbound.text.strip().partition("\n")[0]))
    return list(dict.fromkeys(lines))


def _bare(label: str) -> str:
    return folded(label).strip(_EDGES)


async def _by_token(connection: AsyncConnection, token: str, sender: Sender, context: Context) -> Choice | None:
    payload = context.choice_tokens.verify(token)
    if payload is None:
        return None
    found = (
        await connection.execute(
            select(_CHOICES)
            .join(_MESSAGES, _MESSAGES.c.id == _CHOICES.c.message_id)
            .where(
                _CHOICES.c.message_id == payload[:ID_LENGTH],
                _CHOICES.c.number == int(payload[ID_LENGTH:]),
                _MESSAGES.c.customer_id == sender.customer_id,
            )
        )
    ).first()
    return Choice(found.message_id, found.number, found.label, found.value) if found is not None else None


async def _offered(
    connection: AsyncConnection, inbound: InboundMessage, sender: Sender, context: Context
) -> list[Choice]:
    """The choices of the message that was quoted, else of the last one with any that went to this address."""
    credited = sender.attribution
    if credited.message_id is not None and credited.by in _QUOTES:
        rows = await _of(connection, credited.message_id)
        if rows or inbound.sender.channel == EMAIL:
            return rows
    if inbound.sender.channel == EMAIL:  # whoever quotes nothing proves nothing
        return []
    last = await connection.scalar(
        select(_MESSAGES.c.id)
        .where(
            _MESSAGES.c.customer_id == sender.customer_id,
            _MESSAGES.c.identity_id == sender.identity_id,
            _MESSAGES.c.direction == "out",
            _MESSAGES.c.state.in_(SENT),
            _MESSAGES.c.sent_at >= context.since,
            exists(select(_CHOICES.c.number).where(_CHOICES.c.message_id == _MESSAGES.c.id)),
        )
        .order_by(_MESSAGES.c.sent_at.desc(), _MESSAGES.c.id.desc())
        .limit(1)
    )
    return await _of(connection, last) if last is not None else []


async def _of(connection: AsyncConnection, message_id: str) -> list[Choice]:
    wanted = (
        select(_CHOICES.c.message_id, _CHOICES.c.number, _CHOICES.c.label, _CHOICES.c.value)
        .where(_CHOICES.c.message_id == message_id)
        .order_by(_CHOICES.c.number)
    )
    return [Choice(*row) for row in await connection.execute(wanted)]

"""Choices: an answer by number, by the words of a button, or by a button's token, and what it stands for.

"2", "2.", "۲" or the second label answer the last message with choices that went to that address within the
attribution window, or the one that was quoted. A token is worth something only to whom its message was sent.
"""

import re
from collections.abc import Sequence
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
    if has_token(inbound):
        return redeemed(inbound, await _by_token(connection, inbound.button, sender, context))
    if not may_choose(inbound):
        return inbound, None
    return picked(inbound, await _offered(connection, inbound, sender, context))


def has_token(inbound: InboundMessage) -> bool:
    """Whether its button brings a token back."""
    return _TOKEN.fullmatch(inbound.button) is not None


def token_names(token: str, context: Context) -> tuple[str, int] | None:
    """The message and the number of the choice that a token of ours names; None for any other."""
    payload = context.choice_tokens.verify(token)
    return (payload[:ID_LENGTH], int(payload[ID_LENGTH:])) if payload is not None else None


def redeemed(inbound: InboundMessage, choice: Choice | None) -> tuple[InboundMessage, Choice | None]:
    """The message whose token stands for ``choice``; one that is worth nothing takes the button away."""
    if choice is None:
        return replace(inbound, button=""), None
    return replace(inbound, button=choice.value, text=inbound.text or choice.label), choice


def may_choose(inbound: InboundMessage) -> bool:
    """Whether its words are few enough to be a choice; a machine chooses nothing."""
    return not inbound.automatic and len(inbound.text) <= _LONGEST * 20 and bool(_said(inbound))


def picked(inbound: InboundMessage, offered: Sequence[Choice]) -> tuple[InboundMessage, Choice | None]:
    """The message with the one of ``offered`` that its words are, if they are any."""
    if not offered or (inbound.button and any(one.value == inbound.button for one in offered)):
        return inbound, None
    for words in _said(inbound):
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
    return [line for line in dict.fromkeys(lines) if line and len(line) <= _LONGEST]


def _bare(label: str) -> str:
    return folded(label).strip(_EDGES)


async def _by_token(connection: AsyncConnection, token: str, sender: Sender, context: Context) -> Choice | None:
    named = token_names(token, context)
    if named is None:
        return None
    found = (
        await connection.execute(
            select(_CHOICES)
            .join(_MESSAGES, _MESSAGES.c.id == _CHOICES.c.message_id)
            .where(
                _CHOICES.c.message_id == named[0],
                _CHOICES.c.number == named[1],
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

"""What an agent writes: an answer to the customer, where they wrote last or elsewhere; a note to colleagues.

An answer is planned only while the conversation is the writer's; from then on it is theirs to leave, whoever takes the
conversation over.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from sqlalchemy import select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from bot.conversations import plan_message
from bot.handoff import ownership
from bot.handoff.mentions import people_named
from bot.handoff.record import NOTE, record
from core.actors import Actor
from core.agents import WROTE
from core.errors import Refused
from core.ids import new_id
from core.machines.message import MessageState
from core.messages import EMAIL
from core.purposes import Purpose
from core.text import clipped
from storage.intake import storable
from storage.outbox.columns import table
from storage.tables import Identity, Message

_IDENTITIES, _MESSAGES = table(Identity), table(Message)
LONGEST = 20_000
PROMISED = "handoff:"
"""Begins the client token of the bot's word that a person will answer; the id of the message that asked follows."""
_NOBODYS = -1
"""A fence at which no conversation ever stands."""
_SUBJECT_PREFIX = "re:"


@dataclass(frozen=True, slots=True)
class Draft:
    """What is to be sent. ``key`` is the composer's own: a draft that is sent again is the same message; one without a
    key, from a page whose script does not run, is a new one each time.

    ``identity_id`` empty: where the customer wrote last. ``more`` is content beside the text, such as attachments.
    """

    key: str
    text: str
    identity_id: str = ""
    more: Mapping[str, Any] = field(default_factory=dict)


async def answer(
    connection: AsyncConnection, conversation_id: str, agent: str, token: int, draft: Draft, now: datetime
) -> str:
    """Plan the agent's answer; gives its client token. What was planned before under its key is left as it is.

    Raises:
        NotYours: the conversation changed hands since the agent saw ``token``: nothing is sent.
        Refused: there is nothing in it, it is too long, or there is nowhere to send it.
    """
    text = storable(draft.text.strip())
    if not text and not draft.more:
        raise Refused("there is nothing to send", name="nothing")
    if len(text) > LONGEST:
        raise Refused(f"this is longer than {LONGEST} characters; send a file instead", name="long", longest=LONGEST)
    client_token = f"{WROTE}{agent}:{clipped(draft.key, 100) or new_id()}"
    row = await ownership.held(connection, conversation_id)
    if await _is_planned(connection, conversation_id, client_token):
        return client_token  # sent again by who had no answer from us: taken is taken, whoever has the customer now
    await ownership.written_by(connection, conversation_id, agent, token, now)
    await _outdate_promise(connection, conversation_id)
    last = await _last_message(connection, conversation_id)
    place = await _place(connection, row.customer_id, draft.identity_id or (last.identity_id if last else ""))
    await plan_message(
        connection,
        customer_id=row.customer_id,
        identity_id=place.id,
        channel=place.channel,
        conversation_id=conversation_id,
        client_token=client_token,
        purpose=Purpose.CONVERSATION,
        content={"text": text, **draft.more, **await thread_of(connection, conversation_id, place.channel)},
        now=now,
    )
    return client_token


async def _is_planned(connection: AsyncConnection, conversation_id: str, client_token: str) -> bool:
    theirs = _MESSAGES.c.conversation_id == conversation_id, _MESSAGES.c.client_token == client_token
    return await connection.scalar(select(_MESSAGES.c.id).where(*theirs)) is not None


async def _outdate_promise(connection: AsyncConnection, conversation_id: str) -> None:
    """That somebody will answer is no news after the answer: what says so is dropped, unless it left.

    Also what is on its way: if that proves not to have left, it is planned again.
    """
    promise = _MESSAGES.c.conversation_id == conversation_id, _MESSAGES.c.client_token.startswith(PROMISED)
    not_left = _MESSAGES.c.state.in_([MessageState.PLANNED, MessageState.CLAIMED, MessageState.DISPATCHING])
    await connection.execute(update(_MESSAGES).where(*promise, not_left).values(owner_token=_NOBODYS))


async def note(
    connection: AsyncConnection, conversation_id: str, agent: str, text: str, mentions: list[str], now: datetime
) -> str:
    """Write something that only colleagues see; gives the event's id. ``mentions`` are agents' ids, beside
    those whom the text names by ``@name``.

    Raises:
        Refused: there is nothing in it.
    """
    if not text.strip():
        raise Refused("there is nothing in this note", name="empty_note")
    row = await ownership.held(connection, conversation_id)
    named = {*mentions, *await people_named(connection, text, agent)}
    detail = {"mentions": sorted(named)} if named else {}
    return await record(
        connection, row.id, row.customer_id, NOTE, actor=Actor("agent", agent), now=now, text=text.strip(),
        detail=detail,
    )  # fmt: skip


async def _last_message(connection: AsyncConnection, conversation_id: str, channel: str = "") -> Any:
    """The newest of the customer's messages in the conversation, on that channel."""
    found = select(_MESSAGES.c.identity_id, _MESSAGES.c.subject, _MESSAGES.c.content).where(
        _MESSAGES.c.conversation_id == conversation_id, _MESSAGES.c.direction == "in"
    )
    if channel:
        found = found.where(_MESSAGES.c.channel == channel)
    return (await connection.execute(found.order_by(_MESSAGES.c.id.desc()).limit(1))).first()


async def _place(connection: AsyncConnection, customer_id: str, identity_id: str) -> Any:
    """Where it goes: this address, else the customer's first one that is reachable."""
    theirs = select(_IDENTITIES).where(_IDENTITIES.c.customer_id == customer_id)
    if identity_id:
        row = (await connection.execute(theirs.where(_IDENTITIES.c.id == identity_id))).first()
        if row is None:
            raise Refused("this address is not the customer's any more; choose another", name="not_theirs")
    else:
        ordered = theirs.order_by(_IDENTITIES.c.reachable.desc(), _IDENTITIES.c.verified.desc(), _IDENTITIES.c.id)
        row = (await connection.execute(ordered.limit(1))).first()
    if row is None or not row.reachable:
        why = f": {row.unreachable_reason}" if row is not None and row.unreachable_reason else ""
        raise Refused(f"the customer cannot be reached there{why}; choose another address", name="unreachable", why=why)
    return row


async def thread_of(connection: AsyncConnection, conversation_id: str, channel: str) -> dict[str, Any]:
    """By which a mail stands in its thread (RFC 5322, 3.6.4)."""
    if channel != EMAIL:
        return {}
    last = await _last_message(connection, conversation_id, EMAIL)
    if last is None:
        return {}
    said = str((last.content or {}).get("message_id", ""))
    subject = last.subject or ""
    if subject and not subject.casefold().startswith(_SUBJECT_PREFIX):
        subject = f"Re: {subject}"
    return {"subject": subject, "in_reply_to": said, "references": [said] if said else []}

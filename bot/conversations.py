"""Conversations: the thread that a customer's messages and our answers stand in."""

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import case, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from bot.context import Context
from bot.senders import Sender
from campaigns.definition import WorkspaceConfig
from campaigns.periods import zone_named
from core.ids import new_id
from core.machines.conversation import CONVERSATION, ConversationState
from core.machines.message import MessageState
from core.messages import EMAIL, InboundMessage
from core.purposes import Purpose
from core.text import clipped
from core.transitions import apply
from storage.intake import bounded_key, storable
from storage.outbox.columns import table
from storage.statements import insert_into, insert_missing
from storage.tables import Conversation, Message

_CONVERSATIONS = table(Conversation)
_MESSAGES = table(Message)
THREAD = tuple(
    _CONVERSATIONS.c[name] for name in ("id", "customer_id", "state", "token", "last_at", "resolved_at", "blocked_at")
)
"""What decides into which conversation a message goes."""
LONGEST_TEXT = 20_000
LONGEST_SUBJECT = 500
ANSWER_LASTS = timedelta(hours=48)
"""An automatic answer that could not leave by then is no answer any more."""


def provider_key(inbound: InboundMessage) -> str:
    """The inbound message's id among the provider ids of its account.

    The prefix keeps it apart from those of our own messages: a mail's Message-ID is whatever its sender writes.
    """
    return "in:" + bounded_key(inbound.key)


async def is_logged(connection: AsyncConnection, inbound: InboundMessage) -> bool:
    """Whether this message stands in a conversation already."""
    found = await connection.scalar(
        select(_MESSAGES.c.id).where(
            _MESSAGES.c.account == inbound.account, _MESSAGES.c.provider_id == provider_key(inbound)
        )
    )
    return found is not None


async def log_inbound(
    connection: AsyncConnection, inbound: InboundMessage, sender: Sender, context: Context
) -> tuple[str, str] | None:
    """Put the message into the customer's conversation: (message, conversation), or None for a repeat."""
    conversation_id = await _open(connection, sender, inbound, context)
    message_id = await connection.scalar(
        insert_into(connection, _MESSAGES)
        .values(inbound_row(inbound, sender.customer_id, sender.identity_id, conversation_id, context.received_at))
        .on_conflict_do_nothing()
        .returning(_MESSAGES.c.id)
    )
    return None if message_id is None else (message_id, conversation_id)


def inbound_row(
    inbound: InboundMessage, customer_id: str, identity_id: str, conversation_id: str, at: datetime
) -> dict[str, Any]:
    """The message as it stands in its conversation; ``at`` is when it was received."""
    return {
        **_plain(customer_id, identity_id, inbound.sender.channel, conversation_id, at),
        "direction": "in",
        "state": MessageState.DELIVERED,
        "purpose": Purpose.CONVERSATION,
        "account": inbound.account,
        "provider_id": provider_key(inbound),
        "subject": clipped(storable(inbound.subject), LONGEST_SUBJECT),
        "body": _text(inbound),
        "content": _noted(inbound),
        "raw_blob": inbound.raw_blob,
    }


async def plan_answer(
    connection: AsyncConnection,
    inbound: InboundMessage,
    sender: Sender,
    conversation_id: str,
    context: Context,
    *,
    client_token: str,
    purpose: Purpose,
    text: str,
    subject: str,
    more: Mapping[str, Any] | None = None,
    fenced: bool = True,
) -> None:
    """Plan one message back, ahead of bulk. (conversation, ``client_token``) is its key: a repeat plans nothing.

    ``more`` is what its content has beside the text, such as buttons. What is said in conversation is dropped at
    dispatch if a person has taken it by then, unless it is not ``fenced``; what has to be confirmed always leaves.
    """
    content: dict[str, Any] = {"text": text, **(more or {})}
    if inbound.sender.channel == EMAIL:
        references = [*inbound.references[-20:], inbound.message_id]
        content |= {
            "subject": subject,
            "in_reply_to": clipped(storable(inbound.message_id), LONGEST_SUBJECT),
            "references": [clipped(storable(one), LONGEST_SUBJECT) for one in references if one],
        }
    fence = None
    if fenced and purpose is Purpose.CONVERSATION:
        fence = await connection.scalar(select(_CONVERSATIONS.c.token).where(_CONVERSATIONS.c.id == conversation_id))
    await plan_message(
        connection,
        customer_id=sender.customer_id,
        identity_id=sender.identity_id,
        channel=inbound.sender.channel,
        conversation_id=conversation_id,
        client_token=client_token,
        purpose=purpose,
        content=content,
        now=context.now,
        owner_token=fence,
    )


async def plan_message(
    connection: AsyncConnection,
    *,
    customer_id: str,
    identity_id: str,
    channel: str,
    conversation_id: str,
    client_token: str,
    purpose: Purpose,
    content: dict[str, Any],
    now: datetime,
    owner_token: int | None = None,
) -> None:
    """Plan one message of a conversation, ahead of bulk; a repeat of (conversation, ``client_token``) plans nothing.

    ``owner_token`` is the conversation's fence, where the message is dropped once somebody else has it.
    """
    row = planned_row(
        customer_id=customer_id,
        identity_id=identity_id,
        channel=channel,
        conversation_id=conversation_id,
        client_token=client_token,
        purpose=purpose,
        content=content,
        now=now,
        owner_token=owner_token,
    )
    await insert_missing(connection, _MESSAGES, [row])


def planned_row(
    *,
    customer_id: str,
    identity_id: str,
    channel: str,
    conversation_id: str,
    client_token: str,
    purpose: Purpose,
    content: dict[str, Any],
    now: datetime,
    owner_token: int | None = None,
) -> dict[str, Any]:
    """A message of a conversation that is to leave ahead of bulk."""
    return {
        **_plain(customer_id, identity_id, channel, conversation_id, now),
        "direction": "out",
        "state": MessageState.PLANNED,
        "purpose": purpose,
        "client_token": client_token,
        "owner_token": owner_token,
        "lane": 0,
        "send_at": now,
        "not_before": now,
        "not_after": now + ANSWER_LASTS,
        "content": content,
    }


async def _open(connection: AsyncConnection, sender: Sender, inbound: InboundMessage, context: Context) -> str:
    """The customer's unresolved conversation, the last one reopened, or a new one."""
    at = context.received_at
    mine = (_CONVERSATIONS.c.customer_id == sender.customer_id, _CONVERSATIONS.c.verified.is_(sender.verified))
    row = (
        await connection.execute(
            select(*THREAD)
            .where(*mine)
            .order_by(
                case((_CONVERSATIONS.c.state == ConversationState.RESOLVED, 1), else_=0),
                _CONVERSATIONS.c.last_at.desc(),
                _CONVERSATIONS.c.id.desc(),
            )
            .limit(1)
        )
    ).first()
    if row is None or not goes_on(row, context.config, at):
        conversation = conversation_row(sender.customer_id, inbound, at, verified=sender.verified)
        await connection.execute(_CONVERSATIONS.insert().values(conversation))
        return str(conversation["id"])
    latest: dict[str, Any] = last_words(inbound, at)
    if row.state is ConversationState.RESOLVED:
        latest["state"] = reopened(row.state)
    await connection.execute(update(_CONVERSATIONS).where(_CONVERSATIONS.c.id == row.id).values(**latest))
    return str(row.id)


def goes_on(row: Any, config: WorkspaceConfig, at: datetime) -> bool:
    """Whether what is written at ``at`` belongs to that conversation (columns :data:`THREAD`), and to no new one.

    To one that is over for a while; one that is blocked stays so for ever.
    """
    if row.state is not ConversationState.RESOLVED or row.blocked_at is not None:
        return True
    since = config.desk.reopen_within.before(at, zone_named(config.zone))
    return bool(max(row.last_at, row.resolved_at or row.last_at) >= since)


def conversation_row(customer_id: str, inbound: InboundMessage, at: datetime, *, verified: bool) -> dict[str, Any]:
    """A conversation that begins with ``inbound``."""
    return {
        "id": new_id(),
        "customer_id": customer_id,
        "state": CONVERSATION.initial,
        "verified": verified,
        "opened_at": at,
        **last_words(inbound, at),
    }


def last_words(inbound: InboundMessage, at: datetime) -> dict[str, Any]:
    """What a conversation shows of its last message."""
    return {"channel": inbound.sender.channel, "last_at": at, "last_text": clipped(_text(inbound), 200)}


def reopened(state: ConversationState) -> ConversationState:
    """Where a resolved conversation goes when its customer writes: nobody else takes it over yet, so to the bot."""
    return apply(CONVERSATION, state, "ConversationReopened", {"flow_takes_it": True})


def _text(inbound: InboundMessage) -> str:
    text: str = clipped(storable(inbound.text or inbound.button), LONGEST_TEXT)
    return text


def _plain(customer_id: str, identity_id: str, channel: str, conversation_id: str, at: datetime) -> dict[str, Any]:
    """What messages of both directions have. Columns that a Core insert would leave without their default."""
    return {
        **_DEFAULTS,
        "id": new_id(),
        "customer_id": customer_id,
        "identity_id": identity_id,
        "channel": channel,
        "conversation_id": conversation_id,
        "created_at": at,
    }


_DEFAULTS: dict[str, Any] = {"reason": "", "version": "", "step": "", "leg": "", "worker": "", "tries": 0, "fence": 0}


def _noted(inbound: InboundMessage) -> dict[str, Any]:
    """What is kept of the message beside its text. ``from`` may be another address than the identity's."""
    noted = {
        "from": inbound.sender.value,
        "name": clipped(inbound.sender_name, 200),
        "message_id": clipped(inbound.message_id, LONGEST_SUBJECT),
        "in_reply_to": clipped(inbound.in_reply_to, LONGEST_SUBJECT),
        "replaces": clipped(inbound.replaces, LONGEST_SUBJECT),
        "button": clipped(inbound.button, 200),
        "automatic": clipped(inbound.automatic, 200),
        "sent_raw": clipped(inbound.sent_raw, 100),
        "attachments": [
            {"name": clipped(one.name, 200), "media_type": one.media_type, "size": one.size, "blob": one.blob}
            | ({"remote": one.remote} if one.remote else {})
            | ({"content_id": one.content_id} if one.content_id else {})
            for one in inbound.attachments[:50]
        ],
    }
    return {name: storable(value) for name, value in noted.items() if value}
